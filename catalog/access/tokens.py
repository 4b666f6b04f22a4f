"""Tokens of scripts: shown once when made, kept as a digest, limited to a scope and a time.

Only the command line makes them: no token can make or change another one.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from catalog.access.sessions import digest_of
from catalog.db.web_tables import Scope, Token
from catalog.errors import NotFoundError, OptionError

#: Begins every token, so that tools that look for secrets in files know it.
PREFIX = "kadr_"
_NOTE_EVERY = timedelta(hours=1)


def add(
    session: Session, name: str, scope: Scope, *, now: datetime, days: int | None = None
) -> str:
    """Store a new token and return it; it cannot be had again.

    Raises:
        OptionError: There is a token of this name.
    """
    if session.scalar(select(Token.id).where(Token.name == name)) is not None:
        raise OptionError(f"there is a token named '{name}'; remove it or choose another name")
    value = PREFIX + secrets.token_urlsafe(32)
    expires_at = None if days is None else now + timedelta(days=days)
    session.add(
        Token(
            name=name,
            digest=digest_of(value),
            scope=scope,
            created_at=now,
            expires_at=expires_at,
        )
    )
    return value


def find_all(session: Session) -> Sequence[Token]:
    """Return all tokens, by name."""
    return session.scalars(select(Token).order_by(Token.name)).all()


def remove(session: Session, name: str) -> None:
    """Delete a token; it is refused from now on.

    Raises:
        NotFoundError: There is none of this name.
    """
    if session.scalar(delete(Token).where(Token.name == name).returning(Token.id)) is None:
        raise NotFoundError(f"there is no token named '{name}'; `kadr token list` lists them")


def find_valid(session: Session, value: str, *, now: datetime) -> Token | None:
    """Return the token of this value unless it has ended."""
    found = session.scalar(select(Token).where(Token.digest == digest_of(value)))
    if found is None or (found.expires_at is not None and found.expires_at <= now):
        return None
    return found


def is_use_stale(token: Token, now: datetime) -> bool:
    """Return whether the noted time of last use should be renewed."""
    return token.used_at is None or now - token.used_at >= _NOTE_EVERY


def note_use(session: Session, token_id: int, *, now: datetime) -> None:
    """Note when a token was last used."""
    session.execute(update(Token).where(Token.id == token_id).values(used_at=now))
