"""`make demo`: what a newcomer sees first."""

from pathlib import Path

import pytest

from tests.support import photos
from tests.support.kadr import Kadr
from worker.cli import samples
from worker.errors import RootError


@pytest.fixture
def newcomer(tmp_path: Path) -> Kadr:
    return Kadr({"KADR_CACHE_DIR": str(tmp_path / "cache"), "KADR_OFFLINE": "1"}, tmp_path)


@pytest.mark.thorough
def test_the_demo_tags_every_sample_and_searches(newcomer: Kadr, tmp_path: Path):
    done = newcomer.run("demo")

    assert done.returncode == 0, done.stderr
    for name in samples.find_samples():
        assert name in done.stderr
    assert "$ kadr search" in done.stderr
    assert "quarantined" not in done.stderr
    assert "found" in done.stdout
    assert sorted(samples.find_samples()) == sorted(
        path.name for path in (tmp_path / "demo" / "photos").iterdir()
    )


@pytest.mark.thorough
def test_the_demo_takes_photos_of_ones_own_and_leaves_them_alone(newcomer: Kadr, tmp_path: Path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "kitten.png").write_bytes(photos.sample("cat").read_bytes())

    twice = [newcomer.run("demo", str(own)) for _ in range(2)]

    assert [done.returncode for done in twice] == [0, 0], twice[1].stderr
    assert "01-kitten.png" in twice[1].stderr
    assert [path.name for path in own.iterdir()] == ["kitten.png"]


def test_an_empty_folder_is_told(tmp_path: Path):
    with pytest.raises(RootError, match="no photos in it; give another folder"):
        samples.take_some(tmp_path, 12)


def test_some_photos_are_spread_over_a_folder(tmp_path: Path):
    for number in range(40):
        photos.save(tmp_path / f"{number:02}.jpg")

    chosen = samples.take_some(tmp_path, 4)

    assert [path.name for path in chosen.values()] == ["00.jpg", "10.jpg", "20.jpg", "30.jpg"]
