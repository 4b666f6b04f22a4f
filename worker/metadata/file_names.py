"""Reads the date in the name of a photo, as phones and messengers write it: the last resort.

`worker.images` asks where no metadata has a date.
"""

import re

from catalog.said import Taken
from worker.metadata import dates

#: "2011-07-19 11.36.39" (Dropbox), "photo_2020-10-18_12-00-00" (Telegram),
#: "WhatsApp Image 2020-10-18 at 12.00.00", "Screenshot_2020-10-18-12-00-00".
_SEPARATED = re.compile(
    r"(?<!\d)((?:18|19|20)\d\d)([-_.])(\d\d)\2(\d\d)(?!\d)"
    r"(?:(?:[-_ T]| at |, )(\d\d)[-_.:h]?(\d\d)(?:[-_.:m]?(\d\d))?(?!\d))?"
)
#: "IMG-20201018-WA0007" (WhatsApp), "PXL_20230514_101112345" (Pixel), "20201018_120000"
#: (Samsung), "Screenshot_20201018-120000", "IMG20201018120000" (Oppo).
_COMPACT = re.compile(
    r"(?<!\d)((?:19[89]|20\d)\d)(\d\d)(\d\d)(?:[-_ T]?(\d\d)(\d\d)(\d\d)(?:\d{1,3})?)?(?!\d)"
)
#: Pixel phones write the time in UTC.
_IN_UTC = ("PXL_",)


def taken(name: str) -> Taken | None:
    """Return the date that a file's name begins with or holds; None if there is none."""
    stem = name.rpartition(".")[0] or name
    found = _SEPARATED.search(stem)
    if found is not None:
        year, _, month, day, *time = found.groups()
    else:
        found = _COMPACT.search(stem)
        if found is None:
            return None
        year, month, day, *time = found.groups()
    if "00" in (month, day):
        return None
    hour, minute, second = time
    clock = "" if hour is None else f"T{hour}:{minute}:{second or '00'}"
    return dates.parse(f"{year}-{month}-{day}{clock}", "Z" if stem.startswith(_IN_UTC) else None)
