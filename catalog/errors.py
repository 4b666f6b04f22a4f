"""Errors of the catalogue, subclassed by what the caller does about them."""


class CatalogError(Exception):
    """Root of every error that `catalog` raises; its text is one sentence with a next step."""


class DatabaseUnavailableError(CatalogError):
    """The database cannot be reached, read or written; nothing was changed."""


class SchemaVersionError(CatalogError):
    """The database is older or newer than this program."""


class ModelMismatchError(CatalogError):
    """Vectors of two models were about to be mixed."""


class NotFoundError(CatalogError):
    """No photo, tag or root of that name is in the catalogue."""


class QueryError(CatalogError):
    """A query text is wrong; `position` is where, counted from 0, if known."""

    def __init__(self, message: str, *, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position
        #: Set by `catalog.language.parser.parse`.
        self.query = ""


class DecisionFileError(CatalogError):
    """A file of decisions has a line that makes no sense; nothing was taken over."""


class KeywordError(CatalogError):
    """A word cannot be a keyword; nothing was changed."""


class SettingsError(CatalogError):
    """A variable or an option has a value that makes no sense."""


class OptionError(CatalogError):
    """Options of a command contradict each other."""


class UnsupportedError(CatalogError):
    """The catalogue's database cannot do what was asked; another kind of database can."""


class OutputError(CatalogError):
    """A file that a command was asked for cannot be written."""


class BackupError(CatalogError):
    """A backup cannot be made, is damaged or cannot be restored; the catalogue was not changed."""


class MissingExtraError(CatalogError):
    """A package is not installed that only an extra of Kadr brings; the message names the extra."""
