"""The direction in which photos look more like a text, or like a photo, than others do."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from catalog import vectors
from catalog.db.tables import Model
from catalog.errors import ModelMismatchError

#: What any photo looks like a little; a text is compared with what it says beyond these.
BACKGROUND = (
    *("a photo", "a picture of something", "an object", "a person", "an animal", "a place"),
    *("food", "a plant", "a building", "a vehicle", "clothes", "a room", "a landscape", "a tool"),
    *("a toy", "furniture", "a machine", "text", "water", "the sky", "a street", "an event"),
    *("sports", "music", "a game", "work", "people", "nature", "a city", "night", "a close-up"),
)


class TextEncoder(Protocol):
    """Turns texts into vectors of the space that the photos' vectors are in."""

    @property
    def digest(self) -> str:
        """The model's sha256, as `Model.digest` has it."""

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode texts as (n_texts, dim) float32, L2-normalised."""


def encode_query(encoder: TextEncoder, text: str, model: Model) -> NDArray[np.float32]:
    """Give the direction (dim,) float32 in which photos look more like the text than like any.

    Raises:
        ModelMismatchError: the encoder is not of the model that the photos' vectors are by.
    """
    if encoder.digest != model.digest:
        message = (
            f"the photos were encoded by {model.name}, the text would be by another model; "
            "run `kadr doctor`"
        )
        raise ModelMismatchError(message)
    encoded = encoder.encode_texts([text, *BACKGROUND])
    return vectors.unit(encoded[0] - encoded[1:].mean(axis=0))


def like_photo(sample: NDArray[np.float16], vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the direction in which photos look more like one photo than like the average one.

    `sample` is (n, dim) float16, some of the catalogue's vectors; `vector` (dim,) float32.
    """
    mean = sample.astype(np.float32).mean(axis=0)
    direction = vector - mean
    return vectors.unit(direction if np.linalg.norm(direction) > 1e-3 else vector)  # noqa: PLR2004
