"""Decides what a sidecar is to hold, and makes its new bytes; opens no file.

`worker.sidecars` calls `compose` with what is there and what the catalogue says of the photo. Only
values that Kadr added are ever taken out again. The three keyword fields say the same after a
write: programs read the first field that holds anything, so one that held less would hide words.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from lxml import etree

from catalog import spelling
from catalog.said import Keyword
from worker.errors import MetadataError
from worker.metadata import document, editing, keywords, xmp
from worker.metadata.document import Document
from worker.metadata.editing import WRITTEN_FIELDS
from worker.metadata.xmp import SEPARATORS, Field, Form, Values

VERSION = "1"
#: The marker's bags that hold the values which Kadr added to a field.
_ADDED = {
    Field.SUBJECT: "kadr:Words",
    Field.HIERARCHY: "kadr:Paths",
    Field.TAGS_LIST: "kadr:Tags",
}
_BEFORE = "kadr:Before"
#: In `kadr:Before`, after a field: it was there without a value.
_EMPTY = "empty"

_NEW_DOCUMENT = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Kadr">\n'
    f' <rdf:RDF xmlns:rdf="{document.RDF}">\n'
    '  <rdf:Description rdf:about=""\n'
    f'    xmlns:xmp="{xmp.NAMESPACES["xmp"]}">\n'
    "   <xmp:MetadataDate></xmp:MetadataDate>\n"
    "  </rdf:Description>\n </rdf:RDF>\n</x:xmpmeta>\n"
    '<?xpacket end="w"?>\n'
).encode()
_EXTENDED = "{http://ns.adobe.com/xmp/note/}HasExtendedXMP"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the catalogue says of a photo."""

    #: Keywords that a person gave or confirmed, each with its broader words, the broadest first.
    confirmed: tuple[tuple[str, ...], ...] = ()
    #: Keywords of a model that are written all the same.
    proposed: tuple[tuple[str, ...], ...] = ()
    #: Words that a person rejected.
    rejected: tuple[str, ...] = ()
    #: Words that another program took out, and that are not to be written again.
    withdrawn: tuple[str, ...] = ()
    #: The rejected words and their aliases, folded.
    rejected_keys: frozenset[str] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to say."""
        return not (self.confirmed or self.proposed or self.rejected)


@dataclass(frozen=True, slots=True)
class Style:
    """How words are written, as the settings want it."""

    #: A name that all paths begin with.
    root: str | None = None
    #: Whether broader words are written as keywords of their own, as Lightroom does.
    with_broader: bool = False


@dataclass(frozen=True, slots=True)
class Added:
    """The values that Kadr added to each field and may take out again."""

    values: Mapping[Field, tuple[str, ...]] = field(default_factory=dict)

    def to_json(self) -> dict[str, list[str]]:
        """Return them as a sidecar's row keeps them."""
        keys = zip(("flat", "paths", "tags"), WRITTEN_FIELDS, strict=True)
        return {key: list(self.values.get(each, ())) for key, each in keys}

    @classmethod
    def from_json(cls, data: Mapping[str, Sequence[str]] | None) -> "Added":
        """Return the values that a sidecar's row keeps."""
        keys = zip(("flat", "paths", "tags"), WRITTEN_FIELDS, strict=True)
        return cls({each: tuple((data or {}).get(key, ())) for key, each in keys})


@dataclass(frozen=True, slots=True)
class Composed:
    """The result of `compose`."""

    #: The new bytes; None where nothing is to be changed.
    data: bytes | None
    added: Added
    #: Rejected words of other programs that are taken out: see `clearing`.
    cleared: tuple[str, ...] = ()


#: Returns the keywords that a photo's file itself carries; it is opened only where they matter.
Embedded = Callable[[], Sequence[Keyword]]


@dataclass(slots=True)
class _State:
    """What a document holds: values of others, values that Kadr added, and the marker."""

    parsed: Document
    foreign: dict[Field, Values]
    ours: dict[Field, tuple[str, ...]]
    marker: dict[str, tuple[str, ...]]
    before: list[str]


