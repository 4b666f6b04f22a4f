"""`kadr watch`: photos below some folders are tagged as they arrive, change or move."""

from typing import Annotated

import typer

from catalog.cli import console
from worker.cli import following, options, running, watching
from worker.errors import RootError
from worker.watch import roots

app = typer.Typer(add_completion=False)


@app.command()
def watch(
    folders: options.Folders,
    model: options.Model = None,
    vocabulary: options.Vocabulary = None,
    prompts: options.Prompt = None,
    preset: options.Preset = None,
    device: options.Device = None,
    *,
    poll: options.Poll = False,
    settle: Annotated[
        float | None, typer.Option(help="Seconds a file must be still before it is taken.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No line per photo.")] = False,
) -> None:
    """Tag photos below the folders as they arrive, change, move; until Ctrl-C.

    First takes what is there already. With KADR_BROKER_URL=redis://... it only watches and rings:
    the photos are tagged by `kadr worker` on any host.
    """
    settings = options.load(
        model=model,
        vocabulary=vocabulary,
        prompts=prompts or None,
        preset=preset,
        device=device,
        settle_s=settle,
    )
    with running.wait_for_process(settings) as process:
        named = roots.register(process.database, console.read_arguments(folders), poll=poll)
        if named_photos := [folder.shown for folder in named if folder.photos]:
            raise RootError(f"{named_photos[0]}: not a folder; watch the folder that it is in")
        watcher = watching.make_watcher(process)
        shown = ", ".join(folder.shown for folder in named)
        with (
            following.stopping_on_signals(watcher.stop),
            running.working(process, patiently=True),
            following.Follower(process.database, None if quiet else following.print_news),
            watching.make_sidecar_loop(process, named),
        ):
            running.warn_if_nobody_works(settings)
            watcher.run(
                named, lambda: console.err().print(f"Watching {shown}. Ctrl-C ends.", markup=False)
            )
