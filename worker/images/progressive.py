"""Leaves out of a progressive JPEG what a picture at an eighth or a quarter of its size lacks.

`pixels` calls it. A progressive file tells the mean of each block of 8 x 8 pixels first, in a tenth
of its bytes, and refines it scan by scan (ITU-T T.81, Annex G); libjpeg decodes all of them however
small the picture is wanted. Without the refinements decoding takes a third to a half of the time,
and at the model's size the picture is the same within a level or two of 255
(benchmarks/decode.py).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_START, _END, _SCAN = b"\xff\xd8", b"\xff\xd9", b"\xff\xda"
_MARKS = 0xFF
_BITS = 8
_PROGRESSIVE, _TABLES, _RESTARTS = b"\xff\xc2", b"\xff\xc4", b"\xff\xdd"
#: A marker inside or after entropy-coded data: neither a stuffed byte, a restart nor a fill byte.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
#: The last coefficient, in zigzag order, that a picture of this fraction of the size needs.
_LAST_NEEDED = {8: 0, 4: 4}
#: Blocks without a coefficient that one symbol stands for, at most (T.81, G.1.2.2).
_MAX_RUN = 0x7FFF
_RUN_BITS = 14


@dataclass(frozen=True, slots=True)
class _Component:
    """A colour channel of the frame, and how many blocks it has."""

    identifier: int
    n_blocks: int


@dataclass(frozen=True, slots=True)
class _Scan:
    """A scan: [start, at) are the tables before it, [at, end) its header and its data."""

    start: int
    at: int
    end: int
    first_coefficient: int
    #: It adds a bit to what an earlier scan told.
    is_refinement: bool


def trim(data: bytes, scale: int) -> bytes | None:
    """Return a progressive JPEG without the scans that a small picture does not need.

    Args:
        data: The whole file.
        scale: The denominator of the size that libjpeg decodes to: 8 or 4.

    Returns:
        A JPEG of the same header and metadata; None for any other scale or file: not progressive,
        cut off, or of a structure that is not expected. It is to be decoded as it is then.
    """
    last_needed = _LAST_NEEDED.get(scale)
    if last_needed is None or not data.startswith(_START):
        return None
    try:
        components = _components(data)
        scans = list(_scans(data))
    except (IndexError, ValueError):
        return None
    if not components or not scans:
        return None
    parts = [data[: scans[0].start]]
    for scan in scans:
        is_needed = scan.first_coefficient <= last_needed and not (
            scan.is_refinement and scan.first_coefficient > 0
        )
        parts.append(data[scan.start : scan.end if is_needed else scan.at])
    return b"".join([*parts, _closing(components), _END])


def _components(data: bytes) -> list[_Component]:
    """Return the components of the frame; none if the file is not progressive with 8 bits."""
    for at, marker, length in _segments(data):
        if marker != _PROGRESSIVE[1]:
            continue
        bits, count = data[at + 4], data[at + 9]
        height, width = (int.from_bytes(data[at + i : at + i + 2]) for i in (5, 7))
        if bits != _BITS or not height or not width or length != 8 + 3 * count:
            return []
        found = [data[at + 10 + 3 * i : at + 13 + 3 * i] for i in range(count)]
        most_across = max(sampling >> 4 for _, sampling, _ in found)
        most_down = max(sampling & 15 for _, sampling, _ in found)
        return [
            _Component(
                identifier,
                _blocks(width, sampling >> 4, most_across)
                * _blocks(height, sampling & 15, most_down),
            )
            for identifier, sampling, _ in found
        ]
    return []


def _blocks(side: int, sampling: int, most: int) -> int:
    return -(-side * sampling // (8 * most))


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the start, the marker and the length of the segments before the first scan."""
    at = len(_START)
    while data[at] == _MARKS:
        marker = data[at + 1]
        length = int.from_bytes(data[at + 2 : at + 4])
        yield at, marker, length
        if marker == _SCAN[1]:
            return
        at += 2 + length
    raise ValueError(f"no marker at byte {at}")


def _scans(data: bytes) -> Iterator[_Scan]:
    """Yield the scans of a file.

    Raises:
        IndexError, ValueError: The file ends before its end marker, or is no sequence of segments.
    """
    at = start = next(at for at, marker, _ in _segments(data) if marker == _SCAN[1])
    while data[at : at + 2] != _END:
        if data[at] != _MARKS:
            raise ValueError(f"no marker at byte {at}")
        after = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if data[at + 1] != _SCAN[1]:
            at = after
            continue
        found = _MARKER.search(data, after)
        if found is None:
            raise ValueError("no end marker")
        first, _, approximation = data[after - 3 : after]
        yield _Scan(start, at, found.start(), first, approximation >> 4 > 0)
        at = start = found.start()


def _closing(components: list[_Component]) -> bytes:
    """Return a scan for each component that says that its blocks are complete.

    Each is a few symbols for "no more coefficients in the next 32,767 blocks". Otherwise libjpeg
    takes what was left out for what is still to come, and guesses it from the neighbouring
    blocks, which takes as long as all the rest.
    """
    one_symbol = bytes([0x10, 1, *(0 for _ in range(15)), _RUN_BITS << 4])
    parts = [
        _RESTARTS + b"\x00\x04\x00\x00",
        _TABLES + (2 + len(one_symbol)).to_bytes(2) + one_symbol,
    ]
    for component in components:
        header = bytes([1, component.identifier, 0, 1, 63, 0])
        parts += [_SCAN, (2 + len(header)).to_bytes(2), header, _empty(component.n_blocks)]
    return b"".join(parts)


def _empty(n_blocks: int) -> bytes:
    """Return the data of a scan in which no block has a coefficient: a 0 and 14 bits a run."""
    bits = ""
    for left in range(n_blocks, 0, -_MAX_RUN):
        run = max(min(left, _MAX_RUN), 1 << _RUN_BITS)  # the last one may reach beyond the end
        bits += f"0{run - (1 << _RUN_BITS):014b}"
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8)
    return data.replace(b"\xff", b"\xff\x00")
