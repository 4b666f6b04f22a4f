"""Trains the text tower: it writes concepts' vectors from their words, and finds photos by caption.

The image side stays as it is, so photos and texts meet in the space that the head made.
"""

import logging
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import open_clip
import torch
from torch import Tensor, nn
from torch.nn import functional

from worker.vocabulary import english

logger = logging.getLogger(__name__)

#: The prompts that the finished model is used with, and that its figures are measured with.
PROMPTS = ("a photo of a {word}", "a photo of {word}", "{word}")
#: Others that people write; openai-7 among them.
_OTHER_PROMPTS = (
    "a photo of the {word}",
    "a photo of many {word}",
    "a picture of a {word}",
    "the {word}",
    "a {word}",
    "itap of a {word}.",
    "a bad photo of the {word}.",
    "a origami {word}.",
    "a photo of the large {word}.",
    "a {word} in a video game.",
    "art of the {word}.",
    "a photo of the small {word}.",
)
_PAIRS = ("{a} and {b}", "a {a} with a {b}", "a photo of a {a} and a {b}", "a {a} in the {b}")
_PAIR_SHARE, _PLURAL_SHARE = 0.15, 0.2

#: Texts are cut where CLIP's tokenizer has written this many tokens.
CONTEXT_LENGTH = 24
#: A token that fewer captions use is left out, here and in the finished tower.
MIN_USES = 5
N_CAPTIONS, N_CONCEPTS = 256, 256
#: Steps, the peak of the learning rate, and the weight of concepts beside captions.
STEPS, PEAK_RATE, CONCEPT_WEIGHT = 1200, 2e-3, 6.0
POLISH_STEPS, POLISH_RATE = 900, 6e-4
_START_SCALE, _MAX_SCALE = 14.0, 100.0

Tokenize = Callable[[list[str]], Tensor]


@dataclass(frozen=True, slots=True)
class Captions:
    """Photos with captions: their unit vectors (n, dim) float32, and the captions of each."""

    vectors: Tensor
    texts: tuple[tuple[str, ...], ...]


class ConceptTexts:
    """An endless source of texts about concepts: in prompts, in the plural, in pairs."""

    def __init__(self, words: Sequence[str], *, seed: int) -> None:
        self._words = tuple(words)
        self._plurals = [english.plural(word) or word for word in self._words]
        self._random = random.Random(seed)

    def draw(self, n_texts: int) -> tuple[list[str], Tensor]:
        """Draw texts, and the rows (n_texts, 2) of the concepts of each: two, or one twice."""
        drawn = [self._draw_one() for _ in range(n_texts)]
        return [text for text, _ in drawn], torch.tensor([rows for _, rows in drawn])

    def list_parts(self) -> list[str]:
        """Return texts that hold, between them, every word that `draw` can use."""
        nothing = {"a": "", "b": "", "word": ""}
        frames = (*PROMPTS, *_OTHER_PROMPTS, *_PAIRS)
        return [*self._words, *self._plurals, *(frame.format(**nothing) for frame in frames)]

    def _draw_one(self) -> tuple[str, tuple[int, int]]:
        draw = self._random
        first = draw.randrange(len(self._words))
        if draw.random() < _PAIR_SHARE:
            second = draw.randrange(len(self._words))
            both = {"a": self._words[first], "b": self._words[second]}
            return draw.choice(_PAIRS).format(**both), (first, second)
        names = self._plurals if draw.random() < _PLURAL_SHARE else self._words
        prompts = PROMPTS if draw.random() < 0.5 else _OTHER_PROMPTS  # noqa: PLR2004
        return draw.choice(prompts).format(word=names[first]), (first, first)


