"""Query vectors for search by meaning, from a text or a photo.

`catalog.similar.nearest` calls it. A mean over many texts or photos is subtracted, so that only
what is special about the query counts.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from catalog import vectors
from catalog.db.tables import Model
from catalog.errors import ModelMismatchError

#: Texts that fit almost any photo a little; their mean is subtracted from a query's vector.
BACKGROUND = (
    *("a photo", "a picture of something", "an object", "a person", "an animal", "a place"),
    *("food", "a plant", "a building", "a vehicle", "clothes", "a room", "a landscape", "a tool"),
    *("a toy", "furniture", "a machine", "text", "water", "the sky", "a street", "an event"),
    *("sports", "music", "a game", "work", "people", "nature", "a city", "night", "a close-up"),
)


class TextEncoder(Protocol):
    """Encodes texts into the vector space of the photos."""

    @property
    def digest(self) -> str:
        """The model's sha256, as in `Model.digest`."""

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode texts as (n_texts, dim) float32, L2-normalised."""


def encode_query(encoder: TextEncoder, text: str, model: Model) -> NDArray[np.float32]:
    """Return the unit query vector (dim,) float32: the text's embedding minus BACKGROUND's mean.

    Raises:
        ModelMismatchError: The encoder is not the model that encoded the photos.
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
    """Return the unit query vector (dim,) float32: a photo's vector minus the mean of a sample.

    `sample` is (n, dim) float16, some of the catalogue's vectors; `vector` is (dim,) float32.
    """
    mean = sample.astype(np.float32).mean(axis=0)
    direction = vector - mean
    return vectors.unit(direction if np.linalg.norm(direction) > 1e-3 else vector)  # noqa: PLR2004
