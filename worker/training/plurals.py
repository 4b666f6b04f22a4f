"""Plurals of the concepts: aliases in the vocabulary, and texts that the text tower learns."""

import re

import wordfreq

_IRREGULAR = {
    "man": "men",
    "woman": "women",
    "person": "people",
    "child": "children",
    "foot": "feet",
    "tooth": "teeth",
    "goose": "geese",
    "mouse": "mice",
    "ox": "oxen",
    "leaf": "leaves",
    "knife": "knives",
    "wolf": "wolves",
    "loaf": "loaves",
    "scarf": "scarves",
    "shelf": "shelves",
    "calf": "calves",
    "cactus": "cacti",
    "tomato": "tomatoes",
    "potato": "potatoes",
}
_RULES = (
    (re.compile(r"(?<=[^aeiou])y$"), "ies"),
    (re.compile(r"(?<=s|x|z)$|(?<=ch|sh)$"), "es"),
    (re.compile(r"$"), "s"),
)
#: How much rarer than its singular a plural may be: beyond that nobody says it (sand, knitting).
_MAX_RARER = 1.5
#: Words of this ending are plurals already (shorts, grapes), except after another s.
_PLURAL = re.compile(r"[^su]s$")


def get_plural(word: str) -> str | None:
    """Return the plural that people use, or `None` where they hardly do.

    Frequencies are Zipf's, a logarithm to base ten, from `wordfreq`.
    """
    *before, last = word.split(" ")
    if _PLURAL.search(last) or (last.endswith("ing") and last not in {"building", "ring"}):
        return None
    plural = _inflect(last)
    usual = wordfreq.zipf_frequency(last, "en") - wordfreq.zipf_frequency(plural, "en")
    if wordfreq.zipf_frequency(plural, "en") == 0.0 or (not before and usual > _MAX_RARER):
        return None
    return " ".join([*before, plural])


def _inflect(word: str) -> str:
    for singular, plural in _IRREGULAR.items():
        if word == singular or (singular in {"man", "woman"} and word.endswith(singular)):
            return word.removesuffix(singular) + plural
    return next(rule.sub(end, word, count=1) for rule, end in _RULES if rule.search(word))