def train(
    module: nn.Module,
    words: Sequence[str],
    vectors: Tensor,
    captions: Captions,
    *,
    steps: int = STEPS,
    polish_steps: int = POLISH_STEPS,
    seed: int = 0,
) -> None:
    """Train `module.text` in place: on concepts and captions, then on concepts alone.

    Args:
        module: open_clip's two-tower module.
        words: the concepts.
        vectors: (n_words, dim) float32, what the tower is to write for them. A text about two
            concepts is to lie half-way between them.
        captions: what else it learns from, contrastively (CLIP, arXiv 2103.00020); may be empty.
        steps: of the optimiser.
        polish_steps: at the end, without captions: the cosine's last hundredths decide between
            similar words.
        seed: of everything random.
    """
    torch.manual_seed(seed)
    source = ConceptTexts(words, seed=seed)
    _start_as_bag_of_words(module)
    tokens = TokenTable(module, source, captions)
    unit = functional.normalize(vectors, dim=1)
    learn_captions(tokens, source, unit, captions, steps=steps, seed=seed)
    polish(tokens, source, unit, steps=polish_steps)
    tokens.put_back()


def learn_captions(
    tokens: "TokenTable",
    source: ConceptTexts,
    unit: Tensor,
    captions: Captions,
    *,
    steps: int,
    seed: int,
) -> None:
    """Take steps on concepts, unit vectors (n_words, dim), and captions; see `train`."""
    draw = random.Random(seed)
    log_scale = nn.Parameter(torch.tensor(_START_SCALE).log())

    def get_loss() -> tuple[Tensor, Tensor]:
        likeness = _get_likeness(tokens, source, unit)
        loss = CONCEPT_WEIGHT * (1.0 - likeness)
        chosen = draw.sample(range(len(captions.texts)), min(N_CAPTIONS, len(captions.texts)))
        if chosen:
            said = tokens.encode([draw.choice(captions.texts[each]) for each in chosen])
            written = functional.normalize(said, dim=1)
            scale = log_scale.exp().clamp(max=_MAX_SCALE)
            loss = loss + _contrast(written, captions.vectors[chosen], scale)
        return loss, likeness

    _optimise([*tokens.parameters(), log_scale], get_loss, steps=steps, rate=PEAK_RATE)


def polish(tokens: "TokenTable", source: ConceptTexts, unit: Tensor, *, steps: int) -> None:
    """Take steps on concepts alone, unit vectors (n_words, dim), slowly; see `train`."""

    def get_loss() -> tuple[Tensor, Tensor]:
        likeness = _get_likeness(tokens, source, unit)
        return 1.0 - likeness, likeness

    _optimise(tokens.parameters(), get_loss, steps=steps, rate=POLISH_RATE)


def _get_likeness(tokens: "TokenTable", source: ConceptTexts, unit: Tensor) -> Tensor:
    texts, rows = source.draw(N_CONCEPTS)
    written = tokens.encode(texts)
    return functional.cosine_similarity(written, unit[rows].sum(1), dim=1).mean()


def _optimise(
    parameters: list[nn.Parameter],
    get_loss: Callable[[], tuple[Tensor, Tensor]],
    *,
    steps: int,
    rate: float,
) -> None:
    optimiser = torch.optim.AdamW(parameters, rate, weight_decay=0.0, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, rate, total_steps=max(steps, 3), pct_start=0.1
    )
    for step in range(steps):
        loss, likeness = get_loss()
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        schedule.step()
        if step % 100 == 0 or step == steps - 1:
            now = [float(each.detach()) for each in (likeness, loss)]
            logger.info("text step=%d of=%d cosine=%.4f loss=%.3f", step, steps, *now)


def get_tokenizer() -> Tokenize:
    """Return OpenAI's BPE at the context length of the starter: (n, 24) int64."""
    tokenizer: Tokenize = open_clip.SimpleTokenizer(context_length=CONTEXT_LENGTH)
    return tokenizer


