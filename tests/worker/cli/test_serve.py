"""`kadr serve` opens to this machine alone, unless a password was set; tokens and webhooks."""

import json
import re
import subprocess
import sys
import urllib.request
from functools import partial
from pathlib import Path

import pytest

from catalog.db.database import open_database
from tests.support import photos
from tests.support.kadr import Kadr, eventually


@pytest.fixture
def catalogue(kadr: Kadr) -> Kadr:
    """`kadr` with a catalogue that is empty."""
    open_database(kadr.settings["KADR_DATABASE_URL"], upgrade=True).close()
    return kadr


def test_other_machines_reach_no_gallery_without_a_password(catalogue: Kadr):
    refused = catalogue.run("serve", "--host", "0.0.0.0", "--port", "0")  # noqa: S104 - refused

    assert refused.returncode == 2
    assert "run `kadr password` first" in " ".join(refused.stderr.split())
    catalogue.extra["KADR_WEB_AUTH"] = "proxy"
    trusting = catalogue.run("serve", "--host", "0.0.0.0", "--port", "0")  # noqa: S104 - refused
    assert trusting.returncode == 2
    assert "KADR_WEB_TRUSTED_PEERS" in trusting.stderr


def test_a_gallery_starts_without_what_only_some_pages_need():
    program = (
        "import sys\n"
        "from worker.cli import serve\n"
        "heavy = {'torch', 'scipy', 'PIL', 'rawpy', 'celery', 'watchdog', 'alembic'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_tokens_are_shown_once_and_removed_by_name(catalogue: Kadr):
    made = catalogue.run("token", "add", "nas", "--scope", "read", "--days", "9")
    assert made.stdout.startswith("kadr_")

    [token] = catalogue.json("token", "list")
    assert (token["name"], token["scope"]) == ("nas", "read")
    assert made.stdout.strip() not in catalogue.run("token", "list").stdout
    assert catalogue.run("token", "remove", "nas").returncode == 0
    gone = catalogue.run("token", "remove", "nas")
    assert (gone.returncode, "no token named 'nas'" in gone.stderr) == (1, True)


def test_a_password_is_set_from_standard_input(catalogue: Kadr):
    short = catalogue.run("password", "--stdin", stdin="short\n")
    assert "use at least 8" in short.stderr
    assert catalogue.run("password", "--stdin", stdin="correct horse\n").returncode == 0


def test_webhooks_are_added_listed_and_removed(catalogue: Kadr):
    url = "https://example.org/hook"
    assert catalogue.run("webhook", "add", url, "--events", "tagged,x").returncode == 1
    assert catalogue.run("webhook", "add", url).stdout.startswith("whsec_")
    [hook] = catalogue.json("webhook", "list")
    assert (hook["url"], hook["events"]) == (url, ["tagged"])
    assert catalogue.run("webhook", "on", url).returncode == 0
    assert catalogue.run("webhook", "remove", url).returncode == 0


@pytest.mark.slow
def test_a_gallery_answers_and_says_that_it_works(catalogue: Kadr):
    with catalogue.running("serve", "--port", "0", ready="Gallery on"):
        [log] = catalogue.cwd.glob("serve-*.log")
        found = re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text())
        assert found is not None
        with urllib.request.urlopen(found[0] + "/api/v1/photos", timeout=60) as answer:  # noqa: S310
            assert answer.status == 200
        assert catalogue.run("health", "--port", found[1]).returncode == 0
        assert catalogue.run("health", "--port", found[1], "--ready").returncode == 0
    assert catalogue.run("health", "--port", found[1]).returncode == 1


@pytest.mark.slow
@pytest.mark.thorough
def test_keywords_are_sorted_by_number_while_the_gallery_tags(catalogue: Kadr):
    folder = catalogue.cwd / "Pictures"
    folder.mkdir()
    scenes = [photos.scene(64 + number, 48) for number in range(3)]
    paths = [photos.save(folder / f"{scene.width}.jpg", scene) for scene in scenes]
    with catalogue.running("serve", "--port", "0", str(folder), ready="Gallery on"):
        [log] = catalogue.cwd.glob("serve-*.log")
        found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())
        assert found is not None

        def names() -> list[str]:
            with urllib.request.urlopen(found[0] + "/api/v1/keywords", timeout=60) as answer:  # noqa: S310
                return [each["name"] for each in json.load(answer)["items"]]

        def is_added(path: Path) -> bool:
            return catalogue.run("keyword", "add", str(path), "zz").returncode == 0

        for path in paths:
            eventually(partial(is_added, path))
        assert catalogue.run("keyword", "add", str(paths[0]), "aa").returncode == 0

        eventually(lambda: [name for name in names() if name in ("aa", "zz")] == ["zz", "aa"])
