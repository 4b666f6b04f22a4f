"""Owns the network in training: the image tower, the concept vectors, the auxiliary heads.

Only the tower, the vectors, the scale and the bias outlive the training.
"""

from dataclasses import dataclass
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

#: Colour statistics the photos are normalised with, as OpenAI's CLIP does.
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True, slots=True)
class Answers:
    """What the student says of a batch: concept logits, class logits, teacher features."""

    concepts: Tensor
    classes: Tensor | None
    features: Tensor | None


class Student(nn.Module):
    """An image tower into the space of the concept vectors.

    ``vectors`` (n_concepts, dim) float32 start the concept vectors; ``n_classes`` and
    ``n_features`` of the teacher give the auxiliary heads, 0 for none.
    """

    trunk: Any
    mean: Tensor
    std: Tensor

    def __init__(
        self, tower: str, vectors: Tensor, *, n_classes: int = 0, n_features: int = 0
    ) -> None:
        super().__init__()
        self.trunk = timm.create_model(tower, pretrained=False, num_classes=vectors.shape[1])
        self.vectors = nn.Parameter(functional.normalize(vectors, dim=1))
        self.logit_scale = nn.Parameter(torch.tensor(3.0))
        self.logit_bias = nn.Parameter(torch.tensor(-6.0))
        hidden: int = self.trunk.head_hidden_size
        self.class_head = nn.Linear(hidden, n_classes) if n_classes else None
        self.feature_head = nn.Linear(hidden, n_features) if n_features else None
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))

    def forward(self, pixels: Tensor) -> Answers:
        """Answer on crops (batch, 3, size, size) float32 in [0, 1]."""
        hidden = self.trunk.forward_head(
            self.trunk.forward_features((pixels - self.mean) / self.std), pre_logits=True
        )
        return Answers(
            concepts=self.score(self.trunk.get_classifier()(hidden)),
            classes=self.class_head(hidden) if self.class_head else None,
            features=self.feature_head(hidden) if self.feature_head else None,
        )

    def score(self, embedded: Tensor) -> Tensor:
        """Return the concept logits (batch, n_concepts) of embeddings (batch, dim)."""
        cosine = functional.normalize(embedded, dim=1) @ functional.normalize(self.vectors, dim=1).T
        return cosine * self.logit_scale.exp() + self.logit_bias
