"""The commands of README and docs do what they say, or at least exist with their options.

Commands of ```console blocks are run, unless they name a placeholder in capitals; all others are
given to the parser of the command that they name.
"""

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from catalog.cli import commands, lazy
from catalog.db.database import Database
from tests.support import catalogue, photos
from tests.support.kadr import Kadr
from worker.cli.main import COMMANDS, build

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
#: Pages that name options of other programs: of the training.
OPTIONS_OF_OTHERS = {"starter-model.md"}
_PLACEHOLDER = re.compile(r"\b[A-Z]{2,}\b")


def console_commands(text: str) -> list[str]:
    """Return the commands of ```console blocks."""
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def mentioned_commands(text: str) -> list[str]:
    """Return what a text shows as `kadr ...`: inline, in fences and in indented lines."""
    fences = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    prose = re.sub(r"^```\w*\n.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    lines = [line for fence in fences for line in fence.splitlines()]
    lines += [line[4:] for line in prose.splitlines() if line.startswith("    ")]
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]
    shown = [each.removeprefix("$ ") for each in lines + spans]
    return [each for each in shown if each.startswith("kadr ")]


def mentioned_options(text: str) -> set[str]:
    """Return the options that a text names without a command: `--prompts openai-7`."""
    return set(re.findall(r"`(--[a-z][\w-]*|-\w)(?=[ =`])[^`]*`", text))


def words_of(command: str) -> list[str]:
    """Return the arguments of a command line, up to its comment or a pipe."""
    words = shlex.split(command, comments=True)[1:]
    ends = [words.index(end) for end in ("|", ">", "&&", ";") if end in words]
    return words[: min(ends, default=len(words))]


def find_mistake(command: Any, words: list[str], path: str = "kadr") -> str | None:
    """Return which command or option of `words` does not exist; `command` is Typer's or below."""
    context = command.context_class(command, info_name=path, **command.context_settings)
    below = getattr(command, "commands", None)
    if below is None or not words or words[0].startswith("-"):
        try:
            command.make_parser(context).parse_args(list(words))
        except Exception as error:  # Typer's own copy of Click raises it, or Click itself
            if not hasattr(error, "format_message"):
                raise
            return f"{path}: {error.format_message()}"
        return None
    first, *rest = commands.read_tag_as_keyword(words) if path == "kadr" else words
    for name in first.split("|"):
        if not _PLACEHOLDER.fullmatch(name):
            if name not in below:
                return f"{path}: there is no command {name!r}"
            if mistake := find_mistake(below[name], rest, f"{path} {name}"):
                return mistake
    return None


def all_options(command: Any) -> set[str]:
    """Return the options of a command and of all below it."""
    own = {each for one in command.params for each in (*one.opts, *one.secondary_opts)}
    below = getattr(command, "commands", {}).values()
    return own.union(*(all_options(each) for each in below))


def kadr_commands(text: str) -> set[str]:
    """Return the names of all commands that a text mentions as `kadr NAME`."""
    return set(re.findall(r"\bkadr ([a-z]+)\b", " ".join(re.findall(r"`[^`]+`", text))))


@pytest.fixture
def newcomer(tmp_path: Path) -> Kadr:
    """Return `kadr` as it is right after the installation, and a home with some photos."""
    pictures = tmp_path / "Pictures"
    pictures.mkdir()
    for photo in photos.samples():
        shutil.copy(photo, pictures / photo.name)
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "KADR_OFFLINE": "1"}
    return Kadr(home | {"KADR_CACHE_DIR": str(tmp_path / "cache")}, tmp_path)


@pytest.fixture(scope="module")
def kadr_command() -> Any:
    command: Any = typer.main.get_command(build())
    command.commands = {name: lazy.load(each) for name, each in COMMANDS.items()}
    return command


@pytest.mark.slow
@pytest.mark.thorough
def test_the_first_commands_of_the_readme_work(newcomer: Kadr):
    shown = console_commands(README)
    assert len(shown) >= 4
    newcomer.is_started_anew = True

    run_all(newcomer, shown)


@pytest.mark.slow
@pytest.mark.thorough
def test_the_console_blocks_of_the_docs_work_on_a_tagged_catalogue(newcomer: Kadr):
    run_all(newcomer, ["kadr tag ~/Pictures"])
    shown = [
        command
        for page in PAGES[1:]
        for command in console_commands(page.read_text(encoding="utf-8"))
    ]
    ours = [each for each in shown if each.startswith("kadr ")]

    run_all(newcomer, [each for each in ours if "|" not in each and not _is_template(each)])

    for command in shown:
        if command.startswith("python -m "):
            assert importlib.util.find_spec(command.split()[2]), command


def run_all(kadr: Kadr, lines: list[str]) -> None:
    for command in lines:
        done = kadr.run(*(word.replace("~", str(kadr.cwd)) for word in words_of(command)))
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert done.stdout or done.stderr


def _is_template(command: str) -> bool:
    """Return whether a command has a placeholder in capitals, which a query's AND is not."""
    return any(_PLACEHOLDER.search(word) for word in words_of(command) if " " not in word)


def test_a_command_or_option_that_does_not_exist_is_found(kadr_command: Any):
    for wrong in (
        "kadr retag --prompt 'a {word}'",
        "kadr keyword add|erase A.jpg x",
        "kadr serch x",
    ):
        assert find_mistake(kadr_command, words_of(wrong)), wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_option_that_a_page_shows_exists(page: Path, kadr_command: Any):
    text = page.read_text(encoding="utf-8")

    for command in mentioned_commands(text):
        assert find_mistake(kadr_command, words_of(command)) is None, command
    if page.name not in OPTIONS_OF_OTHERS:
        unknown = mentioned_options(text) - all_options(kadr_command) - {"--install-completion"}
        assert unknown == set(), page.name


def test_every_command_that_the_readme_names_exists(newcomer: Kadr):
    offered = newcomer.run("--help").stdout

    for name in kadr_commands(README):
        assert re.search(rf"\b{name}\b", offered), name


def test_the_readme_names_every_setting():
    from catalog.web.settings import WebSettings
    from worker.settings import Settings

    named = set(re.findall(r"KADR_([A-Z_]+)", README))

    known = Settings.model_fields.keys() | WebSettings.model_fields.keys()
    assert {name.upper() for name in known} - named == set()


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


@pytest.mark.slow
def test_the_compose_file_starts_commands_that_exist(newcomer: Kadr):
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    ours = {name: each for name, each in services.items() if each.get("image") == "kadr"}

    assert set(ours) == {"upgrade", "watcher", "worker", "beat", "web", "kadr"}
    for name in ("upgrade", "watcher", "worker", "beat", "web"):
        words = [word for word in ours[name]["command"] if word != "0.0.0.0"]  # noqa: S104
        command = [word for word in words if not word.startswith(("/", "-"))]
        assert newcomer.run(*command, "--help").returncode == 0, name


def test_make_knows_what_the_readme_promises():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    for target in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
