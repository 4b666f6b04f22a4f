"""Options that several commands share, spelled and explained once."""

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

if TYPE_CHECKING:
    from worker.settings import Settings

Level: TypeAlias = Literal["INFO", "WARNING", "ERROR"]
Folders = Annotated[
    list[str], typer.Argument(metavar="DIR...", help="Folders of photos; - reads them from stdin.")
]
Model = Annotated[
    str | None,
    typer.Option(
        help="Model: starter, ViT-B/32, ViT-L/14, any open_clip NAME/TAG, hf-hub:ORG/NAME, "
        "local-dir:PATH."
    ),
]
Vocabulary = Annotated[
    str | None,
    typer.Option(
        help="Vocabulary: visual, imagenet-1k, english-50k, starter, or a file of your own."
    ),
]
Prompt = Annotated[
    list[str] | None, typer.Option(help='Prompt template, such as "a photo of a {word}"; repeat.')
]
Preset = Annotated[str | None, typer.Option(help="Way of scoring: default or paper.")]
Device = Annotated[str | None, typer.Option(help="auto, cuda, cuda:1, mps or cpu.")]
BatchSize = Annotated[int | None, typer.Option(help="Photos encoded together.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Poll = Annotated[
    bool, typer.Option(help="Poll the folders: for network file systems, which send no events.")
]
Paths = Annotated[
    list[str] | None,
    typer.Argument(metavar="[PHOTO]...", help="Paths or ids; - reads them from stdin."),
]


def load(*, level: Level = "WARNING", **overrides: object) -> "Settings":
    """Read the settings with a command's options before them, and configure the logs.

    A command tells a person what matters itself, so it logs from `level` on unless another one was
    asked for.
    """
    from worker import log  # what these import, `kadr search` has no time for
    from worker import settings as all_settings

    settings = all_settings.load(**overrides)
    if "log_level" not in settings.model_fields_set:
        settings.log_level = level
    log.configure(settings.log_level, as_json=settings.log_format == "json")
    return settings
