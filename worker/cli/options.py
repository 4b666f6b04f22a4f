"""Options that several commands share, spelled and explained once."""

from typing import Annotated, Literal, TypeAlias

import typer

from worker import log
from worker import settings as all_settings
from worker.settings import Settings

Level: TypeAlias = Literal["INFO", "WARNING", "ERROR"]
Named = Annotated[
    list[str],
    typer.Argument(metavar="DIR|PHOTO...", help="Folders or photos; - reads them from stdin."),
]
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
Poll = Annotated[
    bool, typer.Option(help="Poll the folders: for network file systems, which send no events.")
]


def load(*, level: Level = "WARNING", **overrides: object) -> Settings:
    """Read the settings, overridden by the options of a command, and configure the logs.

    A command prints what matters to a person itself, so it logs from `level` on unless
    KADR_LOG_LEVEL says otherwise.

    Raises:
        SettingsError: a setting has a value that makes no sense.
    """
    settings = all_settings.load(**overrides)
    if "log_level" not in settings.model_fields_set:
        settings.log_level = level
    log.configure(settings.log_level, as_json=settings.log_format == "json")
    return settings
