"""Says what is written into the sidecars of each root: nothing, a person's words, or more.

`KADR_SIDECARS` holds for every root that has no policy of its own.
"""

import re
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog import paths, settings
from catalog.db.tables import Root
from catalog.errors import NotFoundError, SettingsError

OFF, CONFIRMED = "off", "confirmed"
_NUMBER = re.compile(r"0?\.\d{1,6}|0|1(\.0{1,6})?")


@dataclass(frozen=True, slots=True)
class Policy:
    """What is written into sidecars."""

    is_on: bool
    #: Keywords of models that nobody decided about are written from this confidence on; None
    #: writes none.
    least: float | None = None

    def __str__(self) -> str:
        if not self.is_on:
            return OFF
        return CONFIRMED if self.least is None else f"{self.least:g}"


def parse(text: str) -> Policy:
    """Return a policy by its name: `off`, `confirmed`, or a confidence such as `0.7`.

    Raises:
        SettingsError: It is none of these.
    """
    wanted = text.strip().lower()
    if wanted == OFF:
        return Policy(is_on=False)
    if wanted == CONFIRMED:
        return Policy(is_on=True)
    if _NUMBER.fullmatch(wanted):
        return Policy(is_on=True, least=float(wanted))
    raise SettingsError(
        f"'{text}' is not a policy for sidecars; write off, confirmed, or a confidence such as 0.7"
    )


def load(session: Session) -> dict[int, Policy]:
    """Return the policies of all roots into whose sidecars something is written.

    Raises:
        SettingsError: KADR_SIDECARS makes no sense.
    """
    default = settings.load().sidecars
    rows = session.execute(select(Root.id, Root.sidecars)).all()
    found = {root_id: parse(default if own is None else own) for root_id, own in rows}
    return {root_id: policy for root_id, policy in found.items() if policy.is_on}


@dataclass(frozen=True, slots=True)
class RootPolicy:
    """A root with its policy."""

    root_id: int
    name: str
    path: str
    policy: Policy
    #: It has a policy of its own; otherwise it follows KADR_SIDECARS.
    is_own: bool


def list_roots(session: Session) -> list[RootPolicy]:
    """Return every root with its policy, in the order of paths."""
    default = settings.load().sidecars
    return [
        RootPolicy(
            root.id,
            root.name,
            root.path,
            parse(default if root.sidecars is None else root.sidecars),
            is_own=root.sidecars is not None,
        )
        for root in session.scalars(select(Root).order_by(Root.path))
    ]


def set_policy(session: Session, name_or_path: str, policy: Policy | None) -> RootPolicy:
    """Set the policy of a root; None makes it follow KADR_SIDECARS again.

    Raises:
        NotFoundError: There is no root of that name or path.
    """
    known = list(session.scalars(select(Root).order_by(Root.path)))
    wanted = {name_or_path, paths.to_text(name_or_path).rstrip("/")}
    root = next((each for each in known if wanted & {each.name, each.path}), None)
    if root is None:
        names = ", ".join(f"{each.name} ({paths.printable(each.path)})" for each in known)
        raise NotFoundError(
            f"{name_or_path}: no root of that name or path; there is {names or 'none yet'}"
        )
    root.sidecars = None if policy is None else str(policy)
    session.flush()
    return next(each for each in list_roots(session) if each.root_id == root.id)
