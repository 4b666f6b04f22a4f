"""Messages that nobody of Kadr's sent are put away, and the worker goes on."""

import base64
import functools
import json
import zlib
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from kombu import Connection, Consumer, Queue
from structlog.testing import capture_logs

from worker import celery, settings
from worker.celery import QUEUE, app
from worker.queue import broker, tasks, transport
from worker.queue.doorbell import Doorbell


def message(task: str = "kadr.tag_photos", arguments: Any = None, **changes: Any) -> dict[str, Any]:
    body = json.dumps([[[1, 2]] if arguments is None else arguments, {}, {}]).encode()
    properties = {"delivery_tag": "t", "body_encoding": "base64", "delivery_info": {}}
    return {
        "body": base64.b64encode(body).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"task": task, "id": "x"},
        "properties": properties,
    } | changes


DEEP = "[" * 100_000 + "]" * 100_000
HOSTILE = {
    "a number": "42",
    "garbage": "\x00\xff{{{",
    "empty": "",
    "deep JSON": DEEP,
    "a list": "[]",
    "null": "null",
    "no properties": json.dumps(message(properties=None)),
    "no headers": json.dumps(message(headers=None)),
    "not base64": json.dumps(message(body="%%%")),
    "a deep body": json.dumps(message(body=base64.b64encode(DEEP.encode()).decode())),
    "a far eta": json.dumps(
        message(headers={"task": "kadr.sweep", "id": "x", "eta": "9999-01-01T00:00:00"})
    ),
    "a bad eta": json.dumps(message(headers={"task": "kadr.sweep", "id": "x", "eta": "soon"})),
    "a compressed bomb": json.dumps(
        message(
            body=base64.b64encode(zlib.compress(bytes(10_000_000))).decode(),
            headers={"task": "kadr.sweep", "id": "x", "compression": "application/x-gzip"},
        )
    ),
    "another task": json.dumps(message("os.system")),
    "words for ids": json.dumps(message(arguments=[["a"]])),
    "no ids": json.dumps(message(arguments=[])),
    "a pickle": json.dumps(message(**{"content-type": "application/x-python-serialize"})),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_message_of_kadrs_is_put_away_and_the_next_arrives(
    redis_url: str, name: str
) -> None:
    server = redis.Redis(unix_socket_path=redis_url.removeprefix("redis+socket://"))
    server.flushall()
    server.lpush(QUEUE, HOSTILE[name])
    seen: list[Any] = []

    def receive(body: Any, received: Any) -> None:
        seen.append(body)
        received.ack()

    with Connection(redis_url) as connection, capture_logs() as lines:
        app.send_task("kadr.tag_photos", args=[[7]], connection=connection, queue=QUEUE)
        with Consumer(connection, [Queue(QUEUE)], callbacks=[receive], accept=["json"]):
            while not seen:
                connection.drain_events(timeout=10)

    assert seen[0][0] == [[7]]
    assert server.llen(QUEUE) == 0
    assert [line["event"] for line in lines] == ["message_refused"]  # one line, no traceback


@pytest.mark.parametrize(
    "known", [message(), message(arguments=[[]]), message("kadr.sweep", arguments=[])]
)
def test_messages_of_kadr_pass(known: dict[str, Any]) -> None:
    assert transport.why_refused(known) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)


@given(st.data())
def test_any_message_is_read_or_refused_with_a_reason(data: st.DataObject) -> None:
    changed = message()
    for part in data.draw(st.lists(st.sampled_from(["body", "headers", "properties", "all"]))):
        if part == "all":
            changed = data.draw(json_values)  # type: ignore[assignment]
            break
        if isinstance(changed[part], dict) and data.draw(st.booleans()):
            key = data.draw(st.sampled_from([*changed[part], "eta", "compression"]))
            changed[part] = {**changed[part], key: data.draw(json_values)}
        else:
            changed[part] = data.draw(json_values)

    reason = transport.why_refused(changed)

    assert reason is None or reason


def test_a_redis_that_refuses_is_an_outage_and_ends_no_worker() -> None:
    assert issubclass(redis.exceptions.OutOfMemoryError, transport.Transport.connection_errors)
    assert issubclass(redis.exceptions.ReadOnlyError, transport.Transport.connection_errors)


def test_a_worker_takes_the_next_message_though_a_full_redis_keeps_the_last_one(
    redis_url: str,
) -> None:
    server = redis.Redis(unix_socket_path=redis_url.removeprefix("redis+socket://"))
    server.flushall()
    with Connection(redis_url, transport=transport.Transport) as connection:
        channel = connection.channel()
        channel.basic_qos(0, 1, False)
        queue = Queue(QUEUE, channel=channel)
        queue.declare()
        for number in (1, 2):
            app.send_task("kadr.tag_photos", args=[[number]], connection=connection)
        got: list[Any] = []
        with Consumer(channel, [queue], on_message=got.append, accept=["json"]):
            connection.drain_events(timeout=10)
            server.config_set("maxmemory", "1")
            got[0].ack()
            server.config_set("maxmemory", "0")
            connection.drain_events(timeout=10)

    assert len(got) == 2


def test_a_lost_connection_is_an_error_and_not_a_read_without_end(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that was busy while Redis restarted found its listening connection closed.

    The client connected again by itself and waited for a message that nobody had sent.
    """
    server = redis.Redis(unix_socket_path=redis_url.removeprefix("redis+socket://"))
    options = celery._transport_options(settings.load(broker_url=redis_url))
    with Connection(redis_url, transport_options=options) as connection:
        channel = connection.channel()
        listening = channel.subclient
        listening.subscribe("a channel")
        assert listening.parse_response()[0] == b"subscribe"
        read, reads = listening.connection.read_response, []

        def read_once(*arguments: Any, **named: Any) -> Any:
            if named.get("push_request"):  # for what was published, not for an answer
                assert not reads, "it reads again, which has no end"
                reads.append(None)
            return read(*arguments, **named)

        monkeypatch.setattr(listening.connection, "read_response", read_once)
        server.client_kill_filter(_type="pubsub")
        with pytest.raises(redis.ConnectionError):
            channel._receive_one(listening)


@pytest.mark.parametrize("is_in_memory", [False, True], ids=["redis", "memory"])
def test_photos_that_arrive_overtake_those_that_were_there(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, *, is_in_memory: bool
) -> None:
    url = "memory://localhost/" if is_in_memory else request.getfixturevalue("redis_url")
    if not is_in_memory:
        redis.Redis(unix_socket_path=url.removeprefix("redis+socket://")).flushall()
    seen: list[list[int]] = []

    def receive(body: Any, received: Any) -> None:
        seen.append(body[0][0])
        received.ack()

    monkeypatch.setattr(app, "connection_for_write", lambda: Connection(url))
    monkeypatch.setattr(app, "_pool", None)
    with Connection(url) as connection:
        for task in (tasks.tag_photos, tasks.tag_backfill):
            send = functools.partial(task.apply_async, connection=connection)
            monkeypatch.setattr(task, "apply_async", send)
        bell = Doorbell(tasks.tag_photos.delay, 2, tasks.tag_backfill.delay)
        bell.ring_later([])
        assert not broker.has_arrivals()
        bell.ring_later([1, 2, 3])
        assert not broker.has_arrivals()
        bell.ring([4])
        assert broker.has_arrivals()
        with Consumer(connection, [Queue(QUEUE)], callbacks=[receive], accept=["json"]):
            while len(seen) < 3:
                connection.drain_events(timeout=10)

    assert seen == [[4], [1, 2], [3]]