def _contrast(written: Tensor, seen: Tensor, scale: Tensor) -> Tensor:
    """Return CLIP's loss of n texts (n, dim) and their photos (n, dim): each finds its own."""
    logits = scale * written @ seen.T
    own = torch.arange(len(written))
    return (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2


def _start_as_bag_of_words(module: nn.Module) -> None:
    """Let the tower begin by adding up its tokens: attention looks at all alike, and copies."""
    tower: Any = module.text
    block = tower.transformer.resblocks[0]
    width = block.attn.embed_dim
    with torch.no_grad():
        block.attn.in_proj_weight[: 2 * width] *= 0.1
        block.attn.in_proj_weight[2 * width :] = torch.eye(width)
        block.attn.out_proj.weight.copy_(torch.eye(width))
        tower.text_projection.copy_(torch.eye(width))


def _encode_ends(tower: Any, tokens: Tensor, ends: Tensor) -> Tensor:  # noqa: ANN401 - open_clip
    """Return what a tower of one layer writes (n, dim) at the ends (n,) of its texts alone.

    It is `open_clip.transformer.TextTransformer` without what nobody reads: queries and the second
    half of the layer of every token before the end, four fifths of the work.
    """
    embedded = tower.token_embedding(tokens) + tower.positional_embedding[: tokens.shape[1]]
    block = tower.transformer.resblocks[0]
    normed = block.ln_1(embedded)
    rows = torch.arange(len(tokens))
    behind = torch.arange(tokens.shape[1]) > ends[:, None]
    seen, _ = block.attn(
        normed[rows, ends][:, None], normed, normed, key_padding_mask=behind, need_weights=False
    )
    last = embedded[rows, ends] + seen[:, 0]
    last = last + block.mlp(block.ln_2(last))
    written: Tensor = tower.ln_final(last) @ tower.text_projection
    return written


class TokenTable:
    """The embeddings of the tokens in use, in the place of all 49,408 while the tower trains.

    The optimiser would otherwise walk through all of them at every step. Row 0 stands for every
    token that is left out, and stays zero, as they are in the finished tower.
    """

    def __init__(self, module: nn.Module, source: ConceptTexts, captions: Captions) -> None:
        self._module, self._tokenize = module, get_tokenizer()
        self._full: nn.Embedding = module.text.token_embedding  # type: ignore[union-attr, assignment]
        uses = Counter(
            token
            for texts in captions.texts
            for row in (self._tokenize(list(texts)).tolist() if texts else ())
            for token in set(row)
        )
        used = {token for token, n in uses.items() if n >= MIN_USES}
        used |= set(self._tokenize(source.list_parts()).flatten().tolist())
        self._used = torch.tensor(sorted(used - {0}))
        self._place = torch.zeros(self._full.num_embeddings, dtype=torch.int64)
        self._place[self._used] = torch.arange(1, len(self._used) + 1)
        weight = functional.pad(self._full.weight.detach()[self._used], (0, 0, 1, 0))
        small = nn.Embedding(len(weight), weight.shape[1], padding_idx=0)
        with torch.no_grad():
            small.weight.copy_(weight)
        module.text.token_embedding = small  # type: ignore[union-attr]

    def parameters(self) -> list[nn.Parameter]:
        """Return all that the tower learns, the small table included."""
        return list(self._module.text.parameters())  # type: ignore[union-attr]

    def encode(self, texts: list[str]) -> Tensor:
        """Return (n, dim), not normalised."""
        tokens = self._tokenize(texts)
        ends = tokens.argmax(dim=1)  # the end of text has the highest number
        tokens = self._place[tokens[:, : int(ends.max()) + 1]]
        return _encode_ends(self._module.text, tokens, ends)

    def put_back(self) -> None:
        """Put the full table back; tokens that are not used become zero."""
        learnt: nn.Embedding = self._module.text.token_embedding  # type: ignore[union-attr, assignment]
        with torch.no_grad():
            self._full.weight.zero_()
            self._full.weight[self._used] = learnt.weight[1:]
        self._module.text.token_embedding = self._full  # type: ignore[union-attr]
