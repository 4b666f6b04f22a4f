"""`kadr retag`: another model, vocabulary, prompt or preset for the whole catalogue."""

from dataclasses import asdict

import typer

from catalog.cli import console
from catalog.cli.options import AsJson
from catalog.tags import taggers
from worker.cli import options, running
from worker.tagging import choice, tagger
from worker.tagging import retag as retagging

app = typer.Typer(add_completion=False)


@app.command()
def retag(
    model: options.Model = None,
    vocabulary: options.Vocabulary = None,
    prompts: options.Prompt = None,
    preset: options.Preset = None,
    device: options.Device = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Tag every photo anew; what a person decided stays.

    Another vocabulary, prompt or preset scores the stored embeddings and opens no photo. Another
    model needs every photo encoded again: `kadr watch` or `kadr tag DIR` does that afterwards.
    """
    settings = options.load(
        model=model, vocabulary=vocabulary, prompts=prompts or None, preset=preset, device=device
    )
    with running.open_process(settings) as process:
        with process.database.read() as session:
            recorded = taggers.find(session)
        if recorded is None:
            wanted = choice.complete(settings, process.say)
        else:
            wanted = choice.changed(recorded, settings, process.say)
        with running.words_progress() as encoded:
            loaded = tagger.load(wanted, settings, encoded)
        with process.database.write() as session:
            taggers.replace_with(session, wanted)
        tagger_id = tagger.register(process.database, loaded, wanted)
        with running.count_progress("Scoring stored embeddings") as scored:
            done = retagging.retag(process.database, loaded, tagger_id, scored)
    if as_json:
        console.print_json(asdict(done) | {"tagger": asdict(wanted)})
        return
    out = console.err()
    scored_photos = console.count_of(done.scored, "photo")
    verb = "has" if done.scored == 1 else "have"
    out.print(f"[bold]{scored_photos}[/] {verb} new keywords ({wanted.vocabulary}).")
    if done.to_encode:
        out.print(
            f"{wanted.model} has to encode [bold]{console.count_of(done.to_encode, 'photo')}[/]: "
            "`kadr tag DIR` or `kadr watch DIR` does it; until then old keywords stay."
        )
