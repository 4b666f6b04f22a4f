"""Trains the head on features of the photos: labels where there are some, classes elsewhere.

A missing label is a "no" only as far as its source labels such things (`data.ABSENCE`).
"""

import copy
import logging
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from worker.training.data import Index
from worker.training.head import Head

logger = logging.getLogger(__name__)

BATCH = 512
PEAK_RATE = 2e-3
WEIGHT_DECAY = 0.05
WARM_UP = 0.15
#: Share of photos that are seen in a random part (`features.View`) rather than whole.
VARIED_SHARE = 0.5
#: Made-up features in each batch, and their weight beside real ones; see `_make_up`.
N_MADE_UP, MADE_UP_WEIGHT = 192, 1.0
#: Photos whose labels name what is in view count more: they are most like a person's own. The
#: classes are not asked about them: a class that nobody mentioned is no keyword of theirs.
COMPLETE_WEIGHT = 2.5
_AVERAGED = 0.995


@dataclass(frozen=True, slots=True)
class Material:
    """What the head learns from; rows are photos of the split `train`."""

    #: (n, n_features) float32 of the whole photos, and of random parts of them.
    whole: Tensor
    varied: Tensor
    #: (n, n_concepts) float32 of 0 and 1.
    labels: Tensor
    #: (n_sources, n_concepts) how much a missing label counts, and (n,) each photo's source.
    absence: Tensor
    source: Tensor
    #: (n,) whether the labels name all in view.
    complete: Tensor
    class_map: Tensor


@dataclass(frozen=True, slots=True)
class Classifier:
    """The backbone's own last layer: (1000, n_features) and (1000,) float32."""

    weight: Tensor
    bias: Tensor

    def find_concepts(self, features: Tensor, class_map: Tensor) -> Tensor:
        """Return (n, n_concepts) in [0, 1]: the summed shares of each concept's classes."""
        shares = (features @ self.weight.T + self.bias).softmax(dim=1)
        return (shares @ class_map).clamp_(0.0, 1.0)


def gather(index: Index, whole: np.ndarray, varied: np.ndarray) -> Material:
    """Return the material of the training photos; features are of all photos, in their order."""
    rows = torch.from_numpy(index.get_rows("train"))
    absence, source = index.get_absence_weights()
    return Material(
        torch.from_numpy(whole)[rows].float(),
        torch.from_numpy(varied)[rows].float(),
        torch.from_numpy(index.get_labels())[rows],
        absence,
        source[rows],
        torch.from_numpy(index.are_complete())[rows],
        index.get_class_map(),
    )


def train(
    material: Material,
    classifier: Classifier,
    *,
    epochs: int,
    seed: int,
) -> Head:
    """Return the running average of a head that was trained for `epochs`."""
    torch.manual_seed(seed)
    n_photos = len(material.whole)
    frequency = (material.labels.sum(0) + 1.0) / n_photos
    head = Head(material.whole, classifier.weight, material.class_map, frequency)
    average = copy.deepcopy(head)
    optimiser = _make_optimiser(head)
    size = min(BATCH, n_photos)
    steps = epochs * (n_photos // size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, PEAK_RATE, total_steps=max(3, steps), pct_start=WARM_UP
    )
    limit = material.whole.amax(0)
    for step in range(steps):
        if step % (n_photos // size) == 0:
            batches = torch.split(torch.randperm(n_photos)[: n_photos // size * size], size)
        rows = batches[step % len(batches)]
        loss = _get_loss(head, material, classifier, rows, limit)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        head.restore_classes()
        schedule.step()
        _follow(average, head, min(_AVERAGED, (2 + step) / (11 + step)))
        if step % 100 == 0 or step == steps - 1:
            logger.info("head step=%d of=%d loss=%.3f", step, steps, float(loss.detach()))
    return average.eval()


def _get_loss(
    head: Head,
    material: Material,
    classifier: Classifier,
    rows: Tensor,
    limit: Tensor,
) -> Tensor:
    is_varied = torch.rand(len(rows), 1) < VARIED_SHARE
    features = torch.where(is_varied, material.varied[rows], material.whole[rows])
    made_up = _make_up(features, classifier, limit)
    real = _get_targets(material, rows, classifier.find_concepts(features, material.class_map))
    meant = classifier.find_concepts(made_up, material.class_map)
    targets = torch.cat([real[0], meant])
    weights = torch.cat([real[1], MADE_UP_WEIGHT * meant.clamp(min=0.1)])
    logits = head(torch.cat([features, made_up]))
    loss = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return (loss * weights).sum() / len(rows)


def _get_targets(material: Material, rows: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """Return what is wanted of photos, and how much it counts, (n, n_concepts) each.

    `seen` (n, n_concepts) is what the backbone's classes say of them.
    """
    labels, complete = material.labels[rows], material.complete[rows, None]
    targets = torch.maximum(labels, seen.masked_fill(complete, 0.0))
    weights = torch.maximum(material.absence[material.source[rows]], targets)
    return targets, weights * torch.where(complete, COMPLETE_WEIGHT, 1.0)


def _make_up(features: Tensor, classifier: Classifier, limit: Tensor) -> Tensor:
    """Return features (N_MADE_UP, n_features) of photos that there are none of.

    A faded photo is moved along the direction of a random class until that class leads the
    others by -1 to 6 logits. So the head learns all thousand classes, most of which have no photo
    here: R@5 of ImageNet photos of classes that it never saw rose from 0.42 to 0.61.
    """
    class_ = torch.randint(len(classifier.weight), (N_MADE_UP,))
    base = features[torch.randint(len(features), (N_MADE_UP,))] * torch.rand(N_MADE_UP, 1)
    logits = base @ classifier.weight.T + classifier.bias
    own = logits.gather(1, class_[:, None]).squeeze(1)
    lead = torch.empty(N_MADE_UP).uniform_(-1.0, 6.0)
    direction = functional.normalize(classifier.weight - classifier.weight.mean(0), dim=1)[class_]
    gain = (classifier.weight[class_] * direction).sum(1)
    # a third more, since what would be negative is cut off
    length = 1.3 * (logits.amax(1) - own + lead).clamp(min=0.0) / gain
    return torch.minimum((base + direction * length[:, None]).clamp(min=0.0), limit)


def _make_optimiser(head: nn.Module) -> torch.optim.Optimizer:
    matrices = [each for each in head.parameters() if each.ndim > 1]
    others = [each for each in head.parameters() if each.ndim <= 1]
    return torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": WEIGHT_DECAY},
            {"params": others, "weight_decay": 0.0},
        ],
        PEAK_RATE,
        betas=(0.9, 0.98),
    )


@torch.no_grad()
def _follow(average: nn.Module, head: nn.Module, kept: float) -> None:
    for slow, fast in zip(average.parameters(), head.parameters(), strict=True):
        slow.lerp_(fast, 1.0 - kept)
