"""Redis as kombu speaks it, but messages that nobody of ours sent are put away instead of obeyed.

A Redis that refuses what it is asked is waited for as one that is away.
Celery ends a worker that meets a message it cannot read, and the message then ends the next one.
`worker.celery` names this transport for `redis://`; only plain messages of Kadr's own tasks pass.
"""

import base64
import binascii
import json
from typing import Any

import structlog
from kombu.transport import redis
from redis.exceptions import RedisError, ResponseError

from worker import outages
from worker.celery import QUEUE

_log = structlog.get_logger()

#: Where refused messages are kept for a look, and how many.
REFUSED_KEY, _KEPT = "kadr.refused", 100
#: A message of `ring_size` ids has some 100 KB.
_MAX_BODY_BYTES = 1024 * 1024
_MAX_IDS = 100_000
#: The arguments of each task: whether it takes a list of photo ids.
_TASKS = {"kadr.tag_photos": True, "kadr.tag_backfill": True, "kadr.sweep": False}


class Channel(redis.Channel):
    """Reads messages; what is no JSON is put away."""

    def _brpop_read(self, **options: object) -> bool:
        try:
            return bool(super()._brpop_read(**options))  # type: ignore[no-untyped-call]
        except (ValueError, RecursionError) as error:
            _log.warning("message_refused", reason=f"not JSON ({type(error).__name__})")
            return True

    def has_first(self, queue: str) -> bool:
        """Return whether a message of the first priority waits."""
        with self.conn_or_acquire() as client:
            return bool(client.llen(queue))

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:  # noqa: FBT001, FBT002 - kombu's
        """Acknowledge a message; one that Redis keeps comes again later, and does nothing.

        Celery only logs that it could not, and after some such messages takes no more.
        """
        try:
            super().basic_ack(delivery_tag, multiple)  # type: ignore[no-untyped-call]
        except (RedisError, OSError) as error:
            outages.note(outages.BROKER, str(error))
            self.qos._quick_ack(delivery_tag)  # noqa: SLF001 - what the channel has in hand


class Transport(redis.Transport):
    """Delivers messages that Kadr sent, and puts away all others."""

    Channel = Channel

    #: A Redis that is full, read-only or cannot save answers, but refuses; a worker waits for it as
    #: for one that is away, instead of ending.
    connection_errors = (*redis.Transport.connection_errors, ResponseError)

    def _deliver(self, message: object, queue: str) -> None:
        reason = why_refused(message) if queue == QUEUE else None  # others are Celery's own
        if reason is None:
            super()._deliver(message, queue)  # type: ignore[no-untyped-call]
            return
        _log.warning("message_refused", reason=reason, kept_in=REFUSED_KEY)
        channel = self.channels[0]
        with channel.conn_or_acquire() as client:
            client.lpush(REFUSED_KEY, json.dumps(message)[:_MAX_BODY_BYTES])
            client.ltrim(REFUSED_KEY, 0, _KEPT - 1)


def why_refused(message: object) -> str | None:
    """Return why a message on the queue is none of Kadr's, or None if it is one."""
    if not isinstance(message, dict):
        return "not an object"
    properties, headers = message.get("properties"), message.get("headers")
    if not isinstance(properties, dict) or not isinstance(headers, dict):
        return "no properties or no headers"
    tag, encoding = properties.get("delivery_tag"), properties.get("body_encoding")
    has_address = isinstance(properties.get("delivery_info"), dict) and isinstance(tag, str)
    if not has_address or not isinstance(encoding, str):
        return "no delivery information"
    is_plain = message.get("content-type") == "application/json" and not headers.get("compression")
    if not is_plain or message.get("content-encoding") != "utf-8":
        return "not plain JSON"
    if any(headers.get(name) for name in ("eta", "expires")):
        return "it has a time"
    return _why_body_refused(message.get("body"), encoding, headers)


def _why_body_refused(body: object, encoding: str, headers: dict[str, Any]) -> str | None:
    if not isinstance(body, str) or len(body) > 2 * _MAX_BODY_BYTES:
        return "no body, or a huge one"
    task = headers.get("task")
    if not isinstance(task, str) or task not in _TASKS or not isinstance(headers.get("id"), str):
        return f"no task of Kadr's: {str(task)[:60]}"
    try:
        text = base64.b64decode(body, validate=True).decode() if encoding == "base64" else body
        arguments, options, _ = json.loads(text)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        return "a body that is not three JSON values"
    if options or not isinstance(arguments, list):
        return "arguments by name"
    if not _TASKS[task]:
        return "arguments that the task does not take" if arguments else None
    return None if _are_ids(arguments) else "arguments that are no list of photo ids"


def _are_ids(arguments: list[Any]) -> bool:
    if len(arguments) != 1 or not isinstance(arguments[0], list):
        return False
    ids = arguments[0]
    if len(ids) > _MAX_IDS:
        return False
    return all(type(each) is int and 0 < each < 2**63 for each in ids)
