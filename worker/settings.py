"""Reads the settings from KADR_... variables or a `.env` file, once per process."""

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator

from catalog.errors import SettingsError
from catalog.settings import CatalogSettings, explain


class Settings(CatalogSettings):
    """Settings of the watching process and of the workers, in addition to the catalogue's."""

    #: Celery's broker: `memory://...` is one process with its worker inside, `redis://...` a fleet.
    broker_url: str = "memory://localhost/"

    #: Model, vocabulary and preset for a new catalogue; a catalogue remembers what it was begun
    #: with. None: the best that this machine can have (see `worker.tagging.choice`).
    model: str | None = None
    vocabulary: str | None = None
    preset: str | None = None
    #: Prompt templates with {word}, or names of sets of them; None: those the model was made for.
    prompts: list[str] | None = None
    #: Maximum number of keywords per photo.
    top_k: int = Field(10, ge=1, le=1000)
    #: `auto`, `cuda`, `cuda:1`, `mps`, `cpu`; and `auto`, `float32`, `float16`, `bfloat16`.
    device: str = "auto"
    precision: str = "auto"

    #: Photos that are decoded, encoded and recorded together.
    batch_size: int = Field(32, ge=1, le=1024)
    #: Processes that decode, each one photo at a time.
    decode_threads: int = Field(4, ge=1, le=64)
    #: Seconds after which a photo that is still being decoded is quarantined.
    decode_seconds: float = Field(30.0, gt=0)
    #: Bytes of memory that all decoding may take together; None: a part of the machine's.
    decode_memory: int | None = Field(None, ge=64 * 1024 * 1024)
    #: Photos of one message; a worker claims them batch by batch.
    ring_size: int = Field(256, ge=1, le=10_000)
    #: A worker that does not renew its lease for so long loses its photos to another one.
    lease_s: float = Field(60.0, ge=5.0)
    #: How often expired leases and lost messages are looked for.
    sweep_s: float = Field(10.0, ge=0.1)

    #: A file is registered when its size and mtime have not changed for so long.
    settle_s: float = Field(2.0, ge=0.0)
    #: How often every root is compared with the catalogue, events or not.
    reconcile_s: float = Field(900.0, ge=1.0)
    #: How often a polled root (network file systems) is scanned.
    poll_s: float = Field(30.0, ge=0.5)

    #: Patterns in git's syntax, relative to each root and separated by `;`: what matches is left
    #: out.
    exclude: str = ""
    #: `tag`: JPEG files that lost rows of pixels are tagged by what is left, and marked.
    truncated: Literal["quarantine", "tag"] = "quarantine"

    #: When small pictures for the gallery are made: `tagging`, from the photo that is decoded
    #: anyway, or only on `demand`. `auto`: while tagging where one process does all; workers of a
    #: fleet have cache folders of their own, which the gallery does not see.
    thumbs: Literal["auto", "tagging", "demand"] = "auto"

    #: A photo above these is quarantined with a reason, not decoded.
    max_pixels: int = Field(200_000_000, ge=1)
    max_bytes: int = Field(512 * 1024 * 1024, ge=1)

    #: Names of new sidecars: `IMG.jpg.xmp`, or with `adobe` `IMG.xmp` for RAW files.
    sidecar_names: Literal["auto", "adobe"] = "auto"
    #: Where sidecars are written instead of beside the photos, for photos on read-only disks.
    sidecar_dir: Path | None = None
    #: A name that all hierarchical keywords begin with that Kadr writes.
    sidecar_root: str | None = None
    #: Broader words are written as keywords of their own as well, as Lightroom does.
    sidecar_broader: bool = False

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    #: `console` for people, `json` for log collectors.
    log_format: Literal["console", "json"] = "console"

    @field_validator("sidecar_dir")
    @classmethod
    def _absolute(cls, folder: Path | None) -> Path | None:
        return None if folder is None else folder.expanduser().absolute()

    @property
    def exclude_patterns(self) -> tuple[str, ...]:
        """Return the patterns of KADR_EXCLUDE, each by itself."""
        return tuple(part.strip() for part in self.exclude.split(";") if part.strip())

    @property
    def is_embedded(self) -> bool:
        """Return whether watcher and worker share this process."""
        return self.broker_url.startswith("memory:")

    @property
    def makes_thumbs(self) -> bool:
        """Return whether tagging makes small pictures for the gallery."""
        return self.thumbs == "tagging" or (self.thumbs == "auto" and self.is_embedded)


def load(**overrides: object) -> Settings:
    """Read the settings; `overrides` that are None are left to the environment.

    Raises:
        SettingsError: A variable has an invalid value; the message names it.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise SettingsError(explain(error)) from error
