"""`make bench` times contestants in processes of their own, and says why one is missing."""

import sys
from pathlib import Path

import pytest

from benchmarks.rivals import __main__ as rivals
from benchmarks.rivals import photos, serving
from benchmarks.rivals.contestant import Contestant, ContestantError
from tests.support.photos import jpeg_bytes, scene
from worker.decoding.pool import Decoders

SERVING = str(Path(serving.__file__).parent)
#: Takes half a second a photo, and cannot work with a folder that is called "broken".
FAKE = f"""
import sys
sys.path.insert(0, {SERVING!r})
from serving import serve

def whole(folder):
    print("noise")
    if folder.name == "broken":
        return 0, 1.0
    count = sum(1 for _ in folder.iterdir())
    return count, count / 2

serve(lambda: dict.fromkeys({[row.way for row in rivals.ROWS]!r}, whole))
"""


@pytest.fixture
def fake(tmp_path: Path) -> list[str]:
    script = tmp_path / "fake.py"
    script.write_text(FAKE)
    return [sys.executable, "-I", "-S", str(script)]


def test_contestant_is_timed_in_its_own_process(fake: list[str], tmp_path: Path) -> None:
    for name in ("photos", "broken"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jpg").touch()

    contestant = Contestant.start(fake, tmp_path / "log")
    try:
        assert contestant.rate("whole", tmp_path / "photos") == 2
        with pytest.raises(ContestantError, match="0 of 1 photos"):
            contestant.rate("whole", tmp_path / "broken")
    finally:
        contestant.close()
    assert "noise" in (tmp_path / "log").read_text()


def test_bench_prints_a_table_and_why_a_rival_is_missing(
    fake: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(jpeg_bytes(scene(800, 600)))

    def cannot(_model: str, _cache: Path) -> list[str | Path]:
        raise ContestantError("pip cannot install it: no wheel for this Python")

    commands = dict.fromkeys(rivals.COMMANDS, lambda _model, _cache: fake)
    monkeypatch.setattr(rivals, "COMMANDS", commands | {"rclip": cannot})
    options = ["--photos", str(folder), "--rounds", "2", "--large", "3", "--small", "3"]
    monkeypatch.setattr(sys, "argv", ["bench", *options, "--without", "clip-retrieval"])

    rivals.main()

    lines = capsys.readouterr().out.splitlines()
    rows = [line.split("|") for line in lines if line.startswith("|")]
    cells = {row[1].strip(): row[2].strip() for row in rows}
    assert cells[rivals.KADR.title] == "2.0 (2.0 to 2.0)"
    assert cells[f"Kadr over {rivals.LOOP.title}"] == "1.00 (1.00 to 1.00)"
    assert cells[rivals.INDEX.title] == ""
    why = "not measured, pip cannot install it: no wheel for this Python"
    assert f"{rivals.INDEX.title}: {why}" in lines
    assert f"{rivals.INFERENCE.title}: not measured, it was left out" in lines


@pytest.mark.slow  # builds models
@pytest.mark.thorough
def test_each_way_of_kadr_and_open_clip_finishes_all_photos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.rivals import of_kadr, of_open_clip
    from tests.support.models import make_tiny_model

    monkeypatch.setattr(of_kadr, "WORDS", "russian-sample")
    monkeypatch.setattr(of_open_clip.os, "cpu_count", lambda: 0)  # no processes for three photos
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(jpeg_bytes(scene(800, 600)))
    inbox = photos.fill(photos.find(folder, tmp_path), tmp_path / "work", large=3, small=3).large

    make_tiny_model(tmp_path / "cache" / "tiny" / "model")

    with Decoders() as decoders:
        ways = {
            **of_kadr.load("tiny", tmp_path / "cache", tmp_path, decoders),
            **of_open_clip.load("ViT-S-32-alt"),
        }
        finished = {name: way(inbox)[0] for name, way in ways.items()}

    assert finished == dict.fromkeys(ways, 3)
    assert {row.way for row in rivals.ROWS if row.contestant in ("kadr", "open_clip")} == {*ways}
