"""Metrics for Prometheus at `/metrics`: of the fleet from rows, of this process from requests.

Numbers from rows are read when they are asked for, so one target is enough for any number of
workers. Only somebody with the scope `admin`, or with KADR_METRICS_TOKEN, may read them.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version

from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catalog.db.database import Database
from catalog.db.tables import SidecarState
from catalog.db.web_tables import Scope as Right
from catalog.db.web_tables import WorkerSeen
from catalog.photos import history, status, workers
from catalog.photos.history import EventKind
from catalog.photos.status import Counts
from catalog.photos.tail import Tail
from catalog.web import context, problems
from catalog.web.live import Live

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_EVENTS = 10_000
_LANDED = (1, 2, 3, 5, 10, 30, 60, 300, 1800, 7200, 86400)

router = APIRouter(include_in_schema=False)


class Metrics:
    """The metrics of one web process."""

    def __init__(self, database: Database, live: Live) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "kadr_http_request_seconds",
            "How long requests took, by route and status.",
            ["route", "code"],
            registry=self.registry,
            buckets=(0.005, 0.015, 0.03, 0.06, 0.12, 0.3, 0.5, 1, 3, 10),
        )
        self.thumbs = Histogram(
            "kadr_thumb_seconds",
            "How long small pictures took, from the cache or made.",
            ["from"],
            registry=self.registry,
            buckets=(0.002, 0.005, 0.015, 0.05, 0.15, 0.3, 0.5, 1, 3, 10),
        )
        self.landed = Histogram(
            "kadr_landed_to_tagged_seconds",
            "From the first sight of a photo until its keywords were rows.",
            registry=self.registry,
            buckets=_LANDED,
        )
        build = Gauge("kadr_build_info", "1; the version.", ["version"], registry=self.registry)
        build.labels(version("kadr")).set(1)
        Gauge(
            "kadr_sse_clients", "Browsers that listen for live events.", registry=self.registry
        ).set_function(lambda: live.clients)
        self.registry.register(_Rows(database, self))


class _Rows(Collector):
    """Reads what rows say, at each scrape."""

    def __init__(self, database: Database, metrics: Metrics) -> None:
        self._database = database
        self._metrics = metrics
        self._tail: Tail | None = None
        #: Photos tagged and quarantined: those there were at first, and every event since.
        self._totals = {EventKind.TAGGED: 0, EventKind.QUARANTINED: 0}

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the database is not asked before the first scrape."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of the whole catalogue."""
        now = datetime.now(UTC)
        with self._database.read() as session:
            counts = status.count_progress(session)
            due = status.count_due(session, now)
            sidecars = dict.fromkeys(map(str, SidecarState), 0) | status.count_sidecars(session)
            found = workers.find(session, now)
            self._follow(session, counts)
        yield _by_label("kadr_photos", "Photos by state.", "state", _states(counts))
        yield GaugeMetricFamily("kadr_photos_due", "Pending photos whose time has come.", value=due)
        yield GaugeMetricFamily("kadr_leases", "Photos held by workers.", value=counts.leased)
        tagged, failed = self._totals[EventKind.TAGGED], self._totals[EventKind.QUARANTINED]
        yield CounterMetricFamily("kadr_photos_tagged", "Photos tagged.", value=tagged)
        yield CounterMetricFamily("kadr_quarantined", "Photos quarantined.", value=failed)
        yield _by_label("kadr_sidecars", "Sidecars by state.", "state", sidecars)
        yield from _of_workers(found, now)

    def _follow(self, session: Session, counts: Counts) -> None:
        """Count the events since the last scrape."""
        if self._tail is None:
            self._tail = Tail(history.last_event_id(session))
            self._totals[EventKind.TAGGED] = counts.tagged
            self._totals[EventKind.QUARANTINED] = counts.quarantined
        while events := self._tail.read(session, limit=_EVENTS):
            tagged = [event for event in events if event.kind == EventKind.TAGGED]
            failed = sum(event.kind == EventKind.QUARANTINED for event in events)
            self._totals[EventKind.TAGGED] += len(tagged)
            self._totals[EventKind.QUARANTINED] += failed
            added = status.find_added(session, [event.photo_id for event in tagged])
            for event in tagged:
                if event.photo_id in added:
                    took = event.at - added[event.photo_id]
                    self._metrics.landed.observe(max(0.0, took.total_seconds()))


def _states(counts: Counts) -> dict[str, int]:
    names = ("pending", "leased", "tagged", "quarantined", "missing")
    return {name: getattr(counts, name) for name in names}


def _by_label(name: str, text: str, label: str, values: Mapping[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _of_workers(found: Iterable[WorkerSeen], now: datetime) -> Iterator[Metric]:
    seen = GaugeMetricFamily(
        "kadr_worker_last_seen_seconds", "Since a worker reported itself.", labels=["worker"]
    )
    stages = SummaryMetricFamily(
        "kadr_stage_seconds", "How long the stages of tagging took.", labels=["worker", "stage"]
    )
    for worker in found:
        seen.add_metric([worker.name], (now - worker.seen_at).total_seconds())
        for name, stage in worker.stages.items():
            stages.add_metric([worker.name, name], stage["count"], stage["seconds"])
    yield seen
    yield stages


class Timing:
    """An ASGI middleware that notes how long each request took, by its route and status."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()

        async def send_timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = scope.get("fastapi", {}).get("effective_route_context")
                route = getattr(found or scope.get("route"), "path", "other")
                took = time.perf_counter() - begun
                self._metrics.requests.labels(route, str(message["status"])).observe(took)
            await send(message)

        await self._app(scope, receive, send_timed)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Return the metrics as text."""
    web = context.of(request)
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    is_scraper = kind.lower() == "bearer" and web.door.is_metrics_token(value.strip())
    viewer = context.viewer_of(request)
    if not is_scraper and viewer is None:
        return problems.answer(401, "send KADR_METRICS_TOKEN as a bearer token")
    if not is_scraper and viewer is not None and not viewer.may(Right.ADMIN):
        return problems.answer(403, "metrics need the scope admin, or KADR_METRICS_TOKEN")
    content = await run_in_threadpool(generate_latest, web.metrics.registry)
    return Response(content, media_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})
