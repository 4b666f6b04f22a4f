"""Owns the text tower's training: it learns to write the concept vectors from their words.

The vectors are the student's own, so photos and texts meet in one space.
"""

import logging
from collections.abc import Callable, Sequence

import open_clip
import torch
from torch import Tensor, nn
from torch.nn import functional

from worker.models import text_tower
from worker.starter import texts

logger = logging.getLogger(__name__)

BATCH = 256
STEPS = 2000
PEAK_RATE = 3e-3
#: Texts are cut where CLIP's tokenizer, which knows 49,408 tokens, has written this many.
CONTEXT_LENGTH = 16

Tokenize = Callable[[list[str]], Tensor]


def get_tokenizer() -> Tokenize:
    """Return OpenAI's BPE at the context length of the starter: (n, 16) int64."""
    tokenizer: Tokenize = open_clip.SimpleTokenizer(context_length=CONTEXT_LENGTH)
    return tokenizer


def distil(module: nn.Module, words: Sequence[str], vectors: Tensor, *, steps: int = STEPS) -> None:
    """Train ``module.text`` in place until ``words`` in prompts give ``vectors``.

    ``vectors`` (n_words, dim) float32; a text about two words is to lie half-way between them.
    Stopping early costs dearly: the cosine's last hundredths decide between similar words.
    """
    source, tokenize = texts.Texts(words), get_tokenizer()
    used = torch.unique(tokenize(source.list_parts()))
    unit = functional.normalize(vectors, dim=1)
    full = _take_tokens(module, used)
    tower = list(module.text.parameters())  # type: ignore[union-attr]
    optimiser = torch.optim.AdamW(tower, PEAK_RATE, weight_decay=0.0, betas=(0.9, 0.98), fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, PEAK_RATE, total_steps=max(steps, 3), pct_start=0.1
    )
    for step in range(steps):
        drawn = source.draw(BATCH)
        tokens = torch.searchsorted(used, tokenize([each.text for each in drawn]))
        likeness = _get_likeness(module, tokens, _get_wanted(drawn, unit))
        optimiser.zero_grad()
        torch.autograd.backward(1.0 - likeness)
        nn.utils.clip_grad_norm_(tower, 1.0)
        optimiser.step()
        schedule.step()
        if step % 100 == 0 or step == steps - 1:
            logger.info("starter.text step=%d cosine=%.4f", step, float(likeness.detach()))
    _put_tokens(module, used, full)


def _get_wanted(drawn: Sequence[texts.Text], unit: Tensor) -> Tensor:
    first = torch.tensor([each.concepts[0] for each in drawn])
    last = torch.tensor([each.concepts[-1] for each in drawn])
    return unit[first] + unit[last]


def _get_likeness(module: nn.Module, tokens: Tensor, wanted: Tensor) -> Tensor:
    length = int(tokens.argmax(dim=1).max()) + 1  # the end of text has the highest number
    encoded = text_tower.encode(module, tokens[:, :length])
    return functional.cosine_similarity(encoded, wanted, dim=1).mean()


def _take_tokens(module: nn.Module, used: Tensor) -> nn.Embedding:
    """Put an embedding of the used tokens alone into the tower; return the full one.

    The optimiser would otherwise walk through 49,408 of them at every step.
    """
    full: nn.Embedding = module.text.token_embedding  # type: ignore[union-attr, assignment]
    module.text.token_embedding = nn.Embedding(  # type: ignore[union-attr]
        len(used), full.embedding_dim, _weight=full.weight.detach()[used]
    )
    return full


def _put_tokens(module: nn.Module, used: Tensor, full: nn.Embedding) -> None:
    """Put the full embedding back; tokens that no text uses become zero, which compresses."""
    learnt: nn.Embedding = module.text.token_embedding  # type: ignore[union-attr, assignment]
    with torch.no_grad():
        full.weight.zero_()
        full.weight[used] = learnt.weight
    module.text.token_embedding = full  # type: ignore[union-attr]
