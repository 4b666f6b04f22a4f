"""Owns the finished folder: an open_clip model, its words, prompts and calibration.

Everything that tags or evaluates reads the folder through ``worker.clip``, as any other model.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import open_clip
import safetensors.torch
import torch
from torch import nn

from worker.models import clip
from worker.scoring import word_vectors
from worker.starter.distil import CONTEXT_LENGTH
from worker.starter.student import MEAN, STD, Student
from worker.vocabulary import english, file, prompts
from worker.vocabulary.keywords import Alias, Keyword

CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"
VOCABULARY, ALL_CONCEPTS = "vocabulary.txt", "all-concepts.txt"
CALIBRATION = "calibration.json"
_TEXT_HEADS, _TEXT_LAYERS = 3, 2
_VOCABULARY_SIZE = 49408


@dataclass(frozen=True, slots=True)
class Shape:
    """The timm tower, the side in pixels of what it sees when it tags, the width of the space."""

    tower: str
    image_size: int
    dim: int


def build_module(student: Student, shape: Shape) -> nn.Module:
    """Return an open_clip module with the student's image tower and a fresh text tower."""
    config = _get_model_config(shape)
    config.pop("custom_text")
    module: nn.Module = open_clip.CustomTextCLIP(**config)
    module.visual.trunk.load_state_dict(student.trunk.state_dict())  # type: ignore[union-attr]
    with torch.no_grad():
        module.logit_scale.copy_(student.logit_scale)  # type: ignore[operator]
        module.logit_bias.copy_(student.logit_bias)  # type: ignore[operator]
    return module


def read_image_tower(folder: Path, student: Student, concepts: Sequence[str]) -> None:
    """Load a finished folder's image tower and concept vectors into ``student``.

    The vectors are what its text tower writes. Raises ModelError, OSError, and ValueError where
    another training made the folder.
    """
    state = _read_state(folder)
    if "logit_bias" not in state or not _take(state, "visual.trunk."):
        message = f"{folder} was not made by this training; leave --start out to begin anew"
        raise ValueError(message)
    student.trunk.load_state_dict(_take(state, "visual.trunk."))
    model = clip.load(f"local-dir:{folder.resolve()}", device="cpu", precision="float32")
    written = word_vectors.encode_keywords(
        model,
        [Keyword(word) for word in concepts],
        prompts.default_for(folder),
        cache_dir=None,
    )
    with torch.no_grad():
        student.vectors.copy_(torch.from_numpy(written))
        student.logit_scale.copy_(state["logit_scale"])
        student.logit_bias.copy_(state["logit_bias"])


def read_text_tower(folder: Path, tower: nn.Module) -> None:
    """Load a finished folder's text tower into ``tower``. Raises OSError."""
    tower.load_state_dict(_take(_read_state(folder), "text."))


def write_model(module: nn.Module, shape: Shape, folder: Path) -> None:
    """Write configuration, float16 weights and prompts into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    preprocess = {"mean": MEAN, "std": STD, "interpolation": "bilinear", "resize_mode": "shortest"}
    config = {"model_cfg": _get_model_config(shape), "preprocess_cfg": preprocess}
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    state = {name: _to_half(value) for name, value in module.state_dict().items()}
    safetensors.torch.save_file(state, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / WEIGHTS).chmod(0o644)  # written for its owner alone; the package is for all


def write_prompts(templates: Sequence[str], folder: Path) -> None:
    """Write the templates that a word's vector is the mean of, one a line."""
    text = "".join(f"{template}\n" for template in templates)
    (folder / prompts.FILE).write_text(text, encoding="utf-8")


def write_words(words: Sequence[str], path: Path, *, comment: str) -> None:
    """Write words as a vocabulary file, their plurals as aliases."""
    taken = set(words)
    lines = [f"# {comment}"]
    for word in words:
        plural = english.plural(word)
        fresh = plural is not None and plural not in taken
        aliases = (Alias(plural),) if fresh and plural else ()
        lines.append(file.format_keyword(Keyword(word, aliases)))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_calibration(terms: dict[str, Any], folder: Path) -> None:
    """Write ``calibration.json``, see ``worker.calibration``."""
    text = json.dumps(terms, indent=1, ensure_ascii=False)
    (folder / CALIBRATION).write_text(text + "\n", encoding="utf-8")


def _read_state(folder: Path) -> dict[str, torch.Tensor]:
    return {
        name: value.float() if value.is_floating_point() else value
        for name, value in safetensors.torch.load_file(folder / WEIGHTS).items()
    }


def _take(state: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)
    }


def _get_model_config(shape: Shape) -> dict[str, Any]:
    return {
        "embed_dim": shape.dim,
        "custom_text": True,
        "init_logit_bias": -6.0,
        "vision_cfg": {
            "timm_model_name": shape.tower,
            "timm_model_pretrained": False,
            "timm_pool": "avg",
            "timm_proj": "",
            "image_size": shape.image_size,
        },
        "text_cfg": {
            "context_length": CONTEXT_LENGTH,
            "vocab_size": _VOCABULARY_SIZE,
            "width": shape.dim,
            "heads": _TEXT_HEADS,
            "layers": _TEXT_LAYERS,
        },
    }


def _to_half(value: torch.Tensor) -> torch.Tensor:
    return value.half().contiguous() if value.is_floating_point() else value.contiguous()
