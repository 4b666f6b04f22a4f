"""Reads the concepts of ImageNet-22k, names of visible things, from the list that timm has.

Each is one of WordNet's: synonyms and a definition. `builder` makes packs of them, and the
comparison's classifier takes its labels from them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

#: Ranges of WordNet numbers (first inclusive, last exclusive) that hold things to be seen:
#: animals, artefacts, food, natural objects, plants. Left out are attributes, acts, messages,
#: people by profession (a reviewed list has those that show) and shapes.
_VISIBLE = (
    (1_300_000, 4_850_000),
    (7_500_000, 7_950_000),
    (9_150_000, 9_480_000),
    (11_400_000, 13_200_000),
)
_HEAD_ENDS = re.compile(
    r"[,;:(]| (that|which|who|whose|with|having|of|in|on|at|by|for|from|to|used|made|worn|where|"
    r"when|consisting|containing|resembling|usually|formerly|native|found|and|or|bearing|"
    r"especially|carried|designed|equipped|related|similar|as|covered|cut|without|about|than)\b"
)
#: "a breed of hound" is a hound.
_OF_A_KIND = re.compile(
    r"^.*?\b(breeds?|variety|varieties|types?|kinds?|species|genus|forms?|members?|any|one|several|"
    r"number|various) of (an? |the |any |numerous |several |various |many )*"
)


@dataclass(frozen=True, slots=True)
class Concept:
    """One meaning with its words, the commonest first."""

    #: WordNet's number of the noun: `n02088364`.
    wnid: str
    names: tuple[str, ...]
    definition: str

    @property
    def is_visible(self) -> bool:
        """Return whether it is of a kind that photos show."""
        number = int(self.wnid[1:])
        return any(first <= number < last for first, last in _VISIBLE)

    @property
    def genus(self) -> str | None:
        """The noun that the definition begins with: "hound" in "a small short-legged hound"."""
        definition = _OF_A_KIND.sub("", self.definition, count=1)
        nouns = _HEAD_ENDS.split(definition, maxsplit=1)[0].split()
        return nouns[-1].lower() if nouns else None


def imagenet_22k() -> Iterator[Concept]:
    """Yield the 21,841 concepts of ImageNet-22k."""
    return _concepts("imagenet-22k")


def imagenet_1k() -> Iterator[Concept]:
    """Yield the 1,000 classes of ImageNet-1k, in the order of classifiers."""
    return _concepts("imagenet-1k")


def _concepts(name: str) -> Iterator[Concept]:
    from timm.data.imagenet_info import ImageNetInfo  # noqa: PLC0415 - brings torch

    info: Any = ImageNetInfo(name)
    for index in range(info.num_classes()):
        text = str(info.index_to_description(index, detailed=True))
        names, _, definition = text.partition(": ")
        yield Concept(
            wnid=str(info.index_to_label_name(index)),
            names=tuple(dict.fromkeys(part.strip() for part in names.split(",") if part.strip())),
            definition=definition.strip(),
        )
