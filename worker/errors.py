"""The errors of this package, one class for each thing that a caller can do about it.

Every message is one sentence: the subject, the fact, and the next step.
"""


class WorkerError(Exception):
    """The root of everything this package raises on purpose."""


class PhotoError(WorkerError):
    """One photo cannot be read; it costs that photo, and the message is its quarantine reason."""


class PhotoStalledError(PhotoError):
    """One photo could not be read now, through no fault of its own: try it again later.

    `is_to_blame` is set where its decoder hung without computing and without waiting for a disk:
    such a photo may be refused after some times.
    """

    def __init__(self, message: str, *, is_to_blame: bool) -> None:
        super().__init__(message)
        self.is_to_blame = is_to_blame


class DecodingError(WorkerError):
    """No process that decodes photos can be started."""


class MetadataError(WorkerError):
    """An XMP document is refused: it is read as empty, and never written."""


class SidecarError(WorkerError):
    """One sidecar cannot be written; it costs that sidecar, and nothing on disk was changed."""

    def __init__(self, message: str, *, is_retried: bool = False) -> None:
        super().__init__(message)
        #: It may work later without anybody's doing: a disk may have space again.
        self.is_retried = is_retried


class ModelError(WorkerError):
    """The model cannot be found, downloaded, loaded, or does not fit the catalogue."""


class VocabularyError(WorkerError):
    """A vocabulary file or a prompt template cannot be read or makes no sense."""


class BrokerError(WorkerError):
    """The message broker cannot be reached; rows are safe, and the sweep rings for them later."""


class RootError(WorkerError):
    """A folder to watch does not exist, is not a folder, or cannot be read."""


class EvaluationError(WorkerError):
    """Labels or photos to evaluate or compare with cannot be read, or do not fit together."""


class TrainingError(WorkerError):
    """Training data or a folder to measure cannot be read, or do not fit together."""
