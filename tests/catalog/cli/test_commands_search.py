"""`kadr search`, `kadr show`, `kadr tags` as a person or a script calls them."""

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from catalog import paths
from catalog.cli import lazy
from catalog.cli.commands import COMMANDS
from catalog.db.database import Database
from catalog.errors import NotFoundError, OptionError, QueryError, SettingsError
from catalog.language import parser
from catalog.photos import history
from catalog.query import terms
from catalog.tags import decisions
from catalog.tags.store import TagSpec
from tests.support import catalogue

BEAGLE = {"beagle": TagSpec("beagle", parents=("dog", "animal"))}


@pytest.fixture
def photos(database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Three photos, the last one never looked at."""
    monkeypatch.setenv("KADR_DATABASE_URL", database_url)
    with database.write() as session:
        odd = paths.to_text("b\udcff.jpg")
        ids = catalogue.add_photos(session, "sea/rex.jpg", "tom.jpg", odd)
        words = {"beagle": 0.9, "beach": 0.4}
        catalogue.tag_photo(session, ids[0], words, keywords=("Holiday",), specs=BEAGLE)
        catalogue.tag_photo(session, ids[1], {"cat": 0.8})
    return ids


def run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(lazy.build(COMMANDS), arguments, input=stdin)


def test_search_shows_photos_with_their_keywords(photos: list[int]) -> None:
    result = run("search", "dog")
    assert result.exit_code == 0
    assert "/photos/sea/rex.jpg" in result.output
    assert "beagle 0.90" in result.output
    assert "1 photo found" in result.output


def test_search_says_which_word_nobody_knows(photos: list[int]) -> None:
    result = run("search", "dgo OR cat")
    assert "1 photo found" in result.output
    assert "dgo" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        "dog",
        "dog -n 0",
        "dog -f csv",
        "dog -f csv -n 1",
        "dog --json",
        "dog --json -n 0",
        "dog -f paths",
        "dog --count",
        "dog --facets",
        "dog --facets --json",
        "dgo",
        "dgo --facets",
    ],
)
def test_search_reads_and_looks_up_its_query_once(
    photos: list[int], monkeypatch: pytest.MonkeyPatch, arguments: str
) -> None:
    calls: list[str] = []
    for module, name in ((parser, "parse"), (terms, "resolve")):
        monkeypatch.setattr(module, name, noted(getattr(module, name), calls))

    assert run("search", *arguments.split()).exit_code == 0
    assert calls == ["parse", "resolve"]


def noted(function: Callable[..., object], calls: list[str]) -> Callable[..., object]:
    def call(*arguments: object, **named: object) -> object:
        calls.append(function.__name__)
        return function(*arguments, **named)

    return call


def test_groups_of_another_detail_are_made_only_when_asked_for(
    photos: list[int], database: Database
) -> None:
    with database.write() as session:
        names = (f"{number}.png" for number in range(12))
        for number, photo_id in enumerate(catalogue.add_photos(session, *names)):
            words = ("dog", "beach") if number % 2 else ("car", "road")
            catalogue.tag_photo(session, photo_id, dict.fromkeys(words, 0.9))
    assert run("groups", "--refresh", "--detail", "0.5").exit_code == 0

    result = run("groups", "--detail", "0.25")

    assert isinstance(result.exception, OptionError)
    assert "`kadr groups --refresh --detail 0.25`" in str(result.exception)


def test_an_operator_in_small_letters_is_told_from_a_word(photos: list[int]) -> None:
    assert "write AND, or nothing" in run("search", "beagle and beach").output


def test_a_format_is_found_by_the_ending_of_its_files(photos: list[int]) -> None:
    assert run("search", "--count", "format:jpg").output == "2\n"


def test_facets_of_nothing_say_so(photos: list[int]) -> None:
    assert "no photo found" in run("search", "--facets", "is:failed").output


def test_setting_that_makes_no_sense_is_a_sentence(
    photos: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KADR_MIN_CONFIDENCE", "2")
    with pytest.raises(SettingsError, match=r"KADR_MIN_CONFIDENCE='2': .*; change or unset it"):
        raise run("search", "dog").exception


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--like", "rain", "--count"), "drop --count"),
        (("--like", "rain", "--fold", "--sort", "taken"), "drop --sort and --fold"),
        (("--count", "--fold"), "drop --fold"),
        (("--facets", "--after", "x"), "drop --after"),
        (("-0", "--after", "x"), "drop --after"),
    ],
)
def test_options_that_mean_nothing_together_are_refused(
    photos: list[int], options: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(OptionError, match=reason):
        raise run("search", *options).exception


def test_groups_and_facets_say_which_word_nobody_knows(photos: list[int]) -> None:
    for command in (("groups", "--within", "beagel"), ("search", "--facets", "beagel")):
        assert "no keyword 'beagel'; did you mean beagle?" in run(*command).output


def test_search_as_json_has_the_mark_of_the_next_page(photos: list[int]) -> None:
    first = json.loads(run("search", "--json", "--limit", "2").output)
    rest = json.loads(run("search", "--json", "--after", first["next"]).output)
    ids = [photo["id"] for page in (first, rest) for photo in page["photos"]]
    assert sorted(ids) == sorted(photos)
    assert rest["next"] is None


def test_search_as_csv_has_every_photo(photos: list[int]) -> None:
    rows = list(csv.DictReader(io.StringIO(run("search", "is:tagged", "--format", "csv").output)))
    assert {row["keywords"] for row in rows} == {"Holiday; beagle; beach", "cat"}


def test_paths_for_xargs_are_the_bytes_of_the_file_names(photos: list[int]) -> None:
    found = run("search", "-0").stdout_bytes.split(b"\0")
    names = (b"", b"/photos/b\xff.jpg", b"/photos/sea/rex.jpg", b"/photos/tom.jpg")
    assert sorted(found) == list(names)


def test_count_is_a_bare_number(photos: list[int]) -> None:
    assert run("search", "--count", "animal OR cat").output == "2\n"


def test_wrong_query_is_shown_with_a_mark_under_the_place(photos: list[int]) -> None:
    result = run("search", "dog widht:>3")
    assert isinstance(result.exception, QueryError)
    assert "  dog widht:>3\n      ^\n" in result.stderr
    assert "  dog widht:>3\n      ^\n" in run("groups", "--within", "dog widht:>3").stderr


def test_show_has_keywords_scores_sources_tagger_and_history(photos: list[int]) -> None:
    output = run("show", str(photos[0])).output
    for part in ("/photos/sea/rex.jpg", "beagle", "0.900", "0.090", "0.225", "clip", "metadata"):
        assert part in output
    for part in ("640 x 480", "tiny", "a photo of a {word}", "added", "tagged"):
        assert part in output


def test_show_tells_decisions_in_words(database: Database, photos: list[int]) -> None:
    with database.write() as session:
        now = datetime(2026, 5, 1, tzinfo=UTC)
        decisions.add(session, photos[:1], ["Mimi"], now=now)
        details = {photos[0]: {"from": photos[1], "keywords": 3}}
        history.add_events(
            session, photos[:1], history.EventKind.INHERITED, now=now, details=details
        )
    output = run("show", str(photos[0])).output
    assert re.search(rf"inherited +from: {photos[1]}; keywords: 3 *$", output, re.MULTILINE)
    assert re.search(r"decided +add: Mimi *$", output, re.MULTILINE)


def test_show_takes_the_end_of_a_path_and_standard_input(photos: list[int]) -> None:
    shown = json.loads(run("show", "--json", "rex.jpg", "-", stdin="/photos/tom.jpg\n").output)
    assert [photo["id"] for photo in shown] == photos[:2]
    assert shown[0]["keywords"][0]["name"] == "Holiday"
    assert shown[0]["files"][0]["path"] == "/photos/sea/rex.jpg"


def test_show_finds_a_photo_through_dots_and_links_also_when_it_is_gone(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KADR_DATABASE_URL", database_url)
    photos = tmp_path / "photos"
    (photos / "sea").mkdir(parents=True)
    (tmp_path / "link").symlink_to(photos)
    (photos / "rex.jpg").touch()
    with database.write() as session:
        catalogue.add_photos(session, "rex.jpg", "gone.jpg", root=str(photos))
    monkeypatch.chdir(photos / "sea")
    for given in ("../rex.jpg", "../../link/rex.jpg", "../gone.jpg", "../../link/gone.jpg"):
        assert Path(given).name in run("show", given).output, given


def test_show_of_an_unknown_photo_says_so(photos: list[int]) -> None:
    result = run("show", "nowhere.jpg")
    assert isinstance(result.exception, NotFoundError)
    assert "nowhere.jpg: no such photo" in str(result.exception)


def test_show_of_a_name_that_several_have_asks_for_more(
    database: Database, photos: list[int]
) -> None:
    with database.write() as session:
        catalogue.add_photos(session, "other/tom.jpg")
    result = run("show", "tom.jpg")
    assert isinstance(result.exception, NotFoundError)
    assert "2 photos have paths that end like this" in str(result.exception)


def test_tags_are_listed_with_their_counts(photos: list[int]) -> None:
    shown = json.loads(run("tags", "--json", "--sort", "name").output)
    assert [(tag["name"], tag["photos"]) for tag in shown] == [
        ("beach", 1),
        ("beagle", 1),
        ("cat", 1),
        ("Holiday", 1),
    ]
    assert shown[1]["parent"] == "dog"


def test_a_prefix_that_is_no_text_begins_no_keyword(photos: list[int]) -> None:
    assert run("tags", "b\udcff").output == "no keyword begins so\n"


def test_tags_that_are_not_shown_are_spoken_of(photos: list[int]) -> None:
    assert "there are more: -n 0 lists all" in run("tags", "-n", "1").output
    assert "there are more" not in run("tags").output


def test_tags_by_prefix_with_the_unused_ones(photos: list[int]) -> None:
    output = run("tags", "d", "--unused", "--format", "csv").output
    assert output.splitlines()[1:] == ["dog,0,animal,"]


def test_no_catalogue_yet_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KADR_DATABASE_URL", f"sqlite:///{tmp_path / 'none.db'}")
    result = run("search", "dog")
    assert isinstance(result.exception, NotFoundError)
    assert not (tmp_path / "none.db").exists()


def test_search_imports_neither_torch_nor_what_it_does_not_use(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from catalog.cli import commands, lazy\n"
        "lazy.load(commands.COMMANDS['search'])\n"
        "heavy = {'torch', 'celery', 'PIL', 'alembic', 'watchdog', 'numpy', 'scipy', 'igraph'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=240
    )
    assert done.stdout == "[]\n"


def test_threshold_hides_unsure_keywords_and_moves_without_another_look(
    database: Database, photos: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.write() as session:
        ids = catalogue.add_photos(session, "dim.jpg")
        catalogue.tag_photo(session, ids[0], {"owl": 0.05})
    assert run("search", "--count", "owl").output == "0\n"
    assert run("search", "--count", "owl^0.02").output == "1\n"
    assert "owl" not in run("show", str(ids[0])).output
    assert "owl" in run("show", "--all", str(ids[0])).output
    assert "owl" not in run("tags").output
    monkeypatch.setenv("KADR_MIN_CONFIDENCE", "0.01")
    assert run("search", "--count", "owl").output == "1\n"
    assert "owl" in run("tags").output
    monkeypatch.setenv("KADR_MIN_CONFIDENCE", "0.85")
    assert run("search", "--count", "cat").output == "0\n"
    assert run("search", "--count", "holiday").output == "1\n"
