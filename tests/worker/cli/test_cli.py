"""`kadr` as a person uses it: what it does, and what it says when something is wrong."""

import json
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from catalog.cli import commands, lazy
from tests.support.kadr import Kadr
from tests.support.xmp import bag, sidecar
from worker import cli
from worker.cli.main import COMMANDS


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of three photos, one of them a copy."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, colour in (("red.jpg", "red"), ("blue.png", "blue")):
        Image.new("RGB", (60, 40), colour).save(folder / name)
    shutil.copy(folder / "red.jpg", folder / "again.jpg")
    return folder


def test_version_needs_no_command():
    done = CliRunner().invoke(cli.build(), ["--version"])

    assert (done.exit_code, done.output) == (0, f"kadr {version('kadr')}\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_list_of_commands_says_what_their_help_says(name: str):
    command = lazy.load(COMMANDS[name])

    assert command.help.split("\n\n")[0].replace("\n", " ") == COMMANDS[name].help


def test_list_of_commands_imports_none_of_them():
    program = (
        "import sys\n"
        "from worker import cli\n"
        "sys.argv = ['kadr', '--help']\n"
        "try:\n    cli.main()\n"
        "except SystemExit:\n    pass\n"
        "print(sorted({'numpy', 'sqlalchemy', 'pydantic', 'celery'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines()[-1] == "[]"
    assert all(f" {name} " in done.stdout for name in COMMANDS)


def test_word_after_tag_that_is_an_action_is_no_folder():
    assert commands.read_tag_as_keyword(["tag", "add", "1", "dog"])[:2] == ["keyword", "add"]
    assert commands.read_tag_as_keyword(["tag", "./add"]) == ["tag", "./add"]


def test_tag_tags_what_is_there_and_then_only_what_is_new(kadr: Kadr, photos: Path):
    first = kadr.json("tag", str(photos))
    again = kadr.run("tag", str(photos))
    Image.new("RGB", (60, 40), "green").save(photos / "green.jpg")
    third = kadr.json("tag", str(photos))

    assert (first["photos"], first["tagged"], first["quarantined"]) == (2, 2, 0)
    assert again.returncode == 0
    assert "Nothing to tag" in again.stderr
    assert "2 photos there were tagged before" in again.stderr
    assert (third["photos"], third["tagged"]) == (1, 1)


def test_tag_takes_single_photos_and_says_how_many_it_tagged(kadr: Kadr, photos: Path):
    first = kadr.json("tag", str(photos / "red.jpg"))
    again = kadr.json("tag", str(photos / "red.jpg"))
    rest = kadr.json("tag", str(photos))

    assert (first["tagged"], first["counts"]["tagged"]) == (1, 1)
    assert (again["photos"], again["tagged"]) == (0, 0)
    assert (rest["tagged"], rest["counts"]["tagged"]) == (1, 2)


def test_tag_says_whose_metadata_another_program_changed(kadr: Kadr, photos: Path):
    kadr.json("tag", str(photos))
    (photos / "red.xmp").write_bytes(sidecar(bag("dc:subject", "holiday")))

    said = kadr.run("tag", str(photos)).stderr

    assert "Nothing to tag" in said
    assert "Metadata of 1 photo changed in other programs" in said
    assert kadr.json("tag", str(photos))["reread"] == 0


def test_tag_counts_what_it_tagged_also_where_another_photo_went(kadr: Kadr, photos: Path):
    kadr.json("tag", str(photos))
    (photos / "blue.png").unlink()
    Image.new("RGB", (60, 40), "green").save(photos / "green.png")

    summary = kadr.json("tag", str(photos))

    assert (summary["tagged"], summary["counts"]["tagged"]) == (1, 2)


def test_doctor_tells_what_was_left_out_and_why(kadr: Kadr, photos: Path):
    (photos / "#recycle").mkdir()
    shutil.copy(photos / "red.jpg", photos / "#recycle/old.jpg")
    kadr.extra["KADR_EXCLUDE"] = "*.png; nothing/"
    kadr.json("tag", str(photos))

    facts = {finding["name"]: finding["fact"] for finding in kadr.json("doctor")}

    assert f"1 by trash: {photos}/#recycle" in facts["left out"]
    assert f"1 by KADR_EXCLUDE: {photos}/blue.png" in facts["left out"]


def test_tag_ends_with_1_only_where_nothing_could_be_done(kadr: Kadr, photos: Path):
    (photos / "bad.jpg").write_bytes(b"not a photo")
    mixed = kadr.run("tag", str(photos))
    hopeless = photos.parent / "hopeless"
    hopeless.mkdir()
    (hopeless / "worse.jpg").write_bytes(b"not a photo either")

    failed = kadr.run("tag", str(hopeless))

    assert mixed.returncode == 0
    assert "1 could not be read: `kadr failures`" in mixed.stderr
    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr


def test_a_failure_is_listed_and_retried_after_it_was_mended(kadr: Kadr, photos: Path):
    (photos / "bad.jpg").write_bytes(b"not a photo")
    kadr.run("tag", str(photos))
    [failure] = kadr.json("failures")

    Image.new("RGB", (60, 40), "white").save(photos / "bad.jpg")
    retried = kadr.run("retry", str(failure["photo_id"]))
    kadr.run("tag", str(photos))

    assert retried.stderr.startswith("1 photo is pending again"), retried.stderr
    assert failure["path"] == str(photos / "bad.jpg")
    assert kadr.json("failures") == []
    assert kadr.json("status")["tagged"] == 3


def test_paths_come_from_standard_input(kadr: Kadr, photos: Path):
    done = kadr.run("tag", "-", stdin=f"{photos}\n")

    assert done.returncode == 0
    assert kadr.json("status")["tagged"] == 2


def test_a_folder_below_a_known_root_is_that_roots(kadr: Kadr, photos: Path):
    inner = photos / "inner"
    inner.mkdir()
    Image.new("RGB", (60, 40), "yellow").save(inner / "yellow.jpg")
    kadr.run("tag", str(inner))
    outer = kadr.json("tag", str(photos))

    found = kadr.run("search", "-f", "paths")

    assert outer["photos"] == 2
    assert sorted(found.stdout.splitlines()) == [  # a copy is one photo, shown where it was first
        str(photos / name) for name in ("again.jpg", "blue.png", "inner/yellow.jpg")
    ]


def test_a_persons_keyword_stays_and_a_rejected_one_is_not_found(kadr: Kadr, photos: Path):
    kadr.run("tag", str(photos))
    added = kadr.run("tag", "add", str(photos / "red.jpg"), "balcony")
    rejected = kadr.run("tag", "reject", str(photos / "red.jpg"), "dog")

    retagged = kadr.run("retag", "--prompts", "a drawing of a {word}")

    assert retagged.returncode == 0, retagged.stderr
    assert (added.returncode, rejected.returncode) == (0, 0), added.stderr + rejected.stderr
    found = kadr.run("search", "balcony", "-f", "paths").stdout.splitlines()
    assert {Path(path).name for path in found} & {"red.jpg", "again.jpg"}
    dogs = kadr.run("search", "dog", "-f", "paths").stdout.splitlines()
    assert not {Path(path).name for path in dogs} & {"red.jpg", "again.jpg"}


def test_prune_forgets_what_is_gone(kadr: Kadr, photos: Path):
    kadr.run("tag", str(photos))
    (photos / "blue.png").unlink()
    kadr.run("tag", str(photos))
    missing = kadr.json("status")["missing"]

    planned = kadr.run("prune", "--dry-run")
    assert "To go: 1 photo whose files are gone, 0 of them with your decisions." in planned.stderr
    assert (
        "To stay: 1 photo missing for less than 3 days."
        in kadr.run("prune", "--older-than", "3").stderr
    )

    pruned = kadr.run("prune", "--yes")

    assert missing == 1
    assert "Forgot 1 photo and 1 place." in pruned.stderr
    assert kadr.json("status")["missing"] == 0


def test_retag_with_other_words_opens_no_photo(kadr: Kadr, photos: Path):
    kadr.run("tag", str(photos))
    for photo in photos.iterdir():
        photo.unlink()
    words = photos.parent / "others.txt"
    words.write_text("boat\nmountain\n", encoding="utf-8")

    done = kadr.json("retag", "--vocabulary", str(words))

    assert (done["scored"], done["to_encode"]) == (2, 0)
    assert {tag["name"] for tag in kadr.json("tags")} == {"boat", "mountain"}


def test_model_and_words_of_a_relative_path_are_found_from_elsewhere(kadr: Kadr, photos: Path):
    from tests.support.models import make_tiny_model

    make_tiny_model(kadr.cwd / "model")
    (kadr.cwd / "words.txt").write_text("boat\nmountain\n", encoding="utf-8")
    kadr.settings |= {"KADR_MODEL": "model", "KADR_VOCABULARY": "words.txt"}
    first = kadr.run("tag", str(photos))
    again = kadr.run("tag", str(photos))
    del kadr.settings["KADR_MODEL"], kadr.settings["KADR_VOCABULARY"]
    Image.new("RGB", (60, 40), "pink").save(photos / "pink.jpg")
    kadr.cwd = photos

    tagged = kadr.run("tag", str(photos))

    for done in (first, again, tagged):
        assert done.returncode == 0, done.stderr
    assert "1 photo tagged" in tagged.stderr


def test_other_words_are_found_by_all_their_names(kadr: Kadr, photos: Path):
    words = photos.parent / "words.txt"
    words.write_text("boat\nmountain\n", encoding="utf-8")
    kadr.settings["KADR_VOCABULARY"] = str(words)
    kadr.run("tag", str(photos))
    more = photos.parent / "more.txt"
    more.write_text("boat | vessel < vehicle\nmountain | peak\nvehicle\n", encoding="utf-8")

    kadr.run("retag", "--vocabulary", str(more))

    for alias in ("vessel", "tag:=vessel", "peak", "vehicle"):
        assert kadr.json("search", alias)["photos"], alias


@pytest.mark.thorough
def test_another_model_is_refused_until_retag(kadr: Kadr, photos: Path, tmp_path: Path):
    from tests.support.models import make_tiny_model

    kadr.run("tag", str(photos))
    other = make_tiny_model(tmp_path / "other", seed=7)
    del kadr.settings["KADR_MODEL"]

    nothing_new = kadr.run("tag", str(photos), "--model", f"local-dir:{other}")
    Image.new("RGB", (60, 40), "pink").save(photos / "pink.jpg")
    refused = kadr.run("tag", str(photos), "--model", f"local-dir:{other}")
    retagged = kadr.json("retag", "--model", f"local-dir:{other}")
    tagged = kadr.json("tag", str(photos))

    assert nothing_new.returncode == 0
    assert "Nothing to tag" in nothing_new.stderr
    assert refused.returncode == 1
    assert "run `kadr retag --model" in refused.stderr
    assert retagged["to_encode"] == 2
    assert tagged["counts"]["tagged"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tag", "/nowhere/at/all"), "/nowhere/at/all: no such folder; check the name"),
        (("tag", __file__), "name a photo or a folder of photos"),
        (("show", "/nowhere.jpg"), "nowhere.jpg"),
        (("search", "dog AND ("), "expected"),
    ],
)
def test_errors_are_one_sentence_without_a_traceback(
    kadr: Kadr, arguments: tuple[str, ...], message: str
):
    kadr.run("db", "upgrade")

    done = kadr.run(*arguments)

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert message in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("KADR_BATCH_SIZE", "many", "KADR_BATCH_SIZE='many'"),
        ("KADR_DATABASE_URL", "mysql://localhost/kadr", "use sqlite:// or postgresql://"),
        ("KADR_DATABASE_URL", "postgresql://kadr@127.0.0.1:9/kadr", "cannot be reached"),
        ("KADR_BROKER_URL", "redis://127.0.0.1:9/0", "start Redis there"),
        ("KADR_MODEL", "ViT-B-23", "ViT-B-32"),
        ("KADR_MODEL", "local-dir:/nowhere", "/nowhere"),
        ("KADR_VOCABULARY", "english-5k", "english-50k"),
        ("KADR_DEVICE", "cuda:9", "use --device auto or cpu"),
    ],
)
def test_a_wrong_setting_is_named(kadr: Kadr, photos: Path, name: str, value: str, message: str):
    kadr.extra[name] = value
    if name == "KADR_BROKER_URL":
        assert kadr.run("db", "upgrade").returncode == 0

    done = kadr.run("tag", str(photos))

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert message in done.stderr


