"""`kadr check`: does the catalogue agree with itself and with the files on disk?"""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Annotated

import typer

from catalog import paths
from catalog.cli import console
from catalog.cli.options import AsJson
from catalog.db.database import Database, open_catalogue
from catalog.db.tables import Root
from catalog.photos import roots
from catalog.tags import taggers
from catalog.upkeep import check as upkeep
from catalog.upkeep.check import Finding
from catalog.upkeep.findings import Check, Found, counted
from worker.cli import loaders, options
from worker.watch import ingest, scan
from worker.watch.exclusions import Rules

app = typer.Typer(add_completion=False)


@app.command()
def check(
    *,
    mend: Annotated[bool, typer.Option("--mend", help="Mend what can be made again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare files, rows, counts and indexes; `--mend` mends what can be made again.

    Whatever a person decided stays. Ends with status 1 if something is damaged and was not mended;
    what the next `kadr tag` does anyway is no damage.
    """
    settings = options.load(level="ERROR")
    with open_catalogue(settings.database_url) as database:
        rules = Rules(settings.exclude_patterns)
        on_disk = _checks_of_roots(database, rules)
        found: list[Finding] = []
        for each in upkeep.run(database, settings.cache_dir, mend=mend, others=on_disk):
            found.append(each)
            if not as_json:
                _show(each)
    if as_json:
        console.print_json([asdict(each) for each in found])
    elif not found:
        console.out().print("Files, rows, counts and indexes agree.")
    if any(not each.is_mended and not each.is_routine for each in found):
        raise typer.Exit(1)


def _show(found: Finding) -> None:
    if found.is_mended:
        state = "[green]mended[/]"
    else:
        state = "[yellow]note[/]" if found.is_routine else "[red]bad[/]"
    out = console.out()
    out.print(state, end="  ")
    out.print(found.fact + (f"; {found.advice}" if found.advice else ""), markup=False)


def _checks_of_roots(database: Database, rules: Rules) -> Iterator[Check]:
    with database.read() as session:
        known = roots.list_roots(session)
    for root in known:
        yield Check(
            f"files of {root.name}",
            partial(_compare, database, root, rules),
            partial(_take_over, root, rules),
            is_routine=True,
        )


def _compare(
    database: Database, root: Root, rules: Rules, _session: object, _now: datetime
) -> Found | None:
    found = scan.compare(database, root, rules)
    where = paths.printable(root.path)
    if found.is_away:
        return Found(1, f"{where} is away: no folder, or an empty one", "mount it")
    return counted(
        found.changed + found.gone,
        f"{{}} file below {where} is new, changed or gone",
        f"{{}} files below {where} are new, changed or gone ({found.gone:,} of them gone)",
        advice="`kadr tag` or `kadr check --mend` takes that over",
    )


def _take_over(root: Root, rules: Rules, database: Database, _now: datetime) -> None:
    """Register what is on disk; photos that are new are tagged by the next worker that sweeps."""
    with database.read() as session:
        look_up = partial(loaders.load_lexicon, taggers.find(session))
    for changed in scan.find_changes(database, root, rules=rules):
        ingest.take_files(database, root, changed, lambda _: False, look_up=look_up)
