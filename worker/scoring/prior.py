"""The prior of a word, before the photo is seen: common words are right more often than rare ones.

A prior in proportion to the Zipf frequency (log10 of occurrences per billion words, of `wordfreq`)
was the largest single gain on real photos; `docs/keywording.md` has the table. `presets` adds it to
the scores of the default preset.
"""

import numpy as np
from numpy.typing import NDArray

from worker import vocabulary
from worker.vocabulary import english
from worker.vocabulary.keywords import Vocabulary

#: Standard deviations of similarity per step of the Zipf scale.
WEIGHT = 1.0
#: Frequencies are clipped to this range: a person's own names stay possible, and "the" gains
#: nothing more.
ZIPF_RANGE = (1.5, 5.5)


def build(words: Vocabulary) -> NDArray[np.float64]:
    """Return the prior of each word, (n_words,), in standard deviations of its similarity.

    In `english-50k`, which holds "the" and "because", only words of the pack `visual` get more than
    the least.
    """
    found = np.array([english.zipf(word, words.language) for word in words.words])
    if words.name == vocabulary.ENGLISH:
        visible = vocabulary.load("visual")
        found[[visible.find(word) is None for word in words.words]] = 0.0
    prior: NDArray[np.float64] = WEIGHT * np.clip(found, *ZIPF_RANGE)
    return prior
