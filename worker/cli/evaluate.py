"""`kadr evaluate`: how good keywords are on photos that a person labelled."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from catalog.cli import console
from catalog.cli.options import AsJson
from worker.cli import options

if TYPE_CHECKING:
    from worker.evaluation.contest import Result

Labels = Annotated[
    Path,
    typer.Argument(
        metavar="LABELS.csv",
        help="Columns photo and words; words stand between | or ;, paths are relative to the file.",
    ),
]
Models = Annotated[list[str] | None, typer.Option("--model", help="A model; repeat for several.")]
Vocabularies = Annotated[
    list[str] | None, typer.Option("--vocabulary", help="A vocabulary; repeat for several.")
]
Presets = Annotated[
    list[str] | None, typer.Option("--preset", help="default or paper; repeat for both.")
]
Vectors = Annotated[
    Path | None,
    typer.Option(help="Image vectors of the model (.npy), one row a labelled photo, in order."),
]
Plot = Annotated[Path | None, typer.Option(help="Also write a page with bars.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("evaluate")(evaluate)


def evaluate(
    labels: Labels,
    model: Models = None,
    vocabulary: Vocabularies = None,
    preset: Presets = None,
    vectors: Vectors = None,
    plot: Plot = None,
    device: options.Device = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Measure precision, recall, mAP and coverage; models, vocabularies, presets side by side.

    Words are compared after aliases and dictionary forms; a beagle counts as a dog. Nothing is
    recorded in the catalogue.
    """
    from worker import scoring
    from worker.evaluation import contest
    from worker.evaluation import labels as labelling
    from worker.tagging import choice

    settings = options.load(device=device)
    labelled = labelling.read(labels)
    stored = None if vectors is None else contest.read_vectors(vectors, len(labelled))
    say = console.err().print
    chosen = None if model and vocabulary else choice.complete(settings, say)
    models = model or [chosen.model if chosen else ""]
    words = vocabulary or [chosen.vocabulary if chosen else ""]
    presets = preset or list(scoring.PRESETS)
    for name in presets:
        scoring.ScoringSettings(name)  # refuses an unknown one before work is done
    wanted = contest.contenders(models, words, presets)
    results = list(
        contest.assess(
            labelled, wanted, settings, vectors=stored, say=lambda line: say(f"[dim]{line}[/]")
        )
    )
    if as_json:
        console.print_json([each.as_json() for each in results])
    else:
        _show(results)
    if plot is not None:
        console.write_file(plot, contest.as_page(results))
        say(f"Open {plot.absolute()}", markup=False)


def _show(results: "list[Result]") -> None:
    from rich.table import Table

    from worker.evaluation import contest

    table = Table("model", "vocabulary", "preset", box=None, pad_edge=False)
    for name in contest.measures(results[0].quality):
        table.add_column(name, justify="right")
    for each in results:
        named = each.contender
        values = contest.measures(each.quality).values()
        table.add_row(
            named.model, named.vocabulary, named.preset, *(f"{value:.3f}" for value in values)
        )
    console.out().print(table)
    console.out().print(f"[dim]Means over {results[0].quality.photos} labelled photos[/]")
