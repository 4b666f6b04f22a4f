"""Owns the loss of one batch: the concepts, the teacher's classes, the teacher's features."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from worker.starter.augment import Mix
from worker.starter.probe import get_concept_loss
from worker.starter.student import Answers

#: Weights of the three parts; the features' cosine is small beside the cross-entropies.
CONCEPT_WEIGHT = 1.0
CLASS_WEIGHT = 0.7
FEATURE_WEIGHT = 6.0


@dataclass(frozen=True, slots=True)
class Targets:
    """What a batch should answer; the teacher's parts are ``None`` without a teacher."""

    concepts: Tensor
    classes: Tensor | None
    features: Tensor | None

    def mixed(self, mix: Mix | None) -> "Targets":
        """Return the targets of the photos mixed by ``mix``."""
        if mix is None:
            return self
        return Targets(
            concepts=mix.apply(self.concepts),
            classes=None if self.classes is None else mix.apply(self.classes),
            features=None if self.features is None else mix.apply(self.features),
        )


def get_loss(answers: Answers, targets: Targets) -> Tensor:
    """Return the mean loss of the batch, a scalar float32."""
    loss = get_concept_loss(answers.concepts, targets.concepts) * CONCEPT_WEIGHT
    if answers.classes is not None and targets.classes is not None:
        ranking = -(targets.classes * answers.classes.log_softmax(1)).sum(1).mean()
        loss = loss + ranking * CLASS_WEIGHT
    if answers.features is not None and targets.features is not None:
        likeness = functional.cosine_similarity(answers.features, targets.features, dim=1)
        loss = loss + (1.0 - likeness).mean() * FEATURE_WEIGHT
    return loss
