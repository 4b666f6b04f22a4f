"""Loads a model as the settings say: the one way in for tagging, evaluation and `--like`."""

from worker.models import clip
from worker.settings import Settings


def load_model(name: str, settings: Settings) -> clip.ClipModel:
    """Return the model of a name, on the device and in the precision of the settings.

    Raises:
        ModelError: There is no such model, device or precision, or the model cannot be loaded.
    """
    return clip.load(
        name,
        device=settings.device,
        precision=settings.precision,
        cache_dir=settings.cache_dir,
    )
