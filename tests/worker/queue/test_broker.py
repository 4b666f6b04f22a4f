"""What the broker says of its queue, and a broker that was emptied."""

import pytest
import redis
from kombu import Connection

from worker.celery import QUEUE, app
from worker.queue import broker


@pytest.fixture
def server(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> redis.Redis:
    monkeypatch.setattr(app, "connection_for_write", lambda: Connection(redis_url))
    server = redis.Redis(unix_socket_path=redis_url.removeprefix("redis+socket://"))
    server.flushall()
    return server


def test_an_emptied_broker_takes_messages_again_once_it_was_asked(
    server: redis.Redis, redis_url: str
) -> None:
    assert broker.is_queue_empty()
    server.flushall()

    assert broker.is_queue_empty()
    with Connection(redis_url) as connection:
        app.send_task("kadr.tag_photos", args=[[1]], connection=connection)
    assert server.llen(QUEUE) == 1
    assert not broker.is_queue_empty()


def test_a_broker_that_is_away_is_not_called_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = "redis+socket:///nowhere/redis.sock"
    options = {"max_retries": 0}
    monkeypatch.setattr(
        app, "connection_for_write", lambda: Connection(nowhere, transport_options=options)
    )

    assert not broker.is_queue_empty()


def test_a_broker_that_is_full_is_not_called_empty(server: redis.Redis) -> None:
    server.config_set("maxmemory", "1")
    try:
        assert not broker.is_queue_empty()
    finally:
        server.config_set("maxmemory", "0")
