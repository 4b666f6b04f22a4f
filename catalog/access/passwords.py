"""The one password of a catalogue's gallery, kept as scrypt's hash in the table `setting`.

`kadr password` sets it; the login page checks it.
"""

import hashlib
import hmac
import secrets

from sqlalchemy.orm import Session

from catalog.db import remembered
from catalog.errors import SettingsError

_KEY = "web_password"
#: scrypt's cost: 32 MiB and about 60 ms a try (RFC 7914, section 2).
_N, _R, _P = 2**15, 8, 1
_MAX_MEMORY = 64 * 1024 * 1024
MIN_CHARS = 8


def store(session: Session, password: str) -> None:
    """Replace the password.

    Raises:
        SettingsError: It is too short.
    """
    remembered.replace(session, _KEY, make_hash(password))


def find_hash(session: Session) -> str | None:
    """Return the stored hash, or None if no password was set."""
    value = remembered.find(session, _KEY)
    return value if isinstance(value, str) else None


def make_hash(password: str) -> str:
    """Return scrypt's hash of a password with a salt of its own.

    Raises:
        SettingsError: The password is too short.
    """
    if len(password) < MIN_CHARS:
        raise SettingsError(
            f"the password has {len(password)} characters; use at least {MIN_CHARS}"
        )
    salt = secrets.token_bytes(16)
    return f"scrypt${salt.hex()}${_derive(password, salt).hex()}"


def is_right(password: str, stored: str) -> bool:
    """Return whether a password is the one that was hashed; takes the same time either way."""
    _, salt, expected = stored.split("$")
    return hmac.compare_digest(_derive(password, bytes.fromhex(salt)), bytes.fromhex(expected))


def _derive(password: str, salt: bytes) -> bytes:
    data = password.encode(errors="surrogatepass")
    return hashlib.scrypt(data, salt=salt, n=_N, r=_R, p=_P, maxmem=_MAX_MEMORY)
