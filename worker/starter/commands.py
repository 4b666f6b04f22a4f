"""Owns the command line of the training; ``train`` is meant where no command is named."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from worker.errors import WorkerError
from worker.starter import distil, evaluate, monitor, run, train
from worker.starter import index as indexes
from worker.starter import teacher as teachers

_COMMANDS = ("train", "finish", "evaluate")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; ``arguments`` are the process's own by default."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] not in (*_COMMANDS, "-h", "--help"):
        given.insert(0, "train")
    monitor.start_logging()
    options = _make_parser().parse_args(given)
    try:
        _run(options)
    except (OSError, ValueError, WorkerError) as error:
        sys.exit(f"worker.starter: {error}")


def _run(options: argparse.Namespace) -> None:
    if options.command == "evaluate":
        _evaluate(options)
    elif options.command == "finish":
        run.finish(_make_plan(options))
    else:
        run.make_starter(_make_plan(options))


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m worker.starter", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in (
        ("train", "from an index of labelled photos to a finished folder"),
        ("finish", "write the folder from the last checkpoint of a run"),
    ):
        _add_training(commands.add_parser(name, help=what))
    judged = commands.add_parser("evaluate", help="measure a finished folder")
    judged.add_argument("--data", type=Path, required=True)
    judged.add_argument("--model", type=Path, required=True)
    judged.add_argument("--split", default="dev", choices=("dev", "holdout"))
    judged.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _add_training(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="folder with index.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--work", type=Path, help="checkpoints and caches; default OUT.work")
    parser.add_argument("--hours", type=float, default=1.5, help="for the image tower")
    parser.add_argument("--epochs", type=float, help="instead of hours")
    parser.add_argument("--processes", type=int, default=1, help="that train together")
    parser.add_argument("--compile", action="store_true", help="needs a C++ compiler; faster")
    parser.add_argument("--text-steps", type=int, default=distil.STEPS, help="for the text tower")
    parser.add_argument("--start", type=Path, metavar="FOLDER", help="go on from a finished one")
    parser.add_argument("--seed", type=int, default=0)


def _make_plan(options: argparse.Namespace) -> run.Plan:
    return run.Plan(
        data=options.data,
        out=options.out,
        work=options.work or options.out.with_name(f"{options.out.name}.work"),
        budget=train.Budget(hours=options.hours, epochs=options.epochs),
        processes=options.processes,
        compiled=options.compile,
        seed=options.seed,
        start=options.start,
        text_steps=options.text_steps,
    )


def _evaluate(options: argparse.Namespace) -> None:
    index = indexes.read_index(options.data)
    teacher = teachers.read_teacher(options.data, len(index.concepts))
    report = evaluate.evaluate(options.model, index, teacher, split=options.split)
    console = Console()
    if options.json:
        console.print_json(json.dumps(dataclasses.asdict(report)))
        return
    console.print(_make_table(f"All {len(index.concepts)} concepts", report.ranking))
    console.print(_make_table("Baselines", report.baselines))
    console.print(_make_table(f"The {report.n_offered} offered, by confidence", report.offered))


def _make_table(title: str, figures: evaluate.Figures) -> Table:
    names = list(next(iter(figures.values())))
    table = Table("photos of", *names, title=title)
    for group, each in figures.items():
        table.add_row(group, *(_format(each[name]) for name in names))
    return table


def _format(value: float) -> str:
    return f"{value:.0f}" if value >= 2.0 and value.is_integer() else f"{value:.3f}"  # noqa: PLR2004
