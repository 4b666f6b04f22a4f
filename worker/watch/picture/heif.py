"""The picture of a HEIC, HEIF or AVIF (ISO/IEC 23008-12): the primary item and what it is made of.

An item's own data and properties count (size, codec, colour, rotation, crop), those of its tiles,
and its alpha plane. EXIF, XMP, thumbnails, depth and gain maps are items of their own and do not.
The properties turn the picture, never EXIF: `worker.images` sees it so too. Canon's CR3 is of the
same boxes; all its media data counts, and its metadata lies elsewhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from worker.watch.picture import orientation
from worker.watch.picture.source import DamagedError, Hasher, Source

_STILL = (b"hei", b"hev", b"mif1", b"avif", b"MA1", b"MiH")
_CANON = b"crx "
_CANON_UUID = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
_ALPHA = (
    b"urn:mpeg:hevc:2015:auxid:1",
    b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha",
    b"urn:mpeg:avc:2015:auxid:1",
)
#: Properties that describe and change no pixel.
_UNSEEN = frozenset({b"udes", b"altt", b"crtt", b"mdft", b"rloc", b"subs", b"tols", b"lsel"})
_MAX_ITEMS, _MAX_BOXES = 4096, 65_536
_IN_FILE, _IN_IDAT = 0, 1


@dataclass(frozen=True, slots=True)
class _Box:
    name: bytes
    start: int
    end: int


@dataclass(slots=True)
class _Meta:
    """The item tables of a file."""

    primary: int = -1
    #: By item: (construction method, [(offset, length)]).
    places: dict[int, tuple[int, list[tuple[int, int]]]] = field(default_factory=dict)
    properties: list[_Box] = field(default_factory=list)
    #: By item: numbers of its properties, from 1, in order.
    belongings: dict[int, list[int]] = field(default_factory=dict)
    #: (kind, from, to) of each reference.
    references: list[tuple[bytes, int, list[int]]] = field(default_factory=list)
    types: dict[int, bytes] = field(default_factory=dict)
    idat: _Box | None = None


def is_it(head: bytes) -> bool:
    """Return whether a file that begins so holds a still picture of this kind, or is a CR3.

    Sequences (`hevc`, `msf1`, `avis`) are films: which frame is shown, a decoder decides.
    """
    return (
        head[4:8] == b"ftyp"
        and head[8:12].startswith((*_STILL, _CANON))
        and (head[8:12] not in {b"hevc", b"hevx", b"hevm", b"hevs"})
    )


def digest(source: Source) -> bytes:
    """Return the digest of the file.

    Raises:
        DamagedError: A box lies outside the file, or there is no primary item.
    """
    boxes = {box.name: box for box in _boxes(source, 0, source.size)}
    if source.read(8, 4) == _CANON:
        return _digest_canon(source)
    meta = _read_meta(source, boxes.get(b"meta"))
    hasher = Hasher(source, b"heif")
    alpha = [
        item
        for kind, item, others in meta.references
        if kind == b"auxl" and meta.primary in others and _is_alpha(source, meta, item)
    ]
    for top in (meta.primary, *alpha):
        for item in _parts_of(meta, top):
            _add_item(source, hasher, meta, item)
    return hasher.finish()


def _digest_canon(source: Source) -> bytes:
    hasher, turn, has_data = Hasher(source, b"cr3"), 1, False
    for box in _boxes(source, 0, source.size):
        if box.name == b"mdat":
            has_data = True
            hasher.add_range(box.start, box.end - box.start)
        elif box.name == b"moov":
            turn = _canon_orientation(source, box)
    if not has_data:
        raise DamagedError
    return hasher.finish(turn)


def _canon_orientation(source: Source, moov: _Box) -> int:
    """Return the orientation in `CMT1`, the first of Canon's directories of EXIF."""
    for box in _boxes(source, moov.start, moov.end):
        if box.name == b"uuid" and source.read(box.start, 16) == _CANON_UUID:
            for inner in _boxes(source, box.start + 16, box.end):
                if inner.name == b"CMT1":
                    return orientation.find(source.read(inner.start, inner.end - inner.start))
    return 1


def _boxes(source: Source, start: int, end: int) -> Iterator[_Box]:
    """Yield the boxes of a range: their names, and where their bodies begin and end."""
    for _ in range(_MAX_BOXES):
        if start + 8 > end:
            return
        (size,) = source.unpack(">I", start)
        name, header = source.read(start + 4, 4), 8
        if size == 1:
            (size,), header = source.unpack(">Q", start + 8), 16
        elif size == 0:
            size = end - start
        if size < header or start + size > end:
            raise DamagedError
        yield _Box(name, start + header, start + size)
        start += size
    raise DamagedError


def _read_meta(source: Source, box: _Box | None) -> _Meta:
    if box is None:
        raise DamagedError
    meta = _Meta()
    for inner in _boxes(source, box.start + 4, box.end):
        if inner.name == b"pitm":
            (meta.primary,) = source.unpack(
                ">H" if source.read(inner.start, 1) == b"\0" else ">I", inner.start + 4
            )
        elif inner.name == b"idat":
            meta.idat = inner
        elif inner.name == b"iprp":
            _read_properties(source, inner, meta)
        elif inner.name in _TABLES:
            body = _Body(source.read(inner.start, inner.end - inner.start))
            _TABLES[inner.name](body, meta)
    if meta.primary not in meta.places:
        raise DamagedError
    return meta


