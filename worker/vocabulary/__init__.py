"""Loads, reads, writes and builds the vocabularies that photos are tagged with."""

from worker.vocabulary.keywords import Alias, Keyword, Vocabulary
from worker.vocabulary.packs import ENGLISH, PACKS, find_pack, list_names, load

__all__ = [
    "ENGLISH",
    "PACKS",
    "Alias",
    "Keyword",
    "Vocabulary",
    "find_pack",
    "list_names",
    "load",
]
