"""The words that photos are tagged with: packs, files, prompts, and how packs are built."""

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
