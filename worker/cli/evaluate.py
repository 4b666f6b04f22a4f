"""`kadr evaluate`: how good keywords are on photos that a person labelled."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from catalog.cli import console
from catalog.cli.options import AsJson
from worker import scoring
from worker.cli import options
from worker.evaluation import contest
from worker.evaluation import labels as labelling
from worker.evaluation.contest import Result
from worker.tagging import choice

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


app = typer.Typer(add_completion=False)


@app.command()
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

    Words are compared after aliases and dictionary forms; a beagle counts as a dog. The last line
    is the paper's other side: a classifier with the thousand classes of ImageNet. Nothing is
    recorded in the catalogue.
    """
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
    if stored is None:  # a classifier needs the photos themselves
        results.append(contest.assess_classifier(labelled, settings, say=say))
    if as_json:
        console.print_json([each.as_json() for each in results])
    else:
        _show(results)
    if plot is not None:
        console.write_file(plot, contest.as_page(results))
        say(f"Open {plot.absolute()}", markup=False)


def _show(results: list[Result]) -> None:
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
    labelled = console.count_of(results[0].quality.photos, "labelled photo")
    console.out().print(f"[dim]Means over {labelled}[/]")
