"""The words of the pages in each language, from `locale/`: one file a language, flat keys.

A text is a string with `{names}`, or an object of strings by CLDR plural category. Pages call
`Texts`; keys that begin with `js.` and `key.` also go to the browser.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "locale"
DEFAULT = "en"
_FOR_BROWSER = ("js.", "key.")
_NARROW_SPACE = "\N{NO-BREAK SPACE}"


def _english(n: float) -> str:
    return "one" if n == 1 else "other"


def _russian(n: float) -> str:
    """Return the category of CLDR's rules for Russian."""
    if n != int(n):
        return "other"
    last, last_two = int(n) % 10, int(n) % 100
    if last == 1 and last_two != 11:  # noqa: PLR2004
        return "one"
    return "few" if last in {2, 3, 4} and last_two not in {12, 13, 14} else "many"


_PLURALS: dict[str, Callable[[float], str]] = {"en": _english, "ru": _russian}
_THOUSANDS = {"en": ",", "ru": _NARROW_SPACE}
_DECIMAL = {"en": ".", "ru": ","}


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one language, and how it writes numbers."""

    language: str
    entries: Mapping[str, str | Mapping[str, str]]

    def __call__(self, key: str, /, **values: object) -> str:
        """Return a text; `n` chooses its plural form and is written as a number.

        Raises:
            KeyError: There is no such text.
        """
        entry = self.entries[key]
        n = values.get("n", 0)
        if not isinstance(entry, str):
            of_number = _PLURALS[self.language](n if isinstance(n, int | float) else 0)
            entry = entry.get(of_number, entry["other"])
        shown = {name: self._show(value) for name, value in values.items()}
        for name, value in shown.items():
            entry = entry.replace("{" + name + "}", value)
        return entry

    def number(self, value: float) -> str:
        """Return a number as the language writes it, with at most one decimal."""
        text = f"{value:,.1f}" if value != int(value) else f"{int(value):,}"
        signs = {",": _THOUSANDS[self.language], ".": _DECIMAL[self.language]}
        return "".join(signs.get(char, char) for char in text)

    def percent(self, share: float) -> str:
        """Return a share from 0 to 1 in percent."""
        return f"{round(share * 100)}{_NARROW_SPACE}%"

    def for_browser(self) -> dict[str, str | Mapping[str, str]]:
        """Return the texts that the modules of the pages use."""
        return {key: text for key, text in self.entries.items() if key.startswith(_FOR_BROWSER)}

    def _show(self, value: object) -> str:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return self.number(value) if is_number else str(value)  # type: ignore[arg-type]


@cache
def load(language: str) -> Texts:
    """Return the texts of a language that `LANGUAGES` has."""
    content = json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    return Texts(language, content)


#: The languages of the pages, with their own names.
LANGUAGES: Mapping[str, str] = {"en": "English", "ru": "Русский"}


def choose(wanted: str, accepted: str) -> str:
    """Return the language of a page.

    Args:
        wanted: What the person chose, or nothing.
        accepted: The browser's Accept-Language header.
    """
    if wanted in LANGUAGES:
        return wanted
    for part in sorted(accepted.split(","), key=_weight, reverse=True):
        language = part.split(";")[0].strip().split("-")[0].casefold()
        if language in LANGUAGES:
            return language
    return DEFAULT


def _weight(part: str) -> float:
    _, _, q = part.partition(";q=")
    try:
        return float(q) if q else 1.0
    except ValueError:
        return 0.0
