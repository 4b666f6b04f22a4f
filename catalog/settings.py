"""Where the catalogue is: from KADR_... variables or a `.env` file in the working folder."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from catalog.errors import SettingsError

#: Of keywords that models gave; `catalog.tags.threshold` says what it means.
DEFAULT_MIN_CONFIDENCE = 0.1


def _default_database_url() -> str:
    return f"sqlite:///{Path(platformdirs.user_data_dir('kadr')) / 'kadr.db'}"


class CatalogSettings(BaseSettings):
    """What reading the catalogue needs; `worker.settings` adds what tagging needs."""

    model_config = SettingsConfigDict(
        env_prefix="KADR_", env_file=".env", env_ignore_empty=True, extra="ignore"
    )

    #: KADR_DATABASE_URL: sqlite:////path/to/kadr.db or postgresql://user:password@host/name
    database_url: str = Field(default_factory=_default_database_url)

    #: KADR_MIN_CONFIDENCE: how sure a model's keyword must be to count; changing it costs nothing.
    min_confidence: float = Field(default=DEFAULT_MIN_CONFIDENCE, ge=0.0, le=1.0)

    #: KADR_READ_ANCESTORS: of a file's `animals|dog`, "animals" is a keyword of the photo as well.
    read_ancestors: bool = False

    #: KADR_REMOVED_ELSEWHERE: what it means that another program took Kadr's word out of a sidecar.
    removed_elsewhere: Literal["withdraw", "reject"] = "withdraw"

    #: KADR_CACHE_DIR: what can be made again: the file of all vectors, digests, word vectors.
    cache_dir: Path = Field(default_factory=lambda: Path(platformdirs.user_cache_dir("kadr")))

    #: KADR_THUMBS_GB: how much of the disk small pictures may take; the oldest used go first.
    thumbs_gb: float = Field(default=20.0, gt=0)

    #: KADR_SIDECARS: what is written into sidecars: `off`, `confirmed`, or also what models say
    #: from a confidence such as `0.7` on. `catalog.photos.sidecar_policy` reads it.
    sidecars: str = "off"

    @property
    def data_dir(self) -> Path:
        """Return the folder of an SQLite catalogue, or else the user's own for Kadr's data."""
        _, is_sqlite, file = self.database_url.partition("sqlite:///")
        return Path(file).parent if is_sqlite and file else Path(platformdirs.user_data_dir("kadr"))


def load() -> CatalogSettings:
    """Read the settings, or return those that were read if nothing has changed since.

    Raises:
        SettingsError: a variable has a value that makes no sense; the message names it.
    """
    try:
        stat = Path(".env").stat()
        file = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
    except OSError:
        file = None
    return _load(file, frozenset(os.environ.items()))


@lru_cache(maxsize=1)
def _load(*_: object) -> CatalogSettings:
    """Read the settings, which takes some milliseconds; each search asks for the threshold."""
    try:
        return CatalogSettings()
    except ValidationError as error:
        raise SettingsError(explain(error)) from error


def explain(error: ValidationError) -> str:
    """Name the variable that is wrong, and what to do."""
    first = error.errors()[0]
    name = "KADR_" + "_".join(str(part) for part in first["loc"]).upper()
    return f"{name}={first.get('input')!r}: {first['msg'].lower()}; change or unset it"
