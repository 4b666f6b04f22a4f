"""Keywords and what gave them: canonical tags with aliases and parents, models and taggers."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from catalog import sql, words
from catalog.errors import ModelMismatchError
from catalog.models import Model, Tag, TagAlias, Tagger


@dataclass(frozen=True, slots=True)
class TagSpec:
    """A keyword as a vocabulary knows it."""

    word: str
    #: Other words for it: (word, language or None).
    aliases: tuple[tuple[str, str | None], ...] = ()
    #: Broader words, nearest first: ("dog", "animal") for a beagle.
    parents: tuple[str, ...] = ()


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


@dataclass(frozen=True, slots=True)
class TaggerIdentity:
    """The rows that a `TaggerSpec` has in this catalogue."""

    tagger_id: int
    model_id: int


def ensure_tags(session: Session, specs: Sequence[TagSpec]) -> dict[str, int]:
    """Return the tag of every word, made if it is new; words that mean one tag share it.

    A word that is an alias of a tag is that tag ("puppies" in a file's keywords is "puppy").
    """
    cleaned = {spec.word: words.clean(spec.word) for spec in specs}
    by_key = {words.fold(spec.word): spec for spec in specs if cleaned[spec.word]}
    known = find_tag_ids(session, by_key)
    new = {key: spec for key, spec in by_key.items() if key not in known}
    if new:
        _insert_tags(session, list(new.values()))
        known |= find_tag_ids(session, new)
    return {spec.word: known[words.fold(spec.word)] for spec in specs if cleaned[spec.word]}


def find_tag_ids(session: Session, keys: Iterable[str]) -> dict[str, int]:
    """Look folded words up among tags and aliases; a tag of that very name comes first."""
    found: dict[str, int] = {}
    for chunk in sql.chunks(keys):
        aliases = select(TagAlias.key, TagAlias.tag_id).where(TagAlias.key.in_(chunk))
        found.update((key, tag_id) for key, tag_id in session.execute(aliases))
        exact = select(Tag.key, Tag.id).where(Tag.key.in_(chunk))
        found.update((key, tag_id) for key, tag_id in session.execute(exact))
    return found


def ensure_tagger(session: Session, spec: TaggerSpec) -> TaggerIdentity:
    """Return the rows of a tagger, made if they are new."""
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
    tagger_id = session.scalars(select(Tagger.id).filter_by(**identity)).one()
    return TaggerIdentity(tagger_id, model.id)


def _insert_tags(session: Session, specs: Sequence[TagSpec]) -> None:
    chains = [(spec.word, *spec.parents) for spec in specs]
    names = {words.fold(name): words.clean(name) for chain in chains for name in chain}
    absent = names.keys() - find_tag_ids(session, names).keys()
    rows = [{"key": key, "name": names[key]} for key in sorted(absent)]
    sql.insert_new(session, Tag, rows)
    ids = find_tag_ids(session, names)
    _set_parents(session, chains, ids, absent)
    _insert_aliases(session, specs, ids)


def _set_parents(
    session: Session, chains: Iterable[Sequence[str]], ids: dict[str, int], absent: set[str]
) -> None:
    links: dict[int, int] = {}
    for chain in chains:
        keys = [words.fold(name) for name in chain]
        for child, parent in itertools.pairwise(keys):
            if child in absent and ids[child] != ids[parent]:
                links.setdefault(ids[child], ids[parent])
    rows = [{"id": child, "parent_id": parent} for child, parent in sorted(links.items())]
    if rows:
        session.execute(update(Tag), rows)


def _insert_aliases(session: Session, specs: Iterable[TagSpec], ids: dict[str, int]) -> None:
    rows = {
        words.fold(alias): {
            "key": words.fold(alias),
            "name": words.clean(alias),
            "tag_id": ids[words.fold(spec.word)],
            "language": language,
        }
        for spec in specs
        for alias, language in spec.aliases
        if words.clean(alias)
    }
    taken: set[str] = set()
    for chunk in sql.chunks(rows):
        taken.update(session.scalars(select(Tag.key).where(Tag.key.in_(chunk))))
    sql.insert_new(session, TagAlias, [rows[key] for key in sorted(rows.keys() - taken)])
