"""Upgrades and downgrades the tables with Alembic, which is imported only here.

`catalog.db.database` calls it when a catalogue is opened; tests go back and forth.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, text

if TYPE_CHECKING:
    from alembic.config import Config

#: Arbitrary, but the same in every Kadr: programs that start together upgrade one after another.
_ADVISORY_LOCK = 0x6B616472


def known_revisions() -> set[str]:
    """Return the revisions that this program's `migrations/` holds."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - slow, and few commands migrate

    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Create or upgrade the tables, after any other program that is doing so at this moment."""
    from alembic import command  # noqa: PLC0415 - slow, and few commands migrate

    config = _config()
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Downgrade the tables to an older revision; `base` removes them."""
    from alembic import command  # noqa: PLC0415 - slow, and few commands migrate

    config = _config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def _config() -> "Config":
    from alembic.config import Config  # noqa: PLC0415 - slow, and few commands migrate

    import migrations  # noqa: PLC0415 - only for its folder

    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    return config
