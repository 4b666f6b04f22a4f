"""The wheel holds all that Kadr needs, and its commands work where there is no checkout."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support import photos
from tests.support.kadr import PATIENCE_S, ROOT, Kadr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel with the backend that is installed: no network is asked."""
    folder = tmp_path_factory.mktemp("wheel")
    call("hatchling", "build", "--target", "wheel", "--directory", str(folder), cwd=ROOT)
    [built] = folder.glob("kadr-*.whl")
    return built


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel alone; its dependencies are those of the running interpreter."""
    folder = tmp_path_factory.mktemp("site")
    options = ("--no-deps", "--no-index", "--no-compile", "--disable-pip-version-check", "--quiet")
    call("pip", "install", *options, "--target", str(folder), str(wheel), cwd=folder)
    return folder


@pytest.fixture
def kadr(site: Path, tmp_path: Path) -> Kadr:
    """Return the wheel's own command, as it is right after the installation."""
    settings = {
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path),
        "KADR_CACHE_DIR": str(tmp_path / "cache"),
        "KADR_OFFLINE": "1",
        "PYTHONPATH": str(site),
    }
    command = str(site / "bin" / "kadr")
    return Kadr(settings, tmp_path, executable=command, is_started_anew=True)


def call(module: str, *arguments: str, cwd: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_everything_that_is_read_at_run_time_is_in_the_wheel(wheel: Path):
    with zipfile.ZipFile(wheel) as opened:
        held = set(opened.namelist())

    tracked = subprocess.run(
        ["git", "ls-files", "catalog", "worker", "migrations"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    assert set(tracked) - held == set()
    assert held >= {
        "catalog/py.typed",
        "migrations/env.py",
        "migrations/script.py.mako",
        "migrations/versions/0001_the_first_tables.py",
        "worker/evaluation/pages/compare.html",
        "worker/models/starter/open_clip_config.json",
        "worker/packs/visual.txt",
        "worker/packs/prompts/openai-80.txt",
    }
    assert any(
        name.startswith("worker/models/starter/") and name.endswith(".safetensors") for name in held
    )
    assert {name.split("/")[0] for name in held if ".dist-info" not in name} == {
        "catalog",
        "worker",
        "migrations",
    }


def test_the_wheels_commands_tag_search_and_check(kadr: Kadr, site: Path):
    pictures = kadr.cwd / "Pictures"
    pictures.mkdir()
    shutil.copy(photos.sample("cat"), pictures / "kitten.png")
    where = (
        "import catalog, migrations, worker\n"
        "print(*(module.__file__ for module in (catalog, migrations, worker)), sep='\\n')"
    )
    found = subprocess.run(
        [sys.executable, "-c", where],
        env=kadr.env,
        cwd=kadr.cwd,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()

    tagged = kadr.json("tag", str(pictures))
    cats = kadr.json("search", "cat")
    checked = {finding["name"]: finding["state"] for finding in kadr.json("doctor")}

    assert all(Path(file).is_relative_to(site) for file in found), found
    assert (tagged["photos"], tagged["tagged"]) == (1, 1)
    assert len(cats["photos"]) == 1
    assert "bad" not in checked.values()
