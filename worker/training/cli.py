"""The command line of the training; `train` is meant where no command is named."""

import argparse
import csv
import dataclasses
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from worker.errors import WorkerError
from worker.training import figures, report, run, text_tower
from worker.training.data import read_index

_COMMANDS = ("train", "evaluate")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; `arguments` are the process's own by default."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] not in (*_COMMANDS, "-h", "--help"):
        given.insert(0, "train")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options = _make_parser().parse_args(given)
    try:
        _run(options)
    except (OSError, WorkerError) as error:
        sys.exit(f"worker.training: {error}")


def _run(options: argparse.Namespace) -> None:
    if options.command == "evaluate":
        _evaluate(options)
        return
    run.make_starter(
        run.Plan(
            data=options.data,
            out=options.out,
            work=options.work or options.out.with_name(f"{options.out.name}.work"),
            epochs=options.epochs,
            text_steps=options.text_steps,
            processes=options.processes,
            seed=options.seed,
        )
    )


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m worker.training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    trained = commands.add_parser("train", help="from an index of labelled photos to a folder")
    trained.add_argument("--data", type=Path, required=True, help="folder with index.csv")
    trained.add_argument("--out", type=Path, required=True, help="folder to write")
    trained.add_argument("--work", type=Path, help="where features are kept; default OUT.work")
    trained.add_argument("--epochs", type=int, default=run.EPOCHS, help="of the head")
    trained.add_argument(
        "--text-steps", type=int, default=text_tower.STEPS, help="of the text tower"
    )
    trained.add_argument("--processes", type=int, default=2, help="that compute features")
    trained.add_argument("--seed", type=int, default=0)
    judged = commands.add_parser("evaluate", help="measure a finished folder")
    judged.add_argument("--data", type=Path, required=True)
    judged.add_argument("--model", type=Path, required=True)
    judged.add_argument("--split", default="dev", choices=("dev", "holdout"))
    judged.add_argument("--json", action="store_true", help="print JSON")
    judged.add_argument(
        "--unconfirmed",
        type=Path,
        metavar="CSV",
        help="list the photos with sure keywords that no label confirms, to look at them",
    )
    return parser


def _evaluate(options: argparse.Namespace) -> None:
    tried = report.try_out(options.model, read_index(options.data), split=options.split)
    if options.unconfirmed is not None:
        _write_unconfirmed(report.find_unconfirmed(tried), options.unconfirmed)
    measured = report.measure(tried)
    console = Console()
    if options.json:
        console.print_json(json.dumps(dataclasses.asdict(measured)))
        return
    console.print(_make_table(f"All {measured.n_concepts} concepts", measured.ranking))
    title = f"The {measured.n_offered} offered, confidence of {figures.SURE} or more"
    console.print(_make_table(title, measured.offered))
    if measured.retrieval:
        console.print(_make_table("Photos found by caption", {"captioned": measured.retrieval}))


def _write_unconfirmed(found: Sequence[report.Unconfirmed], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "source", "labels", "unconfirmed", "first_right", "n_sure"])
        rows.writerows(
            [
                each.photo.path,
                each.photo.source,
                "; ".join(each.photo.labels),
                "; ".join(each.keywords),
                "yes" if each.first_right else "no",
                each.n_sure,
            ]
            for each in found
        )


def _make_table(title: str, groups: report.Figures) -> Table:
    names = list(next(iter(groups.values())))
    table = Table("photos of", *names, title=title)
    for group, each in groups.items():
        table.add_row(group, *(_format(each[name]) for name in names))
    return table


def _format(value: float) -> str:
    return f"{value:.0f}" if value >= 2.0 and value.is_integer() else f"{value:.3f}"  # noqa: PLR2004