@pytest.mark.thorough
def test_without_a_network_the_starter_model_says_so(kadr: Kadr, photos: Path):
    del kadr.settings["KADR_MODEL"], kadr.settings["KADR_VOCABULARY"]

    done = kadr.run("tag", str(photos))

    assert done.returncode == 0
    assert "cannot be downloaded now. The starter model that comes with Kadr tags" in done.stderr
    assert "kadr retag --model ViT-B/32" in done.stderr
    assert kadr.json("status")["tagger"]["model"] == "starter"


def test_a_model_that_cannot_be_downloaded_says_what_to_do(kadr: Kadr, photos: Path):
    kadr.settings["KADR_MODEL"] = "ViT-L/14"

    done = kadr.run("tag", str(photos))

    assert done.returncode == 1
    assert "local-dir:" in done.stderr
    assert "starter" in done.stderr


def test_doctor_tells_of_everything_and_ends_well(kadr: Kadr):
    names = {finding["name"]: finding["state"] for finding in kadr.json("doctor")}

    assert set(names) >= {"python", "device", "database", "model", "broker", "watching"}
    assert "bad" not in names.values()


def test_doctor_tells_of_a_database_that_cannot_be_reached(kadr: Kadr):
    kadr.extra["KADR_DATABASE_URL"] = "postgresql://kadr@127.0.0.1:9/kadr"

    done = kadr.run("doctor", "--json")

    states = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert states["database"]["state"] == "bad"
    assert states["packages"]["state"] == "ok"
    assert "catalog, migrations, worker" in states["packages"]["fact"]
    assert "cannot be reached" in states["database"]["fact"]
    assert done.returncode == 1


