"""Owns what is done to a batch of crops: colour jitter and mixing two photos into one.

Variety of photos is the bottleneck of a small collection, so each is seen in many disguises.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

#: Share of the batches in which photos are mixed, half by blending, half by pasting.
MIXED_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Mix:
    """Which photo each photo of a batch is mixed with, and how much of itself it keeps."""

    partner: Tensor
    kept: float

    def apply(self, targets: Tensor) -> Tensor:
        """Mix targets (batch, ...) float32 as their photos were mixed."""
        return targets * self.kept + targets[self.partner] * (1.0 - self.kept)


def jitter_colours(pixels: Tensor, *, strength: float = 0.35) -> Tensor:
    """Vary brightness, contrast and saturation per photo; (batch, 3, h, w) float32 in [0, 1].

    One photo in twelve loses its colours.
    """
    n = len(pixels)
    brightness, contrast, saturation = (
        1.0 + (torch.rand(3, n, 1, 1, 1) * 2 - 1) * strength
    ).unbind(0)
    saturation = torch.where(torch.rand(n, 1, 1, 1) < 1 / 12, 0.0, saturation)
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    grey = (pixels * weights).sum(1, keepdim=True)
    mean = grey.mean((2, 3), keepdim=True)
    # All three are linear in the pixel, so one pass does them together.
    gain = brightness * contrast * saturation
    from_grey = brightness * contrast * (1.0 - saturation)
    offset = brightness * (1.0 - contrast) * mean
    return torch.addcmul(grey * from_grey + offset, pixels, gain).clamp_(0.0, 1.0)


def mix_photos(pixels: Tensor, *, share: float = MIXED_SHARE) -> tuple[Tensor, Mix | None]:
    """Blend each photo with another of the batch, or paste a rectangle of the other into it."""
    draw = float(torch.rand(()))
    if draw >= share:
        return pixels, None
    partner = torch.randperm(len(pixels))
    kept = float(torch.distributions.Beta(0.8, 0.8).sample())
    if draw < share / 2:
        return pixels.lerp(pixels[partner], 1.0 - kept), Mix(partner, kept)
    return _paste(pixels, partner, kept)


def _paste(pixels: Tensor, partner: Tensor, kept: float) -> tuple[Tensor, Mix]:
    size = pixels.shape[-1]
    side = int(size * (1.0 - kept) ** 0.5)
    top, left = torch.randint(size - side + 1, (2,)).tolist()
    pasted = pixels.clone(memory_format=torch.preserve_format)
    box = (slice(None), slice(None), slice(top, top + side), slice(left, left + side))
    pasted[box] = pixels[partner][box]
    return pasted, Mix(partner, 1.0 - side * side / (size * size))
