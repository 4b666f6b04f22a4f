"""Loads vocabularies by name or path: the packs that come with Kadr, and a person's own files."""

import difflib
from pathlib import Path

from worker.errors import VocabularyError
from worker.models import names
from worker.vocabulary import file
from worker.vocabulary.keywords import Alias, Keyword, Vocabulary

__all__ = ["Alias", "Keyword", "Vocabulary", "find_pack", "list_names", "load"]

#: The folder of the packs that come with Kadr, `<name>.txt` each.
PACKS = Path(__file__).parent.parent / "packs"

#: The paper's vocabulary; made from wordfreq when it is asked for.
ENGLISH = "english-50k"
_ENGLISH_WORDS = 50_000


def load(spec: str | Path) -> Vocabulary:
    """Return the vocabulary of that name, or of that file (see `worker.vocabulary.file`).

    A pack goes before a file of the same name; write `./starter` for the file.

    Raises:
        VocabularyError: There is no such pack or file, or the file cannot be used.
    """
    if str(spec) == ENGLISH:
        return english_50k()
    pack = find_pack(spec)
    vocabulary, _ = file.read(pack, name=str(spec) if _pack(str(spec)) else None)
    return vocabulary


def find_pack(spec: str | Path) -> Path:
    """Return the file of a pack's name or path.

    Raises:
        VocabularyError: There is no such pack or file.
    """
    path = _pack(str(spec)) or Path(spec).expanduser()
    if path.is_file():
        return path
    raise VocabularyError(_unknown(str(spec)))


def list_names() -> list[str]:
    """Return the names that `load` knows."""
    packs = {path.stem for path in PACKS.glob("*.txt")}
    return [
        ENGLISH,
        *sorted(packs | ({names.STARTER} if _pack(names.STARTER) else set())),
    ]


def english_50k() -> Vocabulary:
    """Return the 50,000 most common English words, the most common first: the paper's."""
    import wordfreq  # noqa: PLC0415 - reads its tables on first use

    found = wordfreq.top_n_list("en", _ENGLISH_WORDS)
    return Vocabulary(ENGLISH, tuple(Keyword(word) for word in found))


def _pack(name: str) -> Path | None:
    """Return the file of a pack that is there; the starter model brings its own."""
    starter = name == names.STARTER
    path = names.STARTER_FOLDER / "vocabulary.txt" if starter else PACKS / f"{name}.txt"
    return path if path.is_file() else None


def _unknown(spec: str) -> str:
    near = difflib.get_close_matches(spec.lower(), list_names(), n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(list_names())}"
    return f"{spec}: no such vocabulary or file; {hint}"
