"""Small random open_clip models in folders, for tests in which only the mechanics matter.

They load through the same `local-dir:` path as a user's own model; a seed gives the same weights.
"""

import json
from pathlib import Path

import open_clip
import safetensors.torch
import torch

IMAGE_SIZE = 32
DIM = 32


def make_tiny_model(
    folder: Path, *, seed: int = 0, causal: bool = True, custom_text: bool = False, dim: int = DIM
) -> Path:
    """Write a random CLIP of about 3 MB into `folder` and return the folder.

    `causal=True` is built like OpenAI's (softmax, shortest side, causal text); `causal=False` like
    SigLIP (sigmoid with a bias, squashed images, bidirectional text with the last token pooled).
    """
    folder.mkdir(parents=True, exist_ok=True)
    model_cfg = _model_cfg(causal=causal, dim=dim)
    build = open_clip.CustomTextCLIP if custom_text else open_clip.CLIP
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build(**json.loads(json.dumps(model_cfg)))
        for parameter in (model.visual.proj, model.visual.class_embedding):
            torch.nn.init.normal_(parameter)
    if custom_text:
        model_cfg["custom_text"] = True
    config = {"model_cfg": model_cfg, "preprocess_cfg": _preprocess_cfg(causal=causal)}
    (folder / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")
    state = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    safetensors.torch.save_file(state, folder / "open_clip_model.safetensors")
    return folder


def _model_cfg(*, causal: bool, dim: int) -> dict[str, object]:
    text = {
        "context_length": 77 if causal else 16,
        "vocab_size": 49408,
        "width": 32,
        "heads": 2,
        "layers": 2,
    }
    cfg: dict[str, object] = {
        "embed_dim": dim,
        "vision_cfg": {
            "image_size": IMAGE_SIZE,
            "layers": 2,
            "width": 64,
            "head_width": 32,
            "patch_size": 16,
        },
        "text_cfg": text,
        "init_logit_scale": 4.6052,
    }
    if not causal:
        text |= {"no_causal_mask": True, "pool_type": "last"}
        cfg["init_logit_bias"] = -10.0
    return cfg


def _preprocess_cfg(*, causal: bool) -> dict[str, object]:
    if not causal:
        return {
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
            "interpolation": "bilinear",
            "resize_mode": "squash",
        }
    return {
        "mean": [0.48145466, 0.4578275, 0.40821073],
        "std": [0.26862954, 0.26130258, 0.27577711],
        "interpolation": "bicubic",
        "resize_mode": "shortest",
    }
