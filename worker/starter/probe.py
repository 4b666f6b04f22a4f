"""Owns the probe: a small network from the teacher's features to the concepts.

Its out-of-fold answers are the soft labels of the training; fitted on all training photos it
is also the baseline that says what the data can give.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

N_FOLDS = 4


def fit_probe(
    features: Tensor, labels: Tensor, *, epochs: int = 8, width: int = 512, seed: int = 0
) -> nn.Module:
    """Fit concept logits (n, n_concepts) on features (n, n_features), both float32.

    The loss is the binary cross-entropy of every concept plus the cross-entropy of the
    labels' shares; ``width`` 0 gives a linear probe.
    """
    torch.manual_seed(seed)
    probe = _build(features.shape[1], labels.shape[1], width)
    steps = max(1, len(features) // 256) * epochs
    optimiser = torch.optim.AdamW(probe.parameters(), lr=1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, steps + 1, pct_start=0.1)
    for _ in range(steps):
        rows = torch.randint(len(features), (256,))
        loss = get_concept_loss(probe(features[rows]), labels[rows])
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
    return probe.eval()


def predict_out_of_fold(features: Tensor, labels: Tensor, *, seed: int = 0) -> Tensor:
    """Return each photo's concept probabilities (n, n_concepts) from probes that never saw it.

    A probe's answer on its own training photos is their labels again and teaches nothing.
    """
    order = torch.randperm(len(features), generator=torch.Generator().manual_seed(seed))
    answers = torch.zeros_like(labels)
    for fold in range(N_FOLDS):
        held, used = order[fold::N_FOLDS], _without(order, fold)
        probe = fit_probe(features[used], labels[used], seed=seed + fold)
        with torch.no_grad():
            answers[held] = probe(features[held]).sigmoid()
    return answers


def get_concept_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the loss of concept logits against targets in [0, 1], both (n, n_concepts)."""
    each = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    shares = targets / targets.sum(1, keepdim=True).clamp_min(1e-3)
    ranking = -(shares * logits.log_softmax(1)).sum(1)
    return each.sum(1).mean() + ranking.mean()


def _build(n_features: int, n_concepts: int, width: int) -> nn.Module:
    if width:
        hidden = [nn.Linear(n_features, width), nn.GELU(), nn.Dropout(0.4)]
        last = nn.Linear(width, n_concepts)
    else:
        hidden, last = [], nn.Linear(n_features, n_concepts)
    nn.init.constant_(last.bias, -6.0)
    return nn.Sequential(nn.Dropout(0.2), *hidden, last)


def _without(order: Tensor, fold: int) -> Tensor:
    return torch.cat([order[other::N_FOLDS] for other in range(N_FOLDS) if other != fold])