class _Body:
    """The body of a full box, read from its beginning."""

    def __init__(self, data: bytes) -> None:
        if len(data) < 4:  # noqa: PLR2004 - version and flags
            raise DamagedError
        self.version, self.flags = data[0], int.from_bytes(data[1:4], "big")
        self._data, self._at = data, 4

    def integer(self, n_bytes: int) -> int:
        end = self._at + n_bytes
        if end > len(self._data):
            raise DamagedError
        value, self._at = int.from_bytes(self._data[self._at : end], "big"), end
        return value

    def box(self) -> "tuple[bytes, _Body] | None":
        """Return name and body of the next box within; None at the end."""
        if self._at + 8 > len(self._data):
            return None
        start, size = self._at, self.integer(4)
        if size < 8 or start + size > len(self._data):  # noqa: PLR2004 - its header
            raise DamagedError
        self._at = start + size
        inner = _Body.__new__(_Body)
        inner.version, inner.flags = self.version, 0
        inner._data, inner._at = self._data[start + 8 : start + size], 0  # noqa: SLF001
        return self._data[start + 4 : start + 8], inner


def _read_places(body: _Body, meta: _Meta) -> None:
    """Read `iloc`: where the data of each item is."""
    sizes = body.integer(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if body.version else 0
    wide = 4 if body.version >= 2 else 2  # noqa: PLR2004 - a version
    for _ in range(_bounded(body.integer(wide))):
        item = body.integer(wide)
        method = body.integer(2) & 15 if body.version else _IN_FILE
        body.integer(2)  # the file that it is in: this one
        base = body.integer(base_size)
        extents = []
        for _ in range(_bounded(body.integer(2))):
            body.integer(index_size)
            offset = base + body.integer(offset_size)
            extents.append((offset, body.integer(length_size)))
        meta.places[item] = method, extents


def _read_references(body: _Body, meta: _Meta) -> None:
    """Read `iref`: which item is made of which others."""
    wide = 4 if body.version else 2
    while (found := body.box()) is not None:
        kind, inner = found
        item = inner.integer(wide)
        others = [inner.integer(wide) for _ in range(_bounded(inner.integer(2)))]
        meta.references.append((kind, item, others))


def _read_types(body: _Body, meta: _Meta) -> None:
    """Read `iinf`: the type of each item."""
    count = body.integer(4 if body.version else 2)
    for _ in range(_bounded(count)):
        found = body.box()
        if found is None:
            return
        inner = found[1]
        version = inner.integer(1)
        inner.integer(3)
        item = inner.integer(4 if version == 3 else 2)  # noqa: PLR2004 - a version
        inner.integer(2)
        meta.types[item] = inner.integer(4).to_bytes(4, "big")


_TABLES = {b"iloc": _read_places, b"iref": _read_references, b"iinf": _read_types}


def _read_properties(source: Source, iprp: _Box, meta: _Meta) -> None:
    """Read `iprp`: the properties, and which items have which."""
    for box in _boxes(source, iprp.start, iprp.end):
        if box.name == b"ipco":
            meta.properties = list(_boxes(source, box.start, box.end))
        elif box.name == b"ipma":
            body = _Body(source.read(box.start, box.end - box.start))
            for _ in range(_bounded(body.integer(4))):
                item = body.integer(4 if body.version else 2)
                wide, mask = (2, 0x7FFF) if body.flags & 1 else (1, 0x7F)
                numbers = [body.integer(wide) & mask for _ in range(body.integer(1))]
                meta.belongings.setdefault(item, []).extend(numbers)


def _bounded(count: int) -> int:
    if count > _MAX_ITEMS:
        raise DamagedError
    return count


def _properties_of(meta: _Meta, item: int) -> Iterator[_Box]:
    for number in meta.belongings.get(item, []):
        if 0 < number <= len(meta.properties):
            yield meta.properties[number - 1]


def _is_alpha(source: Source, meta: _Meta, item: int) -> bool:
    for box in _properties_of(meta, item):
        if box.name == b"auxC":
            return source.read(box.start + 4, box.end - box.start - 4).startswith(_ALPHA)
    return False


def _parts_of(meta: _Meta, first: int) -> Iterator[int]:
    """Yield an item and all that it is made of, each once, in the order of the references."""
    waiting, done = [first], set[int]()
    while waiting:
        item = waiting.pop()
        if item in done:
            continue
        done.add(item)
        yield item
        made_of = [
            other
            for kind, whose, others in meta.references
            if kind == b"dimg" and whose == item
            for other in others
        ]
        waiting.extend(reversed(made_of))


def _add_item(source: Source, hasher: Hasher, meta: _Meta, item: int) -> None:
    """Hash an item: its type, properties and data."""
    hasher.add(meta.types.get(item, b""))
    for box in _properties_of(meta, item):
        if box.name not in _UNSEEN:
            hasher.add(box.name)
            hasher.add_range(box.start, box.end - box.start)
    method, extents = meta.places.get(item, (_IN_FILE, []))
    base, limit = 0, source.size
    if method == _IN_IDAT and meta.idat is not None:
        base, limit = meta.idat.start, meta.idat.end
    elif method != _IN_FILE:
        raise DamagedError
    for offset, length in extents:
        if base + offset + length > limit or (length == 0 and len(extents) > 1):
            raise DamagedError
        hasher.add_range(base + offset, length or limit - base - offset)
