"""Writes the finished folder: an open_clip model's own tensors, its words, prompts and calibration.

Everything that tags or evaluates reads the folder through `worker.models`, as any other model.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn

from worker.models import backbone, files, hub
from worker.scoring import calibration
from worker.training import features
from worker.training.head import DIM, Head
from worker.training.text_tower import CONTEXT_LENGTH, PROMPTS
from worker.vocabulary import english, prompts
from worker.vocabulary import file as vocabulary_file
from worker.vocabulary.keywords import Alias, Keyword

VOCABULARY, ALL_CONCEPTS = "vocabulary.txt", "all-concepts.txt"
#: The text tower: one layer, as wide as the space, since the concepts' vectors fill it (their 256
#: principal directions hold a cosine of 0.89 only).
_TEXT_HEADS, _TEXT_MLP_RATIO = 8, 1.0
_VOCABULARY_SIZE = 49408


def build_module(head: Head) -> nn.Module:
    """Return open_clip's module with the head on the backbone, and a random text tower.

    Raises:
        ModelError: the backbone cannot be had.
    """
    module: nn.Module = files.build_on_backbone(get_config())
    state = module.state_dict() | head.export()
    state["logit_scale"] = head.log_scale.detach().clone()
    module.load_state_dict(state)
    return module


def write_model(module: nn.Module, folder: Path) -> None:
    """Write configuration, float16 tensors and prompts into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    config = json.dumps(get_config(), indent=2) + "\n"
    (folder / hub.CONFIG_FILE).write_text(config, encoding="utf-8")
    state = {name: _to_half(each) for name, each in files.own_state(module).items()}
    weights = folder / hub.WEIGHTS_FILES[0]
    safetensors.torch.save_file(state, weights, metadata={"format": "pt"})
    weights.chmod(0o644)  # written for its owner alone; the package is for all
    lines = "".join(f"{template}\n" for template in PROMPTS)
    (folder / prompts.FILE).write_text(lines, encoding="utf-8")


def write_words(
    words: Sequence[str], broader: Mapping[str, tuple[str, ...]], path: Path, *, comment: str
) -> None:
    """Write words as a vocabulary file, plurals as aliases, with their broader words."""
    taken = {word.lower() for word in words}
    lines = [f"# {comment}", "%language en"]
    for word in words:
        plural = english.plural(word)
        is_fresh = plural is not None and plural.lower() not in taken
        aliases = (Alias(plural),) if is_fresh and plural else ()
        keyword = Keyword(word, aliases, parents=broader.get(word, ()))
        lines.append(vocabulary_file.format_keyword(keyword))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_calibration(terms: dict[str, Any], folder: Path) -> None:
    """Write `calibration.json`, see `worker.scoring.calibration`."""
    text = json.dumps(terms, ensure_ascii=False)
    (folder / calibration.FILE).write_text(text.replace("}, ", "},\n") + "\n", encoding="utf-8")


def get_config() -> dict[str, Any]:
    """Return what `open_clip_config.json` says."""
    return {
        "model_cfg": {
            "embed_dim": DIM,
            "custom_text": True,
            "init_logit_bias": 0.0,
            "vision_cfg": {
                "timm_model_name": backbone.ARCHITECTURE,
                "timm_model_pretrained": False,
                "timm_pool": "avg",
                "timm_proj": "mlp",
                "timm_proj_bias": True,
                "image_size": features.SEEN_SIZE,
            },
            "text_cfg": {
                "context_length": CONTEXT_LENGTH,
                "vocab_size": _VOCABULARY_SIZE,
                "width": DIM,
                "heads": _TEXT_HEADS,
                "layers": 1,
                "mlp_ratio": _TEXT_MLP_RATIO,
            },
        },
        "preprocess_cfg": {
            "mean": backbone.MEAN,
            "std": backbone.STD,
            "interpolation": "bicubic",
            "resize_mode": "squash",
        },
        files.BACKBONE_KEY: backbone.SHA256,
    }


def _to_half(value: torch.Tensor) -> torch.Tensor:
    return value.half().contiguous() if value.is_floating_point() else value.contiguous()
