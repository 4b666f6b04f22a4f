"""Takes keywords that a person rejected out of the fields that other programs wrote; opens no file.

`worker.sidecars` calls it where `kadr metadata write --remove-rejected` asks for it; otherwise
what other programs wrote is never changed. ACDSee's categories and the names of people stay.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from catalog import spelling
from worker.errors import MetadataError
from worker.metadata import composing, document, editing, keywords, xmp
from worker.metadata.composing import Added
from worker.metadata.document import Document
from worker.metadata.editing import WRITTEN_FIELDS
from worker.metadata.xmp import Field, Values

#: The fields that words are taken out of.
_FIELDS = (*WRITTEN_FIELDS, Field.LAST_KEYWORDS, Field.CATALOG_SETS)


@dataclass(frozen=True, slots=True)
class Cleared:
    """The result of `clear`."""

    #: The new bytes; None where no other program wrote a rejected word.
    data: bytes | None = None
    #: The words that were taken out, as the file spelled them.
    words: tuple[str, ...] = ()


def clear(
    data: bytes, rejected: Collection[str], *, now: datetime, added: Added | None = None
) -> Cleared:
    """Return a document without the values of other programs that stand for rejected words.

    Of a path, the last name counts: `animals|dog` stays where only "animals" is rejected. A field
    that loses its last value stays, empty, so that the photo's own keywords do not come back.

    Args:
        data: The document.
        rejected: The folded words that a person rejected, with their aliases.
        now: The time of the change, aware.
        added: What Kadr is known to have added, for a document that lost its marker.

    Raises:
        MetadataError: The document must not be written; the message says why.
    """
    parsed = document.load(data)
    foreign = composing.foreign_fields(xmp.read(parsed), added)
    found = _find_rejected(foreign, frozenset(rejected))
    if not found:
        return Cleared()
    before, untouched = xmp.read(parsed).fields, editing.foreign_part(parsed, *_FIELDS)
    for field, values in found.items():
        editing.remove_values(parsed, field, values)
    composing.note_emptied(parsed, foreign, found)
    editing.set_text(parsed, editing.DATE, composing.as_date(now), only_change=True)
    made = editing.serialize(parsed, data)
    _prove(document.load(made), before, untouched, found)
    leaves = [
        keywords.split(field, value, rejected)[-1]
        for field, values in found.items()
        for value in values
    ]
    return Cleared(made, tuple({spelling.fold(word): word for word in reversed(leaves)}.values()))


def _find_rejected(
    fields: Mapping[Field, Values], rejected: frozenset[str]
) -> dict[Field, list[str]]:
    """Return the values that stand for rejected words, by field."""
    flat = fields.get(Field.SUBJECT)
    words = {spelling.fold(value) for value in (flat.values if flat is not None else ())}
    found: dict[Field, list[str]] = {}
    for field in _FIELDS:
        for value in fields[field].values if field in fields else ():
            names = keywords.split(field, value, words | rejected)
            is_rejected = names and spelling.fold(names[-1]) in rejected
            if is_rejected and not keywords.is_mark(names):
                found.setdefault(field, []).append(value)
    return found


def _prove(
    after: Document,
    before: Mapping[Field, Values],
    untouched: bytes,
    removed: Mapping[Field, list[str]],
) -> None:
    """Check that the rejected values are gone, and nothing else.

    Raises:
        MetadataError: Something else would change; nothing may be written.
    """
    fields = xmp.read(after).fields
    for field, values in before.items():
        left = sorted([*fields[field].values, *removed.get(field, ())]) if field in fields else []
        if left != sorted(values.values):
            raise MetadataError(f"{field} would not hold what it should; it is left alone")
    if editing.foreign_part(after, *_FIELDS) != untouched:
        raise MetadataError("what other programs wrote would change; it is left alone")
