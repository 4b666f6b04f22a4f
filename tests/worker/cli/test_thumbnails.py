"""`kadr search --thumbnails` on terminals of several kinds, each a pseudo-terminal that answers."""

import fcntl
import os
import pty
import re
import select
import struct
import termios
from pathlib import Path

import pytest
from PIL import Image

from catalog.db.database import open_database
from tests.support import catalogue, photos
from tests.support.kadr import KADR, PATIENCE_S, Kadr

#: What programs ask a terminal (its attributes), and what one with Sixel (4) and one without say.
ATTRIBUTES = b"\x1b[c"
WITH_SIXEL, WITHOUT = b"\x1b[?62;4;22c", b"\x1b[?62;22c"


@pytest.fixture
def kadr(sqlite_url: str, tmp_path: Path) -> Kadr:
    """A catalogue of a red photo, one that is gone, and one that would fill the memory."""
    folder = tmp_path / "photos"
    folder.mkdir()
    photos.save(folder / "red.jpg", Image.new("RGB", (1200, 800), photos.RED))
    (folder / "huge.webp").write_bytes(photos.lossless_webp(16383, 12000))
    database = open_database(sqlite_url, upgrade=True)
    with database.write() as session:
        names = ("red.jpg", "gone.jpg", "huge.webp")
        for photo_id in catalogue.add_photos(session, *names, root=str(folder)):
            catalogue.tag_photo(session, photo_id, {"wall": 0.9})
    database.close()
    memory = {"KADR_DECODE_MEMORY": str(256 * 1024 * 1024)}
    return Kadr({"KADR_DATABASE_URL": sqlite_url} | memory, tmp_path)


def on_terminal(kadr: Kadr, *arguments: str, answers: bytes, term: str, columns: int = 120) -> str:
    """Run `kadr` on a terminal of 10 x 20 pixels a character; give what it printed there."""
    child, terminal = pty.fork()
    if child == 0:
        size = struct.pack("HHHH", 50, columns, columns * 10, 1000)
        fcntl.ioctl(0, termios.TIOCSWINSZ, size)
        env = {
            name: value for name, value in kadr.env.items() if name not in ("COLUMNS", "COLORTERM")
        }
        os.execve(KADR, [KADR, *arguments], env | {"TERM": term})  # noqa: S606
    printed, is_answered = b"", False
    while select.select([terminal], [], [], PATIENCE_S)[0]:
        try:
            printed += os.read(terminal, 65536)
        except OSError:  # the end, on Linux
            break
        if ATTRIBUTES in printed and not is_answered:
            is_answered = True
            os.write(terminal, answers)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, printed.decode()
    return printed.decode()


def test_terminal_with_sixel_gets_the_picture_itself(kadr: Kadr) -> None:
    printed = on_terminal(kadr, "search", "wall", "-t", answers=WITH_SIXEL, term="xterm")
    pictures = re.findall(r"\x1bP[^q]*q(.*?)\x1b\\", printed, flags=re.DOTALL)
    assert len(pictures) == 1
    assert '"1;1;180;120' in pictures[0]  # 18 columns and 6 lines: 3 to 2
    assert "no such file" in printed
    assert "needs 3,195 MiB" in printed
    assert "3 photos found" in printed


def test_terminal_of_many_colours_gets_half_blocks(kadr: Kadr) -> None:
    printed = on_terminal(kadr, "search", "wall", "-t", answers=WITHOUT, term="xterm-256color")
    lines = [line for line in printed.splitlines() if "▀" in line]
    assert len(lines) == 6
    assert {line.count("▀") for line in lines} == {18}
    assert "\x1bP" not in printed


def test_terminal_of_few_colours_is_told_why_there_are_none(kadr: Kadr) -> None:
    printed = on_terminal(kadr, "search", "wall", "-t", answers=WITHOUT, term="xterm")
    assert "▀" not in printed
    assert "neither pictures nor 256 colours" in printed
    assert "3 photos found" in printed


def test_pipe_gets_the_table_and_a_line_that_says_so(kadr: Kadr) -> None:
    done = kadr.run("search", "wall", "--thumbnails")
    assert done.returncode == 0
    assert "no thumbnails: the output is not a terminal" in done.stderr
    assert "3 photos found" in done.stdout


def test_search_without_them_asks_the_terminal_nothing(kadr: Kadr) -> None:
    printed = on_terminal(kadr, "search", "wall", answers=b"", term="xterm-256color")
    assert ATTRIBUTES.decode() not in printed
    assert "3 photos found" in printed
