"""README's commands do what they say; the compose file starts commands that exist."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog.db.database import Database
from tests import catalogue, photos
from tests.kadr import Kadr

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def console_commands(text: str) -> list[str]:
    """Return the commands of ```console blocks."""
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def kadr_commands(text: str) -> set[str]:
    """Return the names of all commands that a text mentions as `kadr NAME`."""
    return set(re.findall(r"\bkadr ([a-z]+)\b", " ".join(re.findall(r"`[^`]+`", text))))


@pytest.fixture
def newcomer(tmp_path: Path) -> Kadr:
    """Give `kadr` as it is right after the installation, and a home with some photos."""
    pictures = tmp_path / "Pictures"
    pictures.mkdir()
    for photo in photos.samples():
        shutil.copy(photo, pictures / photo.name)
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "KADR_OFFLINE": "1"}
    return Kadr(home | {"KADR_CACHE_DIR": str(tmp_path / "cache")}, tmp_path)


def test_the_first_commands_of_the_readme_work(newcomer: Kadr):
    commands = console_commands(README)
    assert len(commands) >= 4

    for command in commands:
        arguments = [word.replace("~", str(newcomer.cwd)) for word in shlex.split(command)[1:]]
        done = newcomer.run(*arguments)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert done.stdout or done.stderr


def test_every_command_that_the_readme_names_exists(newcomer: Kadr):
    offered = newcomer.run("--help").stdout

    for name in kadr_commands(README):
        assert re.search(rf"\b{name}\b", offered), name


def test_the_readme_names_every_setting():
    from worker.settings import Settings

    named = set(re.findall(r"KADR_([A-Z_]+)", README))

    assert {name.upper() for name in Settings.model_fields} - named == set()


def test_the_python_of_the_library_page_runs(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("KADR_DATABASE_URL", database_url)
    monkeypatch.setenv("KADR_CACHE_DIR", str(tmp_path / "cache"))
    with database.write() as session:
        photo_ids = catalogue.add_photos(session, "a.jpg", "b.jpg", "c.jpg")
        for photo_id in photo_ids:
            catalogue.tag_photo(session, photo_id, {"dog": 0.9, "grass": 0.5})
    page = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)

    made: dict[str, Any] = {}
    exec(block, made)  # noqa: S102 - our own page

    assert {hit.photo_id for hit in made["page"].hits} == set(photo_ids)
    assert {match.photo_id for match in made["alike"]} < set(photo_ids)
    assert made["groups"] == ()


def test_the_way_into_the_library_is_cheap_and_complete():
    program = (
        "import sys, catalog\n"
        "assert not {'sqlalchemy', 'numpy', 'catalog.query'} & set(sys.modules)\n"
        "assert all(getattr(catalog, name) for name in catalog.__all__)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_links_in_the_docs_lead_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_compose_file_starts_commands_that_exist(newcomer: Kadr):
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    ours = {name: each for name, each in services.items() if each.get("image") == "kadr"}

    assert set(ours) == {"upgrade", "watcher", "worker", "beat", "kadr"}
    for name in ("upgrade", "watcher", "worker", "beat"):
        command = [word for word in ours[name]["command"] if not word.startswith(("/", "-"))]
        assert newcomer.run(*command, "--help").returncode == 0, name


def test_make_knows_what_the_readme_promises():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    for target in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
