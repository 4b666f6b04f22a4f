"""Runs jobs one after another in a thread of the web process.

Any process of a catalogue may run any job; one that dies is taken over after a minute.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import structlog
from sqlalchemy.orm import Session

from catalog.db.database import Database
from catalog.errors import CatalogError, DatabaseUnavailableError
from catalog.requests import jobs
from catalog.requests.jobs import Claimed
from catalog.tags import decisions
from catalog.web import deciding
from catalog.web.services import Services

_log = structlog.get_logger()

UNDO, GROUPS, SCAN = "undo", "groups", "scan"
#: How often waiting or abandoned jobs of other processes are looked for.
_LOOK_EVERY_S = 15.0
_REPORT_EVERY_S = 15.0


@dataclass(frozen=True, slots=True)
class _Work:
    """What the kinds of jobs need."""

    database: Database
    services: Services

    def run(self, job: Claimed) -> Mapping[str, Any]:
        """Carry a job out and return its result."""
        kinds: dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
            deciding.JOB: self._decide,
            UNDO: self._undo,
            GROUPS: self._make_groups,
            SCAN: self._scan,
        }
        return kinds[job.kind](job.asked)

    def _decide(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        with self.database.write() as session:
            look_up = self.services.look_up
            return deciding.run_job(session, asked, now=datetime.now(UTC), look_up=look_up)

    def _undo(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        with self.database.write() as session:
            done = decisions.undo(session, now=datetime.now(UTC), change_id=asked["change"])
        return {"change_id": done.change_id, "changed": done.changed, "photos": done.photos}

    def _make_groups(self, _: Mapping[str, Any]) -> Mapping[str, Any]:
        from catalog.groups import kinds  # noqa: PLC0415 - brings SciPy, for this job alone

        with self.database.read() as session:
            made = kinds.open_groups(session, refresh=True)
        return {"groups": len(made.groups)}

    def _scan(self, _: Mapping[str, Any]) -> Mapping[str, Any]:
        scan = self.services.scan
        return {"photos": 0 if scan is None else scan()}


class Jobs:
    """A thread that runs jobs; a context manager. `wake` has it look at once."""

    def __init__(self, database: Database, services: Services) -> None:
        self._database = database
        self._work = _Work(database, services)
        self._kinds = [deciding.JOB, UNDO, GROUPS] + ([SCAN] if services.scan else [])
        self._awake = threading.Event()
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        self._awake.set()
        self._thread.join()

    def wake(self) -> None:
        """Look for jobs now."""
        self._awake.set()

    def run_waiting(self) -> int:
        """Run the jobs that wait, one after another; return how many."""
        done = 0
        while not self._is_over and (job := self._claim()) is not None:
            self._run_one(job)
            done += 1
        return done

    def _run(self) -> None:
        while not self._is_over:
            try:
                self.run_waiting()
            except DatabaseUnavailableError as error:
                _log.warning("jobs_stopped", reason=str(error), next="tried again")
            self._awake.wait(_LOOK_EVERY_S)
            self._awake.clear()

    def _claim(self) -> Claimed | None:
        with self._database.write() as session:
            return jobs.claim(session, self._kinds, now=datetime.now(UTC))

    def _run_one(self, job: Claimed) -> None:
        over = threading.Event()
        reporter = threading.Thread(target=self._report, args=(job.id, over), daemon=True)
        reporter.start()
        try:
            result = self._work.run(job)
        except CatalogError as error:
            failure = str(error)
            self._note(lambda session, now: jobs.fail(session, job.id, failure, now=now))
        except Exception as error:  # noqa: BLE001 - one job must not end the others
            _log.exception("job_failed", job=job.id, kind=job.kind)
            failure = f"Kadr made a mistake ({type(error).__name__}); its log says more"
            self._note(lambda session, now: jobs.fail(session, job.id, failure, now=now))
        else:
            self._note(lambda session, now: jobs.finish(session, job.id, result, now=now))
        finally:
            over.set()
            reporter.join()

    def _report(self, job_id: str, over: threading.Event) -> None:
        while not over.wait(_REPORT_EVERY_S):
            try:
                self._note(lambda session, now: jobs.keep_alive(session, job_id, now=now))
            except DatabaseUnavailableError as error:  # the job itself may hold the lock
                _log.info("job_not_reported", job=job_id, reason=str(error))

    def _note(self, note: Callable[[Session, datetime], None]) -> None:
        with self._database.write() as session:
            note(session, datetime.now(UTC))
