"""Loads any open_clip model by name, as one object that encodes pixels and texts.

The pipeline encodes photos with it, scoring the words of a vocabulary, and search a person's text.
"""

import copy
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray

from worker import digests, memos
from worker.images import Preprocess
from worker.models import device as devices
from worker.models import files as model_files
from worker.models import names, text_tower

__all__ = ["ClipModel", "Preprocess", "Progress", "is_available", "load", "resolve"]

#: Called as `progress(done, total)`.
Progress = Callable[[int, int], None]

#: Images encoded at once: enough to use the hardware fully, few enough for its memory.
_IMAGES_AT_ONCE = {"cpu": 32, "mps": 128, "cuda": 256}
_TEXTS_PER_IMAGE = 4


class ClipModel:
    """A loaded CLIP model. Safe to call from several threads: they take turns."""

    def __init__(
        self,
        module: torch.nn.Module,
        tokenize: Callable[[list[str]], torch.Tensor],
        files: model_files.ModelFiles,
    ) -> None:
        self._module = module
        self._tokenize = tokenize
        self._files = files
        self._lock = threading.Lock()
        self._dtype = torch.float32
        #: Canonical, for example `ViT-B-32-quickgelu/openai`, `starter`, `local-dir:/path`.
        self.name: str = str(files.name)
        #: sha256 over weights and configuration: vectors of equal digests are comparable.
        self.digest: str = files.digest
        #: The folder of the model, with files beside its weights; None for open_clip's table.
        self.folder: Path | None = files.folder
        self.preprocess: Preprocess = model_files.preprocess(module, files.name)
        #: What cosines are multiplied by, and what is then added (sigmoid models only).
        self.logit_scale, self.logit_bias = model_files.logit_terms(module)
        self.device: str = "cpu"
        self.precision: devices.Precision = "float32"
        #: Length of the vectors.
        self.dim: int = self.encode_texts(["a"]).shape[1]

    def encode_images(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Encode (n, size, size, 3) uint8 sRGB pixels to (n, dim) float32, L2-normalised.

        Pixels go to the device as bytes and are normalised there: a quarter of the traffic.
        """
        size = self.preprocess.size
        if pixels.dtype != np.uint8 or pixels.shape[1:] != (size, size, 3):
            raise ValueError(f"not (n, {size}, {size}, 3) uint8: {pixels.shape} {pixels.dtype}")
        vectors = np.zeros((len(pixels), self.dim), np.float32)
        for start in range(0, len(pixels), self._images_at_once):
            batch = slice(start, start + self._images_at_once)
            vectors[batch] = self._encode_pixels(torch.from_numpy(pixels[batch]))
        return vectors

    def encode_texts(
        self, texts: Sequence[str], *, progress: Progress | None = None
    ) -> NDArray[np.float32]:
        """Encode texts to (n, dim) float32, L2-normalised, in the order given.

        Texts of like length go together, so that a causal tower computes no padding. What is
        longer than the model's context is cut off by its tokenizer.
        """
        if not texts:
            return np.zeros((0, self.dim), np.float32)
        tokens = self._tokenize(list(texts))
        lengths = text_tower.pooled_positions(self._module, tokens) + 1
        order = torch.argsort(lengths, stable=True)
        vectors: list[NDArray[np.float32]] = []
        for rows in torch.split(order, _TEXTS_PER_IMAGE * self._images_at_once):
            vectors.append(self._encode_tokens(tokens[rows, : int(lengths[rows].max())]))
            if progress is not None:
                progress(sum(map(len, vectors)), len(texts))
        ordered: NDArray[np.float32] = np.concatenate(vectors)[torch.argsort(order).numpy()]
        return ordered

    def copy(self) -> "ClipModel":
        """Return a second model with its own weights."""
        return ClipModel(copy.deepcopy(self._module), self._tokenize, self._files)

    def move_to(self, device: torch.device, precision: devices.Precision) -> "ClipModel":
        """Move this model to a device and a number format, and return it."""
        self._dtype = devices.DTYPES[precision]
        self._module.to(device=device, dtype=self._dtype)
        self._module.visual.to(memory_format=torch.channels_last)
        self.device, self.precision = str(device), precision
        return self

    @property
    def _images_at_once(self) -> int:
        return _IMAGES_AT_ONCE[torch.device(self.device).type]

    def _encode_pixels(self, pixels: torch.Tensor) -> NDArray[np.float32]:
        with self._lock, torch.inference_mode():
            values = pixels.to(self.device).permute(0, 3, 1, 2).float()  # channels last, as it lies
            mean = torch.tensor(self.preprocess.mean, device=self.device).view(3, 1, 1) * 255
            std = torch.tensor(self.preprocess.std, device=self.device).view(3, 1, 1) * 255
            normalised = ((values - mean) / std).to(self._dtype)
            return _unit(self._module.encode_image(normalised))  # type: ignore[operator]

    def _encode_tokens(self, tokens: torch.Tensor) -> NDArray[np.float32]:
        with self._lock, torch.inference_mode():
            return _unit(text_tower.encode(self._module, tokens.to(self.device)))


def resolve(spec: str) -> names.ModelName:
    """Return the name of the model that a person's `spec` means.

    Raises:
        ModelError: There is no such model; the message has the nearest names.
    """
    table: dict[str, list[str]] = {}
    for architecture, tag in open_clip.list_pretrained():
        table.setdefault(architecture, []).append(tag)
    return model_files.with_trained_activation(names.resolve(spec, table))


def is_available(spec: str) -> bool:
    """Return whether `load(spec)` finds weights: in a folder, the cache, or on the hub.

    Takes at most about three seconds.

    Raises:
        ModelError: There is no such model at all.
    """
    return model_files.are_available(resolve(spec))


def load(
    spec: str, *, device: str = "auto", precision: str = "auto", cache_dir: Path | None = None
) -> ClipModel:
    """Load the model that `spec` means, see `worker.models.names.resolve`.

    Args:
        spec: A person's name of the model.
        device: `auto`, `cuda`, `cuda:1`, `mps` or `cpu`.
        precision: `auto`, `float32`, `float16` or `bfloat16`.
        cache_dir: Where the digest of the weights and the measured precision are kept between
            starts; None: nowhere.

    Raises:
        ModelError: The model, device or precision does not exist or cannot be used.
    """
    wanted = devices.parse_precision(precision)
    target = devices.choose_device(device)
    if target.type == "cpu":
        devices.keep_freed_memory()
    files = model_files.find(resolve(spec), cache_dir=cache_dir)
    model = ClipModel(model_files.build(files), model_files.tokenizer(files), files)
    return model.move_to(target, wanted or _precision(model, target, cache_dir))


def _precision(model: ClipModel, target: torch.device, cache_dir: Path | None) -> devices.Precision:
    """Return the number format to use, measured once for a model on a kind of device."""
    if not devices.candidates(target):
        return "float32"
    known = [model.digest, devices.describe(target)]
    memo = None
    if cache_dir is not None:
        memo = cache_dir / "precisions" / f"{digests.digest_of(*known)[:32]}.json"
    found = memos.recall(memo, known)
    if found not in devices.DTYPES:
        found = _measured_precision(model, target)
        memos.keep(memo, known, found)
    return found


def _measured_precision(model: ClipModel, target: torch.device) -> devices.Precision:
    """Return the number format to use, measured by encoding noise and texts in each."""
    size = model.preprocess.size
    pixels = np.random.default_rng(0).integers(0, 256, (4, size, size, 3), dtype=np.uint8)

    def prepare(precision: devices.Precision) -> Callable[[], NDArray[np.float32]]:
        trial = model.copy().move_to(target, precision)
        texts = ["a photo of a dog", "the sea at night"]
        return lambda: np.concatenate([trial.encode_images(pixels), trial.encode_texts(texts)])

    return devices.measure_precision(target, prepare)


def _unit(features: torch.Tensor) -> NDArray[np.float32]:
    vectors: NDArray[np.float32] = (
        torch.nn.functional.normalize(features.float(), dim=-1).cpu().numpy()
    )
    return vectors
