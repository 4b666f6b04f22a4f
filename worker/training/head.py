"""The network in training: from the backbone's features to a vector, and the concepts' vectors.

What it learns becomes the `mlp` head of open_clip's timm tower, unchanged.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Length of a photo's vector. The hidden layer is twice that: open_clip's own proportion.
DIM = 512
#: Dimensions that begin as the classifier's own: its principal directions.
CLASS_DIM = 320
#: Share of the other hidden units that is switched off at each step.
DROPOUT = 0.6
_START_SCALE = 3.2


class Head(nn.Module):
    """Two layers to the unit sphere, and cosine scores of concepts there.

    Args:
        features: (n, n_features) float32 of training photos, for their mean and deviation.
        classifier: (n_classes, n_features) float32, the backbone's own.
        class_map: (n_classes, n_concepts) float32, 1 where a class is an instance of a concept.
        frequency: (n_concepts,) float32, the share of photos with each concept.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, features: Tensor, classifier: Tensor, class_map: Tensor, frequency: Tensor
    ) -> None:
        super().__init__()
        self.register_buffer("mean", features.mean(0))
        self.register_buffer("deviation", features.std(0) + 1e-3)
        self.first = nn.Linear(features.shape[1], 2 * DIM)
        self.second = nn.Linear(2 * DIM, DIM)
        self.drop = nn.Dropout(DROPOUT)
        self.n_class_units = 2 * min(CLASS_DIM, *classifier.shape)
        self.vectors = nn.Parameter(torch.randn(class_map.shape[1], DIM) / DIM**0.5)
        self.log_scale = nn.Parameter(torch.tensor(_START_SCALE))
        self.bias = nn.Parameter(torch.logit(frequency, eps=1e-4))
        self._start_from_classes(classifier, class_map)

    def forward(self, features: Tensor) -> Tensor:
        """Return the logits (n, n_concepts) of features (n, n_features)."""
        return self.score(self.embed(features))

    def embed(self, features: Tensor) -> Tensor:
        """Return the unit vectors (n, DIM) of features (n, n_features)."""
        hidden = functional.gelu(self.first((features - self.mean) / self.deviation))
        classes, others = hidden[:, : self.n_class_units], hidden[:, self.n_class_units :]
        hidden = torch.cat([classes, self.drop(others)], dim=1)
        return functional.normalize(self.second(hidden), dim=1)

    def score(self, vectors: Tensor) -> Tensor:
        """Return the logits (n, n_concepts) of unit vectors (n, DIM)."""
        cosine = vectors @ functional.normalize(self.vectors, dim=1).T
        return cosine * self.log_scale.exp() + self.bias

    def export(self) -> dict[str, Tensor]:
        """Return the layers as open_clip names them, the normalisation multiplied in."""
        first = self.first.weight / self.deviation
        tensors = {
            "visual.head.mlp.fc1.weight": first,
            "visual.head.mlp.fc1.bias": self.first.bias - first @ self.mean,
            "visual.head.mlp.fc2.weight": self.second.weight,
            "visual.head.mlp.fc2.bias": self.second.bias,
        }
        return {name: tensor.detach().clone() for name, tensor in tensors.items()}

    @torch.no_grad()
    def restore_classes(self) -> None:
        """Put back, after a step, what carries the classes through: it stays as it began."""
        n = self.n_class_units
        self.first.weight[:n], self.first.bias[:n] = self.first_kept, 0.0
        self.second.weight[: n // 2], self.second.bias[: n // 2] = self.second_kept, 0.0

    def _start_from_classes(self, classifier: Tensor, class_map: Tensor) -> None:
        """Let CLASS_DIM dimensions begin as the classifier's principal directions.

        gelu(x) - gelu(-x) = x, so that two hidden units carry one direction through. Most of the
        thousand classes have one photo here, or none: what the backbone knows of them is kept
        rather than learnt again.
        """
        spread = (classifier - classifier.mean(0)) * self.deviation
        left, values, right = torch.linalg.svd(spread, full_matrices=False)
        n = self.n_class_units // 2
        known = class_map.T @ functional.normalize(left[:, :n] * values[:n], dim=1)
        has_class = class_map.sum(0) > 0
        with torch.no_grad():
            self.first.weight[:n], self.first.weight[n : 2 * n] = right[:n], -right[:n]
            self.first.bias[: 2 * n] = 0.0
            self.second.weight[:n] = 0.0
            self.second.weight[:n, :n] = torch.eye(n) / 4
            self.second.weight[:n, n : 2 * n] = -torch.eye(n) / 4
            self.second.bias[:n] = 0.0
            self.first_kept = self.first.weight[: 2 * n].clone()
            self.second_kept = self.second.weight[:n].clone()
            self.vectors[has_class, :n] = functional.normalize(known[has_class], dim=1)
