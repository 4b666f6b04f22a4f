"""Finds out who asks: a browser that logged in, a script with a token, a person behind a proxy.

`guard.Guard` asks before any route runs; on the loopback interface without a password everybody is
the owner of the catalogue.
"""

import hashlib
import hmac
import ipaddress
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from catalog.access import passwords, sessions, tokens
from catalog.db import remembered
from catalog.db.database import Database
from catalog.db.web_tables import Scope
from catalog.web.settings import WebSettings

#: The cookie of a login; over https it is bound to the host by its name (RFC 6265bis, 4.1.3.2).
COOKIE, SECURE_COOKIE = "kadr_session", "__Host-kadr_session"
#: How long an answer of the database about a cookie, a token or the password is believed.
_BELIEVE_S = 10.0
_MAX_BELIEVED = 1_000
_SECRET = "web_secret"  # noqa: S105 - the key of a setting

_RANKS = {Scope.READ: 0, Scope.DECIDE: 1, Scope.ADMIN: 2}


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks, and what they may do."""

    scope: Scope
    #: For logs and for Idempotency-Keys: `loopback`, `session`, `token:NAME`, `proxy:NAME`.
    name: str
    #: The cookie's value, if they logged in.
    session: str | None = None
    #: Whether a browser would send the same credentials for another site's page.
    is_ambient: bool = True

    @property
    def can_log_out(self) -> bool:
        """Whether there is a login that can be ended."""
        return self.session is not None

    def may(self, scope: Scope) -> bool:
        """Return whether they may do what needs a scope."""
        return _RANKS[self.scope] >= _RANKS[scope]


class Doorkeeper:
    """Knows the password and finds the viewer of a request; shared by all threads."""

    def __init__(
        self,
        database: Database,
        settings: WebSettings,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._peers = [
            ipaddress.ip_network(each, strict=False) for each in settings.web_trusted_peers
        ]
        given = settings.web_password
        self._given = None if given is None else passwords.make_hash(given.get_secret_value())
        self._stored: str | None = None
        self._stored_until = 0.0
        self._believed: dict[str, tuple[float, Viewer | None]] = {}
        self._secret = _load_secret(database)

    @property
    def is_proxied(self) -> bool:
        """Whether a proxy logs people in."""
        return self._settings.web_auth == "proxy"

    def find_password(self) -> str | None:
        """Return the hash of the password, or None where there is none."""
        if self._given is not None:
            return self._given
        now = time.monotonic()
        if now >= self._stored_until:
            with self._database.read() as session:
                self._stored = passwords.find_hash(session)
            self._stored_until = now + _BELIEVE_S
        return self._stored

    def is_trusted(self, peer: str) -> bool:
        """Return whether the headers of a peer are believed."""
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self._peers)

    def find_viewer(self, headers: Mapping[str, str], cookie: str, peer: str) -> Viewer | None:
        """Return who asks, or None for somebody who has to log in."""
        kind, _, value = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self._believe(f"token {value}", lambda: self._of_token(value.strip()))
        if self.is_proxied:
            user = headers.get(self._settings.web_user_header.lower(), "")
            return Viewer(Scope.ADMIN, f"proxy:{user}") if user and self.is_trusted(peer) else None
        if cookie and (found := self._believe(f"cookie {cookie}", lambda: self._of(cookie))):
            return found
        if self.find_password() is None and _is_loopback(peer):
            return Viewer(Scope.ADMIN, "loopback")
        return None

    def form_token(self, viewer: Viewer) -> str:
        """Return what a form of this viewer's pages must send back."""
        about = viewer.session or viewer.name
        return hmac.new(self._secret, f"form {about}".encode(), hashlib.sha256).hexdigest()

    def is_form_token(self, viewer: Viewer, given: str) -> bool:
        """Return whether a form was one of this viewer's pages."""
        return hmac.compare_digest(self.form_token(viewer).encode(), given.encode())

    def log_in(self) -> str:
        """Begin a session and return its cookie's value."""
        with self._database.write() as session:
            return sessions.begin(session, now=self._clock())

    def log_out(self, viewer: Viewer, *, everywhere: bool) -> None:
        """End the viewer's session, or those of all browsers."""
        with self._database.write() as session:
            if everywhere:
                sessions.end_all(session)
            elif viewer.session is not None:
                sessions.end(session, viewer.session)
        self._believed.clear()

    def is_metrics_token(self, value: str) -> bool:
        """Return whether a bearer token is the one that may read /metrics."""
        known = self._settings.metrics_token
        return known is not None and hmac.compare_digest(
            known.get_secret_value().encode(), value.encode()
        )

    def _of_token(self, value: str) -> Viewer | None:
        now = self._clock()
        with self._database.read() as session:
            found = tokens.find_valid(session, value, now=now)
        if found is None:
            return None
        if tokens.is_use_stale(found, now):
            with self._database.write() as session:
                tokens.note_use(session, found.id, now=now)
        return Viewer(found.scope, f"token:{found.name}", is_ambient=False)

    def _of(self, cookie: str) -> Viewer | None:
        with self._database.read() as session:
            is_valid = sessions.is_valid(session, cookie, now=self._clock())
        return Viewer(Scope.ADMIN, "session", session=cookie) if is_valid else None

    def _believe(self, secret: str, find: Callable[[], Viewer | None]) -> Viewer | None:
        """Return what was found a moment ago for this secret, or find it now."""
        key, now = sessions.digest_of(secret), time.monotonic()
        until, viewer = self._believed.get(key, (0.0, None))
        if now < until:
            return viewer
        viewer = find()
        if len(self._believed) >= _MAX_BELIEVED:
            self._believed.clear()
        if viewer is not None:
            self._believed[key] = (now + _BELIEVE_S, viewer)
        return viewer


def _is_loopback(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False


def _load_secret(database: Database) -> bytes:
    """Return the key that signs forms: the same in every process of a catalogue."""

    def find(session: Session) -> str | None:
        value = remembered.find(session, _SECRET)
        return value if isinstance(value, str) else None

    with database.read() as session:
        found = find(session)
    if found is None:
        with database.write() as session:
            remembered.add(session, _SECRET, secrets.token_hex(32))
            found = find(session)
    return bytes.fromhex(found or "")