def new_document(packet: bytes | None, words: Sequence[Keyword] = ()) -> bytes:
    """Return a new sidecar, which says all that the photo's own file says: else it would hide it.

    Args:
        packet: The XMP packet in the file, if there is one.
        words: All keywords that the file carries, also in IPTC and EXIF.

    Raises:
        MetadataError: The packet is damaged, or only a part of what the photo carries.
    """
    has_packet = packet is not None and packet.strip(b"\0 \t\r\n")
    parsed = document.load(packet if packet is not None and has_packet else _NEW_DOCUMENT)
    for description in parsed.rdf.iterchildren("*"):
        if description.get(_EXTENDED) is not None or description.find(_EXTENDED) is not None:
            raise MetadataError(
                "the photo's own XMP is spread over several parts, which Kadr does not join; "
                "have another program write a sidecar first"
            )
    root = parsed.tree.getroot()
    if root.tag == xmp.name("x:xmpmeta"):
        root.set(xmp.name("x:xmptk"), "Kadr")
    editing.set_text(parsed, editing.DATE, "")
    there = xmp.read(parsed).fields
    paths = {spelling.fold(each.word): (*reversed(each.broader), each.word) for each in words}
    for field_, form in WRITTEN_FIELDS.items():
        if missing := _missing(field_, paths, there.get(field_)):
            editing.add_values(parsed, field_, missing, form)
    return editing.serialize(parsed, b"")


def with_text(data: bytes, field_name: str, value: str) -> bytes:
    """Return a document in which a property has one value."""
    parsed = document.load(data)
    editing.set_text(parsed, field_name, value)
    return editing.serialize(parsed, data)


def compose(
    data: bytes,
    wanted: Wanted,
    *,
    now: datetime,
    style: Style | None = None,
    added: Added | None = None,
    embedded: Embedded = tuple,
) -> Composed:
    """Return what a sidecar is to hold.

    Args:
        data: What it holds, or `new_document`.
        wanted: What the catalogue says of the photo.
        now: The time of the change, aware.
        style: How words are written.
        added: What Kadr is known to have added, for a document that lost its marker.
        embedded: Keywords of the photo's file, which count while the sidecar names none.

    Raises:
        MetadataError: The document must not be written; the message says why.
    """
    state = _read(document.load(data), added)
    target = _target(state, wanted, style or Style(), embedded)
    marker = _marker(state, wanted, target)
    removed = {each: _without(state.ours[each], target[each]) for each in WRITTEN_FIELDS}
    adding = {each: _without(target[each], state.ours[each]) for each in WRITTEN_FIELDS}
    result = Added(target)
    is_marked = {key: sorted(values) for key, values in state.marker.items()} == {
        key: sorted(values) for key, values in marker.items()
    }
    if is_marked and not any(removed.values()) and not any(adding.values()):
        return Composed(None, result)
    foreign = _foreign_part(state.parsed)
    _change(state, removed, adding, marker)
    editing.set_text(state.parsed, editing.DATE, as_date(now), only_change=True)
    made = editing.serialize(state.parsed, data)
    _prove(made, foreign, state, target)
    return Composed(made, result)


def withdraw(data: bytes, *, now: datetime, added: Added | None = None) -> Composed:
    """Return a document without anything that Kadr added.

    Raises:
        MetadataError: The document must not be written; the message says why.
    """
    return compose(data, Wanted(), now=now, added=added)


def foreign_fields(found: xmp.Xmp, added: Added | None = None) -> dict[Field, Values]:
    """Return the keyword fields of a document without the values that Kadr added.

    Args:
        found: What the document says.
        added: What Kadr is known to have added, for a document that lost its marker.
    """
    return _divide(found, added)[0]


def note_emptied(
    parsed: Document, foreign: Mapping[Field, Values], removed: Mapping[Field, Sequence[str]]
) -> None:
    """Note in the marker the fields of which only Kadr's values are left.

    They still say that the photo has none of the keywords that its own file names.

    Args:
        parsed: The document, without the values that were removed.
        foreign: What it held of other programs before.
        removed: The values that were removed of these.
    """
    noted = xmp.find(parsed, _BEFORE)
    known = noted.values if noted is not None else ()
    for each, values in removed.items():
        left = xmp.find(parsed, each)
        is_ours = left is not None and left.values and len(values) == len(foreign[each].values)
        if is_ours and not any(note.startswith(each) for note in known):
            editing.add_values(parsed, _BEFORE, [f"{each} {_EMPTY}"], Form.BAG)


def as_date(now: datetime) -> str:
    """Return a time as XMP writes it."""
    return now.astimezone().isoformat(timespec="seconds")


