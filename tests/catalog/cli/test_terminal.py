"""Names of photos reach a terminal as text, never as commands to it."""

import io
import json
import subprocess
import sys

import pytest

from catalog import spelling
from catalog.cli import console

HOSTILE = ["a\x1b[2Jb.jpg", "a\u202egpj.exe", "a\nb", "it's\x07", "plain name.jpg", "caf\udce9\x1b"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_path_on_a_terminal_is_what_the_shell_reads_back(name: str) -> None:
    shown = console.quoted(name)

    assert shown.isprintable()
    read = subprocess.run(
        ["bash", "-c", f"printf %s {shown}"], capture_output=True, check=True
    ).stdout
    assert read == name.encode(errors="surrogateescape")


def test_json_keeps_its_value_and_shows_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    data = {"path": "a\u202eb\x9b2J\U000e0001", "words": "кот é"}

    console.print_json(data)

    shown = capsys.readouterr().out
    assert json.loads(shown) == data
    assert shown.replace("\n", "").isprintable()
    assert "кот é" in shown


def test_keywords_of_an_older_kadr_command_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    word = "a\x1b[2J[bold]b"
    console.out().print(console.safe(word))
    assert capsys.readouterr().out == "a\\x1b[2J[bold]b\n"

    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", stream)
    console.write_csv(["keyword", "photos"], [(word, 1)])
    monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    console.write_csv(["keyword", "photos"], [(word, 1)])
    stream.flush()
    _, kept, _, shown = stream.buffer.getvalue().decode().splitlines()  # type: ignore[attr-defined]
    assert (kept, shown) == ("a\x1b[2J[bold]b,1", "a\\x1b[2J[bold]b,1")


def test_keywords_lose_what_turns_the_direction_of_text() -> None:
    assert spelling.clean("a\u202eb\u2066c\u200fd") == "abcd"
