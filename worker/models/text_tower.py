"""Encodes prompts without their padding, where the text tower is causal; `clip` calls it.

In a causal tower no token sees a later one, so the vector at the end-of-text token is the same
with the 77 tokens of context cut to the longest prompt of the batch (largest difference 2e-6,
11 times faster). SigLIP's towers are not causal and always get the whole context.
"""

from typing import cast

import open_clip
import torch
from torch import nn


def is_causal(module: nn.Module) -> bool:
    """Return whether cutting the context after the pooled token leaves the vector the same."""
    tower = _tower(module)
    if tower is None or getattr(tower, "cls_emb", None) is not None:
        return False
    mask = getattr(tower, "attn_mask", None)
    if not isinstance(mask, torch.Tensor) or _pool_type(tower) not in ("argmax", "eos"):
        return False
    return bool(torch.isneginf(mask).triu(1).eq(torch.ones_like(mask).triu(1).bool()).all())


def pooled_positions(module: nn.Module, tokens: torch.Tensor) -> torch.Tensor:
    """Return (n,) positions whose outputs become the texts' vectors; the last if not known.

    `tokens` is (n, context) int64.
    """
    tower = _tower(module)
    if tower is None or not is_causal(module):
        return torch.full((tokens.shape[0],), tokens.shape[1] - 1)
    if _pool_type(tower) == "argmax":
        return tokens.argmax(dim=-1)
    return tokens.eq(_eos_id(tower)).int().argmax(dim=-1)


def encode(module: nn.Module, tokens: torch.Tensor) -> torch.Tensor:
    """Encode (n, length) int64 tokens to (n, dim), not normalised; length may be cut if causal."""
    tower = _tower(module)
    length = tokens.shape[1]
    if tower is None or not is_causal(module) or length == tower.context_length:
        return cast("torch.Tensor", module.encode_text(tokens))  # type: ignore[operator]
    prefix = "" if tower is module else "text."
    cut = {
        f"{prefix}positional_embedding": cast("torch.Tensor", tower.positional_embedding)[:length],
        f"{prefix}attn_mask": cast("torch.Tensor", tower.attn_mask)[:length, :length],
    }
    outputs = torch.func.functional_call(module, cut, kwargs={"text": tokens})
    vectors = outputs["text_features"] if isinstance(outputs, dict) else outputs[1]
    return cast("torch.Tensor", vectors)


def _tower(module: nn.Module) -> nn.Module | None:
    """Return the module of open_clip's own text transformer, or None for a foreign text tower."""
    if type(module) is open_clip.CLIP:
        return module
    if type(module) is open_clip.CustomTextCLIP and isinstance(
        module.text, open_clip.transformer.TextTransformer
    ):
        return cast("nn.Module", module.text)
    return None


def _pool_type(tower: nn.Module) -> str:
    """Return the tower's `pool_type`, which `CLIP` keeps as `text_pool_type`."""
    return str(getattr(tower, "text_pool_type", None) or getattr(tower, "pool_type", ""))


def _eos_id(tower: nn.Module) -> int:
    return int(getattr(tower, "text_eos_id", None) or getattr(tower, "eos_id", None) or 0)
