"""Random small catalogues and random queries, each query with its meaning spelled out in Python.

The meaning is written down a second time here, photo by photo and without SQL, so that the parser
and the compiler can be compared with it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from catalog.db.tables import (
    Base,
    Decision,
    Photo,
    PhotoFile,
    PhotoState,
    PhotoTag,
    Root,
    Source,
    Tag,
    TagAlias,
)
from catalog.query.geo import distance_km

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)

#: Name, parent, aliases. "dogs" is found by its lemma, "doggo" by its alias.
TAGS = (
    ("animal", None, ()),
    ("dog", "animal", ("doggo",)),
    ("beagle", "dog", ()),
    ("cat", "animal", ("kitty",)),
    ("beach", None, ("seaside",)),
    ("sea", None, ()),
    ("polar bear", "animal", ()),
    ("mountain", None, ()),
    ("mountain bike", None, ()),
    ("café", None, ()),
)
NAMES = [name for name, _, _ in TAGS]
IDS = {name: number for number, name in enumerate(NAMES, 1)}
CONFIDENCES = (0.0, 0.0625, 0.25, 0.5, 0.625, 1.0)
PATHS = ("a/Beach 1.jpg", "a/b/x_y.png", "holiday/beach/2.jpg", "Z.jpg", "holiday/100%.jpg")


@dataclass(frozen=True)
class OnPhoto:
    """A keyword on a photo."""

    confidence: float
    source: Source
    decision: Decision | None

    @property
    def counts(self) -> bool:
        return self.decision is not Decision.REJECTED


@dataclass(frozen=True)
class Drawn:
    """A photo of the random catalogue."""

    tags: dict[str, OnPhoto]
    files: tuple[tuple[str, bool], ...]
    state: PhotoState
    taken_at: datetime | None
    added_at: datetime
    camera: str | None
    format: str | None
    width: int | None
    place: tuple[float, float] | None
    photo_id: int = 0

    @property
    def is_present(self) -> bool:
        return any(not is_missing for _, is_missing in self.files)

    @property
    def first_path(self) -> str:
        shown = [path for path, gone in self.files if not gone] or [path for path, _ in self.files]
        return min((f"/photos/{self.photo_id}-{path}" for path in shown), default="")


_on_photo = st.builds(
    OnPhoto,
    confidence=st.sampled_from(CONFIDENCES),
    source=st.sampled_from(list(Source)),
    decision=st.sampled_from([None, None, *Decision]),
)
_taken = st.sampled_from([None, *(datetime(2023, month, 5, 10) for month in (4, 5, 6))])  # noqa: DTZ001

photos = st.lists(
    st.builds(
        Drawn,
        tags=st.dictionaries(st.sampled_from(NAMES), _on_photo, max_size=5),
        files=st.lists(
            st.tuples(st.sampled_from(PATHS), st.sampled_from([False, False, True])),
            max_size=2,
            unique_by=lambda file: file[0],
        ).map(tuple),
        state=st.sampled_from(list(PhotoState)),
        taken_at=_taken,
        added_at=st.sampled_from([NOW - timedelta(days=days) for days in (0, 3, 20)]),
        camera=st.sampled_from([None, "NIKON D850", "Canon EOS 5D"]),
        format=st.sampled_from([None, "jpeg", "heic"]),
        width=st.sampled_from([None, 640, 4000, 6000]),
        place=st.sampled_from([None, (48.85, 2.35), (48.9, 2.4), (-17.0, 179.99)]),
    ),
    max_size=14,
)


def store(session: Session, drawn: list[Drawn]) -> list[Drawn]:
    """Write a catalogue in place of what was there; gives the photos with their ids."""
    for table in reversed(Base.metadata.sorted_tables):
        session.execute(delete(table))
    session.execute(insert(Root), [{"id": 1, "name": "photos", "path": "/photos"}])
    session.execute(
        insert(Tag),
        [
            {"id": IDS[name], "name": name, "key": name, "parent_id": parent and IDS[parent]}
            for name, parent, _ in TAGS
        ],
    )
    aliases = [(alias, IDS[name]) for name, _, many in TAGS for alias in many]
    session.execute(
        insert(TagAlias), [{"key": key, "name": key, "tag_id": tag_id} for key, tag_id in aliases]
    )
    return add(session, drawn, first_id=1)


def add(session: Session, drawn: list[Drawn], *, first_id: int) -> list[Drawn]:
    """Add photos; gives them with their ids."""
    numbered = [
        Drawn(**{**vars(photo), "photo_id": number}) for number, photo in enumerate(drawn, first_id)
    ]
    rows = [_rows(photo) for photo in numbered]
    for table, index in ((Photo, 0), (PhotoFile, 1), (PhotoTag, 2)):
        if values := [value for row in rows for value in row[index]]:
            session.execute(insert(table), values)
    return numbered


def _rows(photo: Drawn) -> tuple[list[dict[str, object]], ...]:
    latitude, longitude = photo.place or (None, None)
    names = ("state", "taken_at", "added_at", "camera", "format", "width")
    row = {"id": photo.photo_id, "sha256": photo.photo_id.to_bytes(32), "size_bytes": 1}
    row |= {"latitude": latitude, "longitude": longitude}
    row |= {name: getattr(photo, name) for name in names}
    row["missing_since"] = None if photo.is_present else NOW
    files = [
        {"root_id": 1, "path": f"{photo.photo_id}-{path}", "size_bytes": 1, "mtime_ns": 1}
        | {"photo_id": photo.photo_id, "missing_since": NOW if is_missing else None}
        for path, is_missing in photo.files
    ]
    tags = [
        {"tag_id": IDS[name], "photo_id": photo.photo_id, "confidence": each.confidence}
        | {"source": each.source, "decision": each.decision}
        for name, each in photo.tags.items()
    ]
    return [row], files, tags


#: A keyword of a model that is less sure does not count, unless a query speaks of confidence.
THRESHOLD = 0.1


@dataclass(frozen=True)
class Rule:
    """What `confidence:` or `source:` asks of a keyword."""

    holds: Callable[[OnPhoto], bool]
    is_confidence: bool = False


@dataclass(frozen=True)
class Meaning:
    """A part of a query: its text, and what it says of a photo under the rules around it."""

    text: str
    fits: Callable[[Drawn, tuple[Rule, ...]], float | None]
    #: `confidence:` or `source:`, which are for the words beside them.
    rule: Rule | None = None
    has_words: bool = False
    children: tuple["Meaning", ...] = field(default=())

    def relevance(self, photo: Drawn) -> float | None:
        """How well the photo fits, None where it is not found."""
        shown = photo.is_present or "missing" in self.text
        return self.fits(photo, ()) if shown else None


def _best(photo: Drawn, names: set[str] | None, rules: tuple[Rule, ...]) -> float | None:
    least = 0.0 if any(rule.is_confidence for rule in rules) else THRESHOLD
    counted = [
        each.confidence
        for name, each in photo.tags.items()
        if (names is None or name in names)
        and each.counts
        and each.confidence >= least
        and all(rule.holds(each) for rule in rules)
    ]
    return max(counted, default=None)


def _below(name: str) -> Iterator[str]:
    yield name
    for child, parent, _ in TAGS:
        if parent == name:
            yield from _below(child)


def _word(text: str, names: set[str]) -> Meaning:
    return Meaning(text, lambda photo, rules: _best(photo, names, rules), has_words=True)


_words = st.sampled_from(
    [
        *(_word(f'"{name}"', set(_below(name))) for name in NAMES),
        _word("Dogs", set(_below("dog"))),
        _word("doggo", set(_below("dog"))),
        _word("tag:kitty", {"cat"}),
        _word("tag:=dog", {"dog"}),
        _word("tag:=animal", {"animal"}),
        _word("mount*", {"mountain", "mountain bike"}),
        _word("sea*", {"sea", "beach"}),
        _word("zebra", set()),
    ]
)


def _filter(text: str, holds: Callable[[Drawn], bool]) -> Meaning:
    return Meaning(text, lambda photo, _: 1.0 if holds(photo) else None)


def _is_kept(photo: Drawn, holds: Callable[[OnPhoto], bool]) -> bool:
    kept = [each for each in photo.tags.values() if each.counts and each.confidence >= THRESHOLD]
    return any(holds(each) for each in kept)


def _is_by_person(each: OnPhoto) -> bool:
    return each.source is Source.PERSON or each.decision is Decision.CONFIRMED


def _near(photo: Drawn) -> bool:
    distance = distance_km(*(photo.place or (None, None)), 48.85, 2.35)
    return distance is not None and distance <= 10


def _taken_in(low: int, high: int) -> Callable[[Drawn], bool]:
    return lambda photo: photo.taken_at is not None and low <= photo.taken_at.month <= high


def _ends(photo: Drawn, part: str) -> bool:
    return any(part in f"{photo.photo_id}-{path}".lower() for path, _ in photo.files)


def _wide(photo: Drawn, low: int) -> bool:
    return photo.width is not None and photo.width >= low


_filters = st.sampled_from(
    [
        _filter("taken:2023-05", _taken_in(5, 5)),
        _filter("taken:[2023-04 TO 2023-05]", _taken_in(4, 5)),
        _filter("taken:>2023-05-05", _taken_in(6, 6)),
        _filter("added:>-7d", lambda photo: photo.added_at >= NOW - timedelta(days=7)),
        _filter("added:<=2026-04-20", lambda photo: photo.added_at < NOW - timedelta(days=10)),
        _filter("camera:nikon", lambda photo: (photo.camera or "").startswith("NIKON")),
        _filter("camera:*5d", lambda photo: (photo.camera or "").endswith("5D")),
        _filter("format:heic", lambda photo: photo.format == "heic"),
        _filter("width:>=4000", lambda photo: _wide(photo, 4000)),
        _filter("width:{640 TO 6000}", lambda photo: photo.width == 4000),
        _filter("path:100%", lambda photo: _ends(photo, "100%")),
        _filter("path:x_y", lambda photo: _ends(photo, "x_y")),
        _filter("path:*beach*", lambda photo: _ends(photo, "beach")),
        _filter('near:"48.85,2.35,10km"', _near),
        _filter("is:untagged", lambda photo: not _is_kept(photo, lambda _: True)),
        _filter("is:confirmed", lambda photo: _is_kept(photo, _is_by_person)),
        _filter("is:failed", lambda photo: photo.state is PhotoState.QUARANTINED),
        _filter("is:missing", lambda photo: not photo.is_present),
        _filter("is:dated", lambda photo: photo.taken_at is not None),
    ]
)


def _rule(text: str, rule: Rule) -> Meaning:
    return Meaning(text, lambda photo, _: _any(photo, (rule,)), rule)


def _any(photo: Drawn, rules: tuple[Rule, ...]) -> float | None:
    return None if _best(photo, None, rules) is None else 1.0


_rules = st.sampled_from(
    [
        _rule("confidence:>0.5", Rule(lambda each: each.confidence > 0.5, is_confidence=True)),
        _rule("confidence:<0.2", Rule(lambda each: each.confidence < 0.2, is_confidence=True)),
        _rule("source:person", Rule(lambda each: each.source is Source.PERSON)),
        _rule("source:(clip OR metadata)", Rule(lambda each: each.source is not Source.PERSON)),
    ]
)


def _minimum(child: Meaning, least: float) -> Meaning:
    def fits(photo: Drawn, rules: tuple[Rule, ...]) -> float | None:
        return child.fits(
            photo, (*rules, Rule(lambda each: each.confidence >= least, is_confidence=True))
        )

    return Meaning(f"{child.text}^{least}", fits, has_words=True)


_minima = st.builds(_minimum, _words, st.sampled_from([0.5, 0.02]))


def _both(children: list[Meaning], joint: str) -> Meaning:
    own = tuple(child.rule for child in children if child.rule)
    rest = [child for child in children if not child.rule]
    has_words = any(child.has_words for child in rest)

    def fits(photo: Drawn, rules: tuple[Rule, ...]) -> float | None:
        found = [child.fits(photo, (*rules, *own) if has_words else rules) for child in rest]
        if own and not has_words:
            found.append(_any(photo, own))
        kept = [fit for fit in found if fit is not None]
        return min(kept, default=1.0) if len(kept) == len(found) else None

    text = "(" + joint.join(child.text for child in children) + ")"
    return Meaning(text, fits, has_words=has_words, rule=own[0] if len(children) == 1 else None)


def _either(children: list[Meaning]) -> Meaning:
    def fits(photo: Drawn, rules: tuple[Rule, ...]) -> float | None:
        found = (child.fits(photo, rules) for child in children)
        return max((fit for fit in found if fit is not None), default=None)

    text = "(" + " OR ".join(child.text for child in children) + ")"
    return Meaning(text, fits, has_words=any(child.has_words for child in children))


def _negated(child: Meaning) -> Meaning:
    def fits(photo: Drawn, rules: tuple[Rule, ...]) -> float | None:
        return 1.0 if child.fits(photo, rules) is None else None

    return Meaning(f"(NOT {child.text})", fits, has_words=child.has_words)


def _grown(part: st.SearchStrategy[Meaning]) -> st.SearchStrategy[Meaning]:
    some = st.lists(part, min_size=2, max_size=3)
    beside = st.lists(part | _rules, min_size=2, max_size=3)
    joints = st.sampled_from([" ", " AND "])
    return st.builds(_both, beside, joints) | some.map(_either) | part.map(_negated)


queries = st.recursive(_words | _words | _minima | _filters, _grown, max_leaves=6) | _rules
