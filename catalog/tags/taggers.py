"""What tags this catalogue: chosen once, remembered, and the same for every process that opens it.

`worker.tagging.choice` writes it for a new catalogue, `kadr retag` changes it.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from catalog.db import sql
from catalog.db.tables import Setting
from catalog.errors import ModelMismatchError

_KEY = "tagger"


@dataclass(frozen=True, slots=True)
class Preferences:
    """The names of what tags; `worker` gives them their meaning."""

    model: str
    vocabulary: str
    #: Prompt templates, or names of sets of them; empty for those the model was made for.
    prompts: tuple[str, ...]
    preset: str
    #: sha256 of the model's weights and configuration; None until a worker has loaded it.
    model_digest: str | None = None


def find(session: Session) -> Preferences | None:
    """Return what the catalogue is tagged with; None if that was never chosen."""
    row = session.get(Setting, _KEY, populate_existing=True)
    return None if row is None else _from_json(row.value)


def choose(session: Session, chosen: Preferences) -> Preferences:
    """Write the first choice down; if another process was faster, its choice is returned."""
    sql.insert_new(session, Setting, [{"key": _KEY, "value": asdict(chosen)}])
    return find(session) or chosen


def replace_with(session: Session, chosen: Preferences) -> None:
    """Change what the catalogue is tagged with from now on."""
    choose(session, chosen)
    session.get_one(Setting, _KEY).value = asdict(chosen)


def confirm_digest(session: Session, chosen: Preferences, digest: str) -> Preferences:
    """Note the digest of the model that was loaded for `chosen`.

    Raises:
        ModelMismatchError: the catalogue holds vectors of other weights under this name.
    """
    known = find(session) or chosen
    if known.model_digest not in {None, digest}:
        message = (
            f"{chosen.model} has other weights than this catalogue was tagged with "
            f"({digest[:12]}, not {(known.model_digest or '')[:12]}); vectors of the two cannot "
            f"be mixed; put the old weights back, or run `kadr retag --model {chosen.model}`"
        )
        raise ModelMismatchError(message)
    confirmed = replace(known, model_digest=digest)
    replace_with(session, confirmed)
    return confirmed


def _from_json(value: dict[str, Any]) -> Preferences:
    return Preferences(**{**value, "prompts": tuple(value["prompts"])})
