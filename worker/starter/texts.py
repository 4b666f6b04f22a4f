"""Owns the texts that the text tower learns: concepts in prompts, in the plural, and in pairs."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from worker.vocabulary import english

#: The prompts that the finished model is used with, and that its figures are measured with.
PROMPTS = ("a photo of a {word}", "a photo of {word}", "{word}")
#: Others that people write; openai-7 among them.
_OTHER_PROMPTS = (
    "a photo of the {word}",
    "a photo of many {word}",
    "a picture of a {word}",
    "the {word}",
    "a {word}",
    "itap of a {word}.",
    "a bad photo of the {word}.",
    "a origami {word}.",
    "a photo of the large {word}.",
    "a {word} in a video game.",
    "art of the {word}.",
    "a photo of the small {word}.",
)
_PAIRS = ("{a} and {b}", "a {a} with a {b}", "a photo of a {a} and a {b}", "a {a} in the {b}")
_PAIR_SHARE = 0.15
_PLURAL_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Text:
    """A text and the rows of the concepts it speaks of: one or two."""

    text: str
    concepts: tuple[int, ...]


class Texts:
    """An endless source of texts about ``words``."""

    def __init__(self, words: Sequence[str], *, seed: int = 0) -> None:
        self._words = tuple(words)
        self._plurals = [english.plural(word) or word for word in self._words]
        self._random = random.Random(seed)

    def draw(self, n_texts: int) -> list[Text]:
        """Draw texts; half of them in the prompts that the model is used with."""
        return [self._draw_one() for _ in range(n_texts)]

    def list_parts(self) -> list[str]:
        """Return texts that hold, between them, every word that ``draw`` can use."""
        nothing = {"a": "", "b": "", "word": ""}
        frames = (*PROMPTS, *_OTHER_PROMPTS, *_PAIRS)
        return [*self._words, *self._plurals, *(frame.format(**nothing) for frame in frames)]

    def _draw_one(self) -> Text:
        draw = self._random
        first = draw.randrange(len(self._words))
        if draw.random() < _PAIR_SHARE:
            second = draw.randrange(len(self._words))
            both = {"a": self._words[first], "b": self._words[second]}
            return Text(draw.choice(_PAIRS).format(**both), (first, second))
        names = self._plurals if draw.random() < _PLURAL_SHARE else self._words
        prompts = PROMPTS if draw.random() < 0.5 else _OTHER_PROMPTS  # noqa: PLR2004
        return Text(draw.choice(prompts).format(word=names[first]), (first,))
