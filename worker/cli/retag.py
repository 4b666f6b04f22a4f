"""`kadr retag`: another model, vocabulary, prompt or preset for the whole catalogue."""

from dataclasses import asdict

import typer

from catalog.cli import console
from catalog.cli.options import AsJson
from worker.cli import options


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("retag")(retag)


def retag(
    model: options.Model = None,
    vocabulary: options.Vocabulary = None,
    prompts: options.Prompt = None,
    preset: options.Preset = None,
    device: options.Device = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Give every photo new keywords; what a person decided stays.

    Another vocabulary, prompt or preset scores the stored embeddings and opens no photo. Another
    model needs every photo encoded again: `kadr watch` or `kadr tag DIR` does that afterwards.
    """
    from catalog.tags import taggers
    from worker.cli import running
    from worker.tagging import choice, tagger
    from worker.tagging import retag as retagging

    settings = options.load(
        model=model, vocabulary=vocabulary, prompts=prompts or None, preset=preset, device=device
    )
    process = running.open_process(settings)
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
    process.close()
    if as_json:
        console.print_json(asdict(done) | {"tagger": asdict(wanted)})
        return
    out = console.err()
    out.print(f"[bold]{done.scored:,}[/] photos have new keywords ({wanted.vocabulary}).")
    if done.to_encode:
        out.print(
            f"[bold]{done.to_encode:,}[/] photos are to be encoded by {wanted.model}: "
            "`kadr tag DIR` or `kadr watch DIR` does it; until then they keep their old keywords."
        )
