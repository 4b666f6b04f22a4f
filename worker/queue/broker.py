"""Asks whether the broker can be reached, and whether a worker answers; for `worker.cli`."""

from kombu.exceptions import OperationalError

from worker.celery import app
from worker.errors import BrokerError

_ANSWER_TIMEOUT_S = 1.0


def is_anybody_there() -> bool:
    """Return whether a worker of the fleet answers within a second."""
    return bool(app.control.ping(timeout=_ANSWER_TIMEOUT_S))


def shown_broker() -> str:
    """Return the broker's URL without its password."""
    return str(app.connection_for_write().as_uri())


def require_broker() -> None:
    """Check that the broker can be reached.

    Raises:
        BrokerError: It cannot.
    """
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0.2, timeout=5)
    except (OperationalError, OSError) as error:
        raise BrokerError(
            f"{shown_broker()} cannot be reached ({error}); start Redis there, or unset "
            "KADR_BROKER_URL to work in one process"
        ) from error
