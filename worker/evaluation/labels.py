"""Reads photos with the words that people gave them, which `kadr evaluate` compares with."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from catalog import spelling
from worker.errors import EvaluationError

_PHOTO_COLUMNS = ("photo", "path", "file", "filename", "image")
_WORD_COLUMNS = ("words", "labels", "keywords", "tags")


@dataclass(frozen=True, slots=True)
class LabelledPhoto:
    """A photo and the words that it should get."""

    path: Path
    words: tuple[str, ...]


def read(path: Path) -> list[LabelledPhoto]:
    """Read a CSV of two columns: the photo's path (relative to the file) and its words.

    Words are separated by `|` or `;`. Photos without words are left out; rows of one photo are
    joined.

    Raises:
        EvaluationError: The file cannot be read, has other columns or no rows, or a word in it is
            too long.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            columns = _columns(path, rows.fieldnames or [])
            found = [[row[column] or "" for column in columns] for row in rows]
    except OSError as error:
        raise EvaluationError(
            f"{path}: cannot be read ({error.strerror}); check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{path}: is not UTF-8; save it as UTF-8") from error
    except csv.Error as error:
        raise EvaluationError(
            f"{path}: is not a CSV file ({error}); write photo,words lines"
        ) from error
    labelled = _joined(path.parent, found)
    for photo in labelled:
        _require_words(path, photo)
    if not labelled:
        raise EvaluationError(f"{path}: has no photo with words; write photo,words lines")
    return labelled


def _columns(path: Path, names: Sequence[str]) -> list[str]:
    known = {name.strip().lower(): name for name in names}
    chosen = []
    for wanted in (_PHOTO_COLUMNS, _WORD_COLUMNS):
        column = next((known[name] for name in wanted if name in known), None)
        if column is None:
            raise EvaluationError(
                f"{path}: has the columns {', '.join(names) or 'none'} and no '{wanted[0]}'; "
                "name them photo,words in the first line"
            )
        chosen.append(column)
    return chosen


def _require_words(path: Path, photo: LabelledPhoto) -> None:
    longest = max(photo.words, key=len)
    if len(longest) > spelling.MAX_WORD_CHARS:
        raise EvaluationError(
            f"{path}: {photo.path.name} has a word of {len(longest)} characters, "
            f"'{longest[:20]}...'; at most {spelling.MAX_WORD_CHARS}, words stand between | or ;"
        )


def _joined(folder: Path, rows: Sequence[Sequence[str]]) -> list[LabelledPhoto]:
    by_path: dict[str, dict[str, None]] = {}
    for photo, text in rows:
        given = (spelling.clean(word) for word in text.replace(";", "|").split("|"))
        if photo.strip():
            by_path.setdefault(photo.strip(), {}).update((word, None) for word in given if word)
    return [
        LabelledPhoto(folder / photo, tuple(found)) for photo, found in by_path.items() if found
    ]
