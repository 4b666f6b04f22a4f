"""How likely a word is before the photo is seen: common words are right more often than rare ones.

A prior in proportion to the Zipf frequency (log10 of occurrences per billion words, of `wordfreq`)
was the largest single gain on real photos; `docs/keywording.md` has the table.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: Standard deviations of similarity that one step of the Zipf scale is worth.
WEIGHT = 0.8
#: The scale is flat outside: names of a person's own are not ruled out, "the" is no keyword.
ZIPF_RANGE = (1.5, 5.5)


def zipf(words: Sequence[str], language: str) -> NDArray[np.float64]:
    """Return the words' Zipf frequencies, (n,), kept in ZIPF_RANGE.

    A language that wordfreq does not know gives every word the same.
    """
    import wordfreq  # reads its tables on first use

    code = language.partition("-")[0]
    if code not in wordfreq.available_languages("best"):
        return np.full(len(words), ZIPF_RANGE[0])
    found = [wordfreq.zipf_frequency(word, code) for word in words]
    return np.clip(np.array(found, np.float64), *ZIPF_RANGE)
