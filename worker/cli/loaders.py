"""Encodes the text of `kadr search --like`: the only thing that a search loads a model for."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from catalog.similar.exact import TextEncoder


def load(model: str) -> "TextEncoder":
    """Load the text encoder of a model, by the name that the catalogue has it under."""
    from worker.cli import options
    from worker.models import clip

    settings = options.load()
    return clip.load(
        model,
        device=settings.device,
        precision=settings.precision,
        cache_dir=settings.cache_dir,
    )
