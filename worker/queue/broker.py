"""Asks whether the broker can be reached, and whether a worker answers; for `worker.cli`."""

from kombu.exceptions import OperationalError

from worker import outages
from worker.celery import QUEUE, app
from worker.errors import BrokerError

_ANSWER_TIMEOUT_S = 1.0


def is_anybody_there() -> bool:
    """Return whether a worker of the fleet answers within a second."""
    return bool(app.control.ping(timeout=_ANSWER_TIMEOUT_S))


def shown_broker() -> str:
    """Return the broker's URL without its password."""
    return str(app.connection_for_write().as_uri())


def is_queue_empty() -> bool:
    """Return whether no message waits; False if the broker cannot be asked.

    Declares the queue first: where a broker was emptied, messages to it would be dropped.
    """
    try:
        with app.connection_for_write() as connection:
            channel = connection.default_channel
            queue = app.amqp.queues[QUEUE].bind(channel)
            queue.declare()
            is_empty: bool = queue.queue_declare().message_count == 0
    except Exception as error:  # noqa: BLE001 - the client has many errors while it reconnects
        outages.note(outages.BROKER, str(error))
        return False
    outages.clear(outages.BROKER)
    return is_empty


def has_arrivals() -> bool:
    """Return whether a message of photos that arrived waits; False if that cannot be known."""
    try:
        with app.pool.acquire(block=True) as connection:  # asked after each batch: kept open
            return bool(connection.default_channel.has_first(QUEUE))
    except Exception as error:  # noqa: BLE001 - the client has many errors while it reconnects
        outages.note(outages.BROKER, str(error))
        return False


def wait_for_broker() -> None:
    """Return when the broker can be reached."""
    outages.wait_for(outages.BROKER, require_broker, BrokerError)


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