@pytest.mark.parametrize("role", ["worker", "beat"])
def test_roles_of_a_fleet_need_a_broker(kadr: Kadr, role: str):
    done = kadr.run(role)

    assert done.returncode == 1
    assert "set KADR_BROKER_URL=redis://" in done.stderr


def test_searching_imports_no_torch(kadr: Kadr):
    kadr.run("db", "upgrade")
    program = (
        "import sys\n"
        "from worker import cli\n"
        "sys.argv = ['kadr', 'search', 'dog', '-f', 'paths']\n"
        "try:\n    cli.main()\n"
        "except SystemExit:\n    pass\n"
        "unwanted = {'torch', 'open_clip', 'celery', 'PIL', 'watchdog', 'alembic'}\n"
        "heavy = unwanted & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        env=kadr.env,
        cwd=kadr.cwd,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_a_catalogue_that_cannot_be_written_ends_it_with_one_sentence(kadr: Kadr, photos: Path):
    kadr.run("tag", str(photos))
    file = Path(kadr.settings["KADR_DATABASE_URL"].removeprefix("sqlite:///"))
    file.write_bytes(b"overwritten by another program " * 400)

    done = kadr.run("tag", str(photos))

    assert done.returncode == 1
    assert "is not a catalogue" in done.stderr
    assert "Traceback" not in done.stderr