def _divide(
    found: xmp.Xmp, added: Added | None
) -> tuple[dict[Field, Values], dict[Field, tuple[str, ...]]]:
    """Return the values of others, and those that Kadr added and that are still there."""
    marker = found.marker
    known = (added or Added()).values
    if marker is not None:
        noted = (marker.words, marker.paths, marker.tags)
        known = dict(zip(WRITTEN_FIELDS, noted, strict=True))
    notes = marker.before if marker is not None else ()
    foreign, ours = dict(found.fields), {}
    for each in WRITTEN_FIELDS:
        values = foreign.get(each)
        rest = list(values.values) if values is not None else []
        ours[each] = tuple(value for value in known.get(each, ()) if _took(rest, value))
        if values is None:
            continue
        if rest or not ours[each] or any(note.startswith(each) for note in notes):
            foreign[each] = replace(values, values=tuple(rest))
        else:
            del foreign[each]
    return foreign, ours


def _read(parsed: Document, added: Added | None) -> _State:
    if len(list(parsed.tree.iter(xmp.name("x:xmpmeta")))) > 1:
        raise MetadataError("has several x:xmpmeta; let its program write it anew")
    found = xmp.read(parsed)
    foreign, ours = _divide(found, added)
    marker = {
        key: values.values
        for key in ("kadr:Confirmed", "kadr:Proposed", "kadr:Rejected", *_ADDED.values(), _BEFORE)
        if (values := xmp.find(parsed, key)) is not None
    }
    return _State(parsed, foreign, ours, marker, list(marker.get(_BEFORE, ())))


def _took(values: list[str], value: str) -> bool:
    """Take a value out of a list, from its end, and return whether it was in it."""
    for place in range(len(values) - 1, -1, -1):
        if values[place] == value:
            del values[place]
            return True
    return False


def _target(
    state: _State, wanted: Wanted, style: Style, embedded: Embedded
) -> dict[Field, tuple[str, ...]]:
    """Return the values that Kadr adds to each field."""
    none: dict[Field, tuple[str, ...]] = dict.fromkeys(WRITTEN_FIELDS, ())
    said = _spoken(wanted)
    if not said:
        return none
    known: Sequence[Keyword] = keywords.collect(state.foreign)
    if not state.foreign:
        known = (*known, *embedded())
    kept_out = {spelling.fold(word) for word in (*wanted.rejected, *wanted.withdrawn)}
    paths: dict[str, tuple[str, ...]] = {}
    for each in known:
        key = spelling.fold(each.word)
        if key not in kept_out:
            paths.setdefault(key, (*reversed(each.broader), each.word))
    for key, path in said.items():
        own = (*paths[key][:-1], path[-1]) if key in paths and len(paths[key]) > 1 else path
        paths[key] = own if own is not path or style.root is None else (style.root, *path)
    result = {each: _missing(each, paths, state.foreign.get(each)) for each in WRITTEN_FIELDS}
    if style.with_broader:
        broader = {spelling.fold(w): (w,) for path in said.values() for w in path[:-1]}
        added = _missing(Field.SUBJECT, broader, state.foreign.get(Field.SUBJECT))
        result[Field.SUBJECT] = tuple(dict.fromkeys((*result[Field.SUBJECT], *added)))
    there = state.foreign.get(Field.SUBJECT)
    if len(result[Field.SUBJECT]) + len(there.values if there else ()) > keywords.MAX_KEYWORDS:
        raise MetadataError(
            f"it would hold more than {keywords.MAX_KEYWORDS} keywords; "
            "raise the confidence from which words are written"
        )
    return result


def _spoken(wanted: Wanted) -> dict[str, tuple[str, ...]]:
    """Return the paths of the words that are to be written, by the folded word."""
    withdrawn = {spelling.fold(word) for word in wanted.withdrawn}
    said: dict[str, tuple[str, ...]] = {}
    for path in (*wanted.confirmed, *wanted.proposed):
        names = tuple(name for name in map(_writable, path) if name)
        if names and _writable(path[-1]) and spelling.fold(names[-1]) not in withdrawn:
            said.setdefault(spelling.fold(names[-1]), names)
    return said


def _writable(word: str) -> str:
    """Return a word without the characters that XML does not allow."""
    return spelling.clean("".join(char for char in word if _is_legal(char)))


def _is_legal(char: str) -> bool:
    return char not in "\ufffe\uffff" and not "\ud800" <= char <= "\udfff"


