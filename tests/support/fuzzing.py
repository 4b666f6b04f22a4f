"""Readers of what strangers wrote, a corpus for each, and inputs that are made from it.

`tests/corpus/READER/` holds tiny inputs. `python -m tests.support.fuzzing` writes those that every
corpus begins with; an input that once failed is added by `tests/faults/test_fuzzing.py`.
"""

import base64
import hashlib
import io
import json
import random
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image

from catalog import cursors
from catalog.errors import QueryError
from catalog.language import parser
from tests.support import photos, xmp
from worker import images
from worker.errors import PhotoError, VocabularyError
from worker.images import Limits, Preprocess, embedded
from worker.metadata import keywords, takeout
from worker.metadata import xmp as packets
from worker.queue import transport
from worker.vocabulary import file as vocabulary_file
from worker.watch import picture

CORPUS = Path(__file__).parents[1] / "corpus"

_PREPROCESS = Preprocess(32, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
_LIMITS = Limits(max_pixels=1_000_000)
_NOW = datetime(2026, 5, 1, tzinfo=UTC)
#: What lengths, counts and offsets are changed to, and what texts stumble over.
_ODD = [b"\0", b"\xff", b"\x7f", b"\x80", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xed\xa0\x80"]
_ODD += [
    b'"',
    b"(",
    b"[[[[",
    b"{",
    b"<",
    b"&#0;",
    b"\\",
    b":",
    b"*",
    b"\n",
    b"1e999",
    b"NaN",
    b"-1",
]


def read_image(data: bytes) -> None:
    with _as_file(data) as path:
        embedded.read(path)
        try:
            images.decode(path, _PREPROCESS, _LIMITS)
        except PhotoError as error:
            assert "\n" not in str(error)  # noqa: PT017


def read_picture(data: bytes) -> None:
    found = picture.digest(io.BytesIO(data))
    assert found is None or len(found) == 32


def read_packet(data: bytes) -> None:
    found = packets.parse(data)
    assert len(keywords.collect(found.fields)) <= keywords.MAX_KEYWORDS


def read_takeout(data: bytes) -> None:
    takeout.parse(data)


def read_query(data: bytes) -> None:
    text = data.decode(errors="replace")
    try:
        parser.parse(text, now=_NOW)
    except QueryError as error:
        assert 0 <= (error.position or 0) <= len(text)  # noqa: PT017


def read_vocabulary(data: bytes) -> None:
    with _as_file(data) as path:
        try:
            found, _ = vocabulary_file.read(path)
        except VocabularyError as error:
            assert str(path) in str(error)  # noqa: PT017
        else:
            assert all(keyword.word.strip() for keyword in found)


def read_message(data: bytes) -> None:
    """A message is refused, or names photos by ids."""
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        return  # `Channel` puts these away
    if transport.why_refused(message) is None and message["headers"]["task"] == "kadr.tag_photos":
        [[ids], *_] = json.loads(base64.b64decode(message["body"]))
        assert all(isinstance(each, int) for each in ids)


def read_cursor(data: bytes) -> None:
    text = data.decode(errors="replace")
    for kinds in ((int,), (float, int), (str, int)):
        try:
            cursors.unpack(text, *kinds)
        except QueryError:
            continue


READERS: dict[str, Callable[[bytes], None]] = {
    "image": read_image,
    "picture": read_picture,
    "xmp": read_packet,
    "takeout": read_takeout,
    "query": read_query,
    "vocabulary": read_vocabulary,
    "message": read_message,
    "cursor": read_cursor,
}


def corpus_of(reader: str) -> list[bytes]:
    """Return the inputs of a reader; the digests of pictures are of the images."""
    folder = CORPUS / ("image" if reader == "picture" else reader)
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def mutants(corpus: list[bytes], rng: random.Random) -> Iterator[bytes]:
    """Yield damaged copies of inputs, without an end: bytes changed, cut, doubled, crossed over."""
    while True:
        data = bytearray(rng.choice(corpus))
        for _ in range(rng.choice([1, 1, 2, 4, 8])):
            reach = min(len(data), rng.choice([32, 256, 1 << 30]))
            at, length = rng.randrange(reach + 1), rng.choice([1, 2, 4, 16, 64])
            match rng.randrange(6):
                case 0:
                    data[at : at + length] = rng.randbytes(min(length, 4))
                case 1:
                    odd = rng.choice(_ODD)
                    data[at : at + rng.choice([0, len(odd)])] = odd
                case 2:
                    del data[at : at + length]
                case 3:
                    data[at:at] = data[at : at + length] * rng.choice([1, 2, 50])
                case 4:
                    other = rng.choice(corpus)
                    data[at:] = other[rng.randrange(len(other) + 1) :]
                case _:
                    if data:
                        data[at % len(data)] ^= 1 << rng.randrange(8)
        yield bytes(data[:65_536])


def keep(reader: str, data: bytes) -> Path:
    """Add an input to the corpus and return its file."""
    folder = CORPUS / ("image" if reader == "picture" else reader)
    path = folder / f"found-{hashlib.sha256(data).hexdigest()[:12]}"
    path.write_bytes(data)
    return path


class _as_file:  # noqa: N801 - used as a function
    """A file with some content, for a `with`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._folder = tempfile.TemporaryDirectory(prefix="kadr-fuzz-")

    def __enter__(self) -> Path:
        path = Path(self._folder.__enter__(), "a.jpg")
        path.write_bytes(self._data)
        return path

    def __exit__(self, *caught: object) -> None:
        self._folder.cleanup()


def beginnings() -> Iterator[tuple[str, str, bytes]]:
    """Yield what every corpus begins with: reader, name, content."""
    yield from (("image", *each) for each in _images())
    packet = xmp.sidecar(xmp.bag("dc:subject", "dog", "cat"))
    packet = packet if isinstance(packet, bytes) else packet.encode()
    yield "xmp", "keywords", packet
    yield "xmp", "half", packet[: len(packet) // 2]
    yield "xmp", "entities", b'<!DOCTYPE a [<!ENTITY b "cc"><!ENTITY d "&b;&b;">]>' + packet
    yield "xmp", "utf-16", packet.decode().encode("utf-16")
    takeouts = {
        "whole": {"photoTakenTime": {"timestamp": "1600000000"}, "geoData": {"latitude": 1.5}},
        "far": {"photoTakenTime": {"timestamp": "9" * 400}, "geoData": {"latitude": 1e308}},
        "odd": {"photoTakenTime": [], "geoData": None, "people": [{"name": 1}]},
    }
    for name, content in takeouts.items():
        yield "takeout", name, json.dumps(content).encode()
    queries = ["dog AND (beach OR sea) NOT person", "mount* taken:2023-05 camera:nikon is:failed"]
    queries += [
        '"a b" OR -x',
        "((((",
        "taken:2023-13-99",
        "conf:>0.5",
        "near:48.8,2.3",
        "NOT NOT a",
    ]
    for number, query in enumerate(queries):
        yield "query", f"{number}", query.encode()
    yield (
        "vocabulary",
        "words",
        b"dog | hound | ru:\xd1\x81\xd0\xbe\xd0\xb1\xd0\xb0\xd0\xba\xd0\xb0\n",
    )
    yield (
        "vocabulary",
        "directives",
        b"# kadr: language=en\nsea = a photo of the {word}\ncat > animal\n",
    )
    yield "vocabulary", "latin-1", "caf\xe9\nna\xefve\n".encode("latin-1")
    yield "vocabulary", "utf-16", "dog\ncat\n".encode("utf-16")
    for name, arguments in {"ids": [[1, 2]], "words": [["a"]], "bools": [[True]]}.items():
        yield "message", name, json.dumps(_message(arguments)).encode()
    yield "message", "number", b"42"
    yield "message", "deep", b"[" * 2000
    for name, place in {
        "id": [7],
        "score": [0.5, 7],
        "text": ["a", 7],
        "nan": [float("nan")],
    }.items():
        yield "cursor", name, cursors.pack(place).encode()


def _images() -> Iterator[tuple[str, bytes]]:
    scene = photos.scene(24, 16)
    with tempfile.TemporaryDirectory() as folder:
        for name, path in photos.save_every_format(Path(folder), scene).items():
            data = path.read_bytes()
            if len(data) < 4096:
                yield f"{name}", data
                yield f"{name}-half", data[: len(data) // 2]
    tags = photos.exif(6, {0x010F: "Canon", 0x0110: "EOS R5"})
    whole = photos.jpeg_bytes(
        scene, exif=tags, xmp=photos.xmp(["dog"], ["animal|cat"], "2026-07-31")
    )
    yield "metadata", photos.with_iptc(whole, [b"dog", b"cat"])
    yield "empty", b""
    yield (
        "huge-webp",
        bytes.fromhex("524946461e000000574542505650384c11000000") + b"\x2f\xfe\xff\xff\x3f",
    )
    frame = io.BytesIO()
    Image.new("P", (9, 9)).save(frame, "GIF")
    yield "gif", frame.getvalue()


def _message(arguments: list[object]) -> dict[str, object]:
    body = base64.b64encode(json.dumps([arguments, {}, {}]).encode()).decode()
    return {
        "body": body,
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"task": "kadr.tag_photos", "id": "x"},
        "properties": {"delivery_tag": "t", "body_encoding": "base64", "delivery_info": {}},
    }


def main() -> None:
    """Write what every corpus begins with, unless it is there."""
    for reader, name, data in beginnings():
        path = CORPUS / reader / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_bytes(data)


if __name__ == "__main__":
    main()
