"""Loads a classifier with a fixed list of labels, which `compare` compares CLIP with.

EfficientNet-B3 trained on ImageNet-1k at 300 x 300 unless another timm model is asked for; where
that cannot be downloaded EfficientNet-Lite2, which is here.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import safetensors
import torch
from numpy.typing import NDArray

from worker.errors import ModelError
from worker.images.geometry import Preprocess
from worker.models import backbone, hub
from worker.vocabulary import concepts

#: The paper's (timm's port of the original weights, trained on ImageNet-1k alone at 300 pixels).
PAPER = "tf_efficientnet_b3.in1k"
#: EfficientNet-Lite2, the starter model's backbone: right for 77 of 100 ImageNet photos (PAPER 82).
STARTER = "efficientnet-lite2"
_STARTER_SIZE, _STARTER_CROP = 260, 0.89
_WEIGHTS = "model.safetensors"
_AT_ONCE = 16


@dataclass(frozen=True)
class Classifier:
    """A loaded timm model with the names of its labels."""

    name: str
    module: torch.nn.Module
    labels: tuple[str, ...]
    #: What its photos are decoded to; the middle `size` pixels of each are looked at.
    preprocess: Preprocess
    size: int

    def classify(self, pixels: NDArray[np.uint8], count: int = 10) -> list[list[tuple[str, float]]]:
        """Return each photo's `count` best labels with their softmax shares.

        `pixels` is (n, preprocess.size, preprocess.size, 3) uint8 sRGB.
        """
        edge = (self.preprocess.size - self.size) // 2
        middle = pixels[:, edge : edge + self.size, edge : edge + self.size]
        found: list[list[tuple[str, float]]] = []
        for start in range(0, len(middle), _AT_ONCE):
            shares = self._shares(np.ascontiguousarray(middle[start : start + _AT_ONCE]))
            best = torch.topk(shares, min(count, shares.shape[1]), dim=1)
            found += [
                [(self.labels[place], share) for place, share in zip(*rows, strict=True)]
                for rows in zip(best.indices.tolist(), best.values.tolist(), strict=True)
            ]
        return found

    def _shares(self, pixels: NDArray[np.uint8]) -> torch.Tensor:
        values = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
        mean = torch.tensor(self.preprocess.mean).view(3, 1, 1)
        std = torch.tensor(self.preprocess.std).view(3, 1, 1)
        with torch.inference_mode():
            return cast("torch.Tensor", self.module((values - mean) / std)).softmax(dim=1)


def load_default() -> tuple[Classifier, str | None]:
    """Return the paper's classifier, or the starter's backbone and why it is not the paper's.

    Raises:
        ModelError: Neither can be loaded.
    """
    try:
        return load(PAPER), None
    except ModelError:
        note = (
            f"{PAPER}, the paper's classifier, cannot be downloaded here, so EfficientNet-Lite2 "
            "stands in; --classifier FOLDER takes a copy that was downloaded elsewhere."
        )
        return load(STARTER), note


def load(spec: str = PAPER) -> Classifier:
    """Load a timm model by name, or from a folder with config.json and model.safetensors.

    `STARTER` is the starter model's backbone.

    Raises:
        ModelError: It cannot be loaded; the message says how to use a folder instead.
    """
    import timm  # noqa: PLC0415 - slow, and a comparison may need none

    if spec == STARTER:
        return _starter()

    folder = Path(spec.removeprefix("local-dir:")).expanduser()
    try:
        if folder.is_dir():
            _require_safetensors(folder)
            module = timm.create_model(f"local-dir:{folder.resolve()}", pretrained=True)
        else:
            module = _from_hub(spec)
    except (RuntimeError, ValueError, OSError, safetensors.SafetensorError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{spec}: cannot be loaded ({reason[:300]})") from error
    return _wrap(spec, module.eval(), folder if folder.is_dir() else None)


def _starter() -> Classifier:
    return Classifier(
        name=STARTER,
        module=backbone.build(),
        labels=_labels(1000, None),
        preprocess=Preprocess(
            size=round(_STARTER_SIZE / _STARTER_CROP), mean=backbone.MEAN, std=backbone.STD
        ),
        size=_STARTER_SIZE,
    )


def _from_hub(spec: str) -> Any:  # noqa: ANN401 - timm has no types
    import timm  # noqa: PLC0415 - slow, and a comparison may need none

    if not timm.is_model(spec.partition(".")[0]):
        near = ", ".join(timm.list_models(f"*{spec.partition('.')[0][:12]}*")[:3])
        hint = f"did you mean {near}" if near else f"try {PAPER}"
        raise ModelError(f"{spec}: no such timm model or folder; {hint}?")
    known = timm.get_pretrained_cfg(spec)
    repository = str(known.hf_hub_id) if known is not None and known.hf_hub_id else ""
    if not repository:
        raise ModelError(f"{spec}: has no pretrained weights on the hub; try {PAPER}")
    weights = hub.fetch_classifier_weights(repository, _WEIGHTS)
    return timm.create_model(spec, pretrained=True, pretrained_cfg_overlay={"file": str(weights)})


def _require_safetensors(folder: Path) -> None:
    for name in ("config.json", _WEIGHTS):
        if not (folder / name).is_file():
            raise ModelError(
                f"{folder}: has no {name}; a classifier's folder holds timm's config.json and "
                f"{_WEIGHTS} (pickled weights can run code and are not opened)"
            )


def _wrap(spec: str, module: Any, folder: Path | None) -> Classifier:  # noqa: ANN401
    config = module.pretrained_cfg
    size = int(config["input_size"][-1])
    return Classifier(
        name=spec,
        module=cast("torch.nn.Module", module),
        labels=_labels(int(config["num_classes"]), folder),
        preprocess=Preprocess(
            size=round(size / float(config.get("crop_pct") or 1.0)),
            mean=tuple(config["mean"]),
            std=tuple(config["std"]),
        ),
        size=size,
    )


def _labels(count: int, folder: Path | None) -> tuple[str, ...]:
    """Return the labels: those in the folder's configuration, else ImageNet's, else numbers."""
    config = json.loads((folder / "config.json").read_text("utf-8")) if folder else {}
    named = tuple(config.get("label_names", ()))
    if len(named) == count:
        return tuple(map(str, named))
    classes = [concept.names[0] for concept in concepts.imagenet_1k()]
    return tuple(classes) if len(classes) == count else tuple(f"class {n}" for n in range(count))
