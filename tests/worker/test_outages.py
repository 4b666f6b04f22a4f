"""A server that is away is waited for, and said so once."""

import pytest
from structlog.testing import capture_logs

from worker import outages


def test_a_server_that_is_away_is_waited_for_with_growing_pauses_and_two_lines() -> None:
    failures = iter([OSError("refused")] * 8)
    pauses: list[float] = []

    def reach() -> str:
        for error in failures:
            raise error
        return "there"

    with capture_logs() as logs:
        assert outages.wait_for("archive", reach, OSError, pause=pauses.append) == "there"

    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    assert [line["event"] for line in logs] == ["archive_away", "archive_back"]
    assert logs[0]["reason"] == "refused"


def test_another_error_is_no_reason_to_wait() -> None:
    def reach() -> None:
        raise ValueError("wrong password")

    with pytest.raises(ValueError, match="wrong password"):
        outages.wait_for("database", reach, OSError, pause=pytest.fail)


def test_what_several_threads_miss_is_said_once() -> None:
    with capture_logs() as logs:
        for _ in range(3):
            outages.note("database", "gone\n  away")
        for _ in range(3):
            outages.clear("database")

    assert [line["event"] for line in logs] == ["database_away", "database_back"]
    assert logs[0]["reason"] == "gone away"


def test_what_some_can_use_is_back_when_all_can() -> None:
    with capture_logs() as logs:
        outages.clear("database", who="reader")
        for _ in range(3):
            outages.note("database", "the disk is full", who="writer")
            outages.clear("database", who="reader")
        outages.clear("database", who="writer")

    assert [line["event"] for line in logs] == ["database_away", "database_back"]
