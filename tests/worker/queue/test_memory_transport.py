"""A worker inside this process looks often whether it is to stop."""

import socket

import pytest
from kombu.transport import memory

from worker.celery import app
from worker.queue import memory_transport


def test_an_idle_worker_waits_for_a_message_only_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def wait(_self: object, _connection: object, timeout: float) -> None:
        waits.append(timeout)
        raise TimeoutError

    monkeypatch.setattr(memory.Transport, "drain_events", wait)
    with app.connection("memory://localhost/") as connection:
        assert isinstance(connection.transport, memory_transport.Transport)
        with pytest.raises(socket.timeout):
            connection.drain_events(timeout=2.0)

    assert waits == [0.1]