def _missing(
    which: Field, paths: Mapping[str, tuple[str, ...]], there: Values | None
) -> tuple[str, ...]:
    """Return what a field lacks: words, or paths whose last name none of its paths has."""
    separator = SEPARATORS.get(which)
    found = there.values if there is not None else ()
    leaves = {spelling.fold(names[-1]) for each in found if (names := keywords.split(which, each))}
    leaves |= {spelling.fold(each) for each in found}  # AC/DC, which no path can name
    missing = []
    for key, path in paths.items():
        if key in leaves:
            continue
        if separator is None:
            missing.append(path[-1])
        elif not any(separator in name for name in path):
            missing.append(separator.join(path))
    return tuple(missing)


def _marker(
    state: _State, wanted: Wanted, target: Mapping[Field, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """Return the bags of the marker; none where Kadr has nothing to say."""
    if wanted.is_empty:
        return {}
    said = _spoken(wanted)
    bags = {
        "kadr:Confirmed": [path[-1] for path in wanted.confirmed],
        "kadr:Proposed": [path[-1] for path in wanted.proposed],
        "kadr:Rejected": list(wanted.rejected),
    }
    shown = {
        key: tuple(
            word
            for word in map(_writable, words)
            if word and (key == "kadr:Rejected" or spelling.fold(word) in said)
        )
        for key, words in bags.items()
    }
    shown |= {_ADDED[each]: tuple(values) for each, values in target.items()}
    shown[_BEFORE] = tuple(_before(state, target))
    return {key: values for key, values in shown.items() if values}


def _before(state: _State, target: Mapping[Field, Sequence[str]]) -> list[str]:
    """Return what must be known to restore the document: forms that the additions change."""
    before = list(state.before)
    for each in WRITTEN_FIELDS:
        values, has_note = state.foreign.get(each), any(n.startswith(each) for n in before)
        if values is None or has_note or not target[each]:
            continue
        if form := editing.find_form(state.parsed, each):
            before.append(f"{each} {form}")
        elif not values.values:
            before.append(f"{each} {_EMPTY}")
    return before


def _change(
    state: _State,
    removed: Mapping[Field, Sequence[str]],
    adding: Mapping[Field, Sequence[str]],
    marker: Mapping[str, Sequence[str]],
) -> None:
    parsed = state.parsed
    for key in ("kadr:Version", *state.marker):
        editing.remove_property(parsed, key)
    for each, form in WRITTEN_FIELDS.items():
        editing.remove_values(parsed, each, removed[each])
        if adding[each]:
            editing.add_values(parsed, each, adding[each], form)
        elif removed[each] and set(removed[each]) == set(state.ours[each]):
            _restore(state, each)
    if marker:
        editing.set_text(parsed, "kadr:Version", VERSION)
    for key, values in marker.items():
        editing.add_values(parsed, key, values, Form.BAG)


def _restore(state: _State, which: Field) -> None:
    """Restore the original form of a field that holds nothing of Kadr's any more."""
    notes = [note.removeprefix(f"{which} ") for note in state.before if note.startswith(which)]
    left = xmp.find(state.parsed, which)
    if left is not None and not left.values and not notes:
        editing.remove_property(state.parsed, which)
    for form in (Form.ATTRIBUTE, Form.ELEMENT):
        if form in notes:
            editing.restore_form(state.parsed, which, form)


def _without(values: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    return tuple(value for value in values if value not in others)


def _foreign_part(parsed: Document) -> bytes:
    try:
        return editing.foreign_part(parsed)
    except etree.LxmlError as error:
        raise MetadataError(
            f"cannot be compared ({error}), so it is left alone; let its program write it anew"
        ) from error


def _prove(
    made: bytes, foreign: bytes, state: _State, target: Mapping[Field, Sequence[str]]
) -> None:
    """Check that the new bytes say what was wanted, and that nothing else changed.

    Raises:
        MetadataError: They do not; nothing may be written.
    """
    again = document.load(made)
    for each in WRITTEN_FIELDS:
        values = xmp.find(again, each)
        there = state.foreign.get(each)
        wanted = [*(there.values if there is not None else ()), *target[each]]
        if sorted(values.values if values is not None else ()) != sorted(wanted):
            raise MetadataError(f"{each} would not hold what it should; it is left alone")
    if _foreign_part(again) != foreign:
        raise MetadataError("what other programs wrote would change; it is left alone")
