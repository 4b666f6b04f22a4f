"""`kadr compare`: the paper's table of keywords, for a person's own photos."""

import json
from pathlib import Path
from typing import Annotated

import typer

from catalog.cli import console
from catalog.cli.options import AsJson
from worker.cli import options
from worker.evaluation import compare as comparing
from worker.tagging import choice

Photos = Annotated[
    list[str], typer.Argument(metavar="PHOTOS...", help="Photos or folders; - reads from stdin.")
]
Output = Annotated[Path, typer.Option("--output", "-o", help="The page to write.")]
Classifier = Annotated[
    str | None,
    typer.Option(
        help="Classifier to compare with: any timm model, or a folder with config.json and "
        "model.safetensors; without it the paper's EfficientNet-B3, or EfficientNet-Lite2 where "
        "that cannot be downloaded."
    ),
]


app = typer.Typer(add_completion=False)


@app.command()
def compare(
    photos: Photos,
    output: Output = Path("kadr-compare.html"),
    model: options.Model = None,
    vocabulary: options.Vocabulary = None,
    classifier: Classifier = None,
    device: options.Device = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, help="Photos at most, spread over all.")
    ] = 100,
    *,
    as_json: AsJson = False,
) -> None:
    """Compare keywords on photos: Kadr's, the paper's, and a classifier's with a fixed list.

    Writes one page that needs no other file; nothing is recorded in the catalogue.
    """
    settings = options.load(model=model, vocabulary=vocabulary, device=device)
    found = comparing.find_photos([Path(each) for each in console.read_arguments(photos)])
    taken = comparing.sample(found, limit)
    tell = console.err().print
    if len(taken) < len(found):
        tell(f"{len(taken)} of {len(found):,} photos are compared; --limit takes more")
    chosen = choice.complete(settings, tell)
    result = comparing.compare(
        taken,
        settings,
        model=chosen.model,
        words=chosen.vocabulary,
        other=classifier,
        say=lambda line: tell(f"[dim]{line}[/]"),
    )
    if as_json:
        typer.echo(json.dumps(result.as_json(), ensure_ascii=False, indent=2))
        return
    console.write_file(output, result.as_html())
    console.out().print(
        f"{console.count_of(len(result.photos), 'photo')} compared; open {output.absolute()}"
    )
    for note in result.notes:
        tell(f"[yellow]note[/] {note}", soft_wrap=True)
