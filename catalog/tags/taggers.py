"""Owns what tags this catalogue: a choice of names, stored once, and a row for each tagger.

`worker.tagging.choice` stores the choice for a new catalogue, `kadr retag` changes it, and every
process that opens the catalogue follows it. A tagger's row (`catalog.db.tables.Tagger`) records
the exact model, vocabulary, prompts and scoring that keywords were given with.
"""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.db import remembered, sql
from catalog.db.tables import Model, Tagger
from catalog.errors import ModelMismatchError

_KEY = "tagger"


@dataclass(frozen=True, slots=True)
class TaggerChoice:
    """The names of a model, a vocabulary, prompts and a preset, which `worker` resolves."""

    model: str
    vocabulary: str
    #: Prompt templates, or names of sets of them; empty for those the model was made for.
    prompts: tuple[str, ...]
    preset: str
    #: sha256 of the model's weights and configuration; None until a worker has loaded it.
    model_digest: str | None = None


def find(session: Session) -> TaggerChoice | None:
    """Return what the catalogue is tagged with, or None if that was never chosen."""
    value = remembered.find(session, _KEY)
    return None if value is None else _from_json(value)


def choose(session: Session, chosen: TaggerChoice) -> TaggerChoice:
    """Store the first choice and return it, or the one that another process stored before."""
    remembered.add(session, _KEY, asdict(chosen))
    return find(session) or chosen


def replace_with(session: Session, chosen: TaggerChoice) -> None:
    """Store another choice, which holds from now on."""
    remembered.replace(session, _KEY, asdict(chosen))


def confirm_digest(session: Session, chosen: TaggerChoice, digest: str) -> None:
    """Record in the catalogue's choice the digest of the model that was loaded for `chosen`.

    Raises:
        ModelMismatchError: The catalogue holds vectors of other weights under this name.
    """
    known = find(session) or chosen
    if known.model_digest not in {None, digest}:
        message = (
            f"{chosen.model} has other weights than this catalogue was tagged with "
            f"({digest[:12]}, not {(known.model_digest or '')[:12]}); vectors of the two cannot "
            f"be mixed; put the old weights back, or run `kadr retag --model {chosen.model}`"
        )
        raise ModelMismatchError(message)
    replace_with(session, replace(known, model_digest=digest))


def _from_json(value: dict[str, Any]) -> TaggerChoice:
    return TaggerChoice(**{**value, "prompts": tuple(value["prompts"])})


@dataclass(frozen=True, slots=True)
class TaggerSpec:
    """What makes scores comparable; the digests are sha256, hexadecimal."""

    model: str
    model_digest: str
    #: Length of the model's vectors.
    dim: int
    vocabulary: str
    vocabulary_digest: str
    prompts: tuple[str, ...]
    prompt_digest: str
    scoring_digest: str
    scoring: dict[str, Any] = field(default_factory=dict)


def ensure_tagger(session: Session, spec: TaggerSpec) -> int:
    """Return the id of a tagger's row; insert the rows of the tagger and its model if missing.

    Raises:
        ModelMismatchError: the catalogue holds vectors of another length under the model's digest.
    """
    sql.insert_new(
        session, Model, [{"name": spec.model, "digest": spec.model_digest, "dim": spec.dim}]
    )
    model = session.scalars(select(Model).where(Model.digest == spec.model_digest)).one()
    if model.dim != spec.dim:
        message = (
            f"{spec.model} gives vectors of {spec.dim} numbers, the catalogue holds {model.dim} "
            "under the same digest; run `kadr doctor`"
        )
        raise ModelMismatchError(message)
    identity = {"model_id": model.id, "vocabulary_digest": spec.vocabulary_digest}
    identity |= {"prompt_digest": spec.prompt_digest, "scoring_digest": spec.scoring_digest}
    row = {**identity, "vocabulary": spec.vocabulary, "scoring": spec.scoring}
    sql.insert_new(session, Tagger, [row | {"prompts": list(spec.prompts)}])
    return session.scalars(select(Tagger.id).filter_by(**identity)).one()


def get_model_id(session: Session, tagger_id: int) -> int:
    """Return the id of the model whose embeddings a tagger scores."""
    return session.scalars(select(Tagger.model_id).where(Tagger.id == tagger_id)).one()
