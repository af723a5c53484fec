"""Metrics for Prometheus: jobs, workers, attempts, phases and room; requests by route."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.resources.resources import Resources
from service.store.schema import AttemptOutcome
from service.store.totals import Total, read_measures


class StoreMetrics(Collector):
    """Counts what is in the database on request, so that all its servers report the same."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources

    def collect(self) -> Iterator[Metric]:
        """Yield jobs, workers, totals and the database's size."""
        with self.resources.database.reading() as session:
            measures = read_measures(session)
        yield _gauge("jobs", "Jobs in a state.", "state", measures.jobs.items())
        yield _gauge(
            "oldest_queued_job_seconds",
            "Longest time that a job has waited for a worker, quotas aside.",
            value=measures.waiting_seconds,
        )
        yield _gauge("workers", "Workers that are alive.", "state", measures.workers.items())
        text = "Processor seconds of a project's jobs in the last 30 days."
        yield _gauge("project_cpu_seconds", text, "project", measures.cpu_seconds.items())
        totals = measures.totals
        # All from the start on: `increase()` does not see the first of what begins at 1.
        none = dict.fromkeys(AttemptOutcome, 0.0)
        ends = none | totals[Total.attempts]
        yield _counter("attempts", "Attempts at jobs by how they ended.", "outcome", ends.items())
        again = none | totals[Total.retries]
        yield _counter(
            "retries", "Jobs queued again by how an attempt ended.", "outcome", again.items()
        )
        seconds = totals[Total.phase_seconds]
        yield _counter("phase_seconds", "Seconds of jobs in a phase.", "phase", seconds.items())
        space = measures.space
        yield _gauge("database_bytes", "Size of the database.", value=space.total_bytes)
        if space.free_bytes is not None:
            text = "Bytes of SQLite's file that no row needs."
            yield _gauge("database_free_bytes", text, value=space.free_bytes)


class ServerMetrics(Collector):
    """Says how this process stands: its parsers, and the disk of its data folder."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources

    def collect(self) -> Iterator[Metric]:
        """Yield the parsers that run and the uploads that wait, and the room on the disk."""
        parsers = self.resources.parsers
        counts = {"running": parsers.busy, "waiting": parsers.waiting}
        yield _gauge(
            "parsers", "Tables that are parsed, or wait for that.", "state", counts.items()
        )
        try:
            free_bytes = shutil.disk_usage(self.resources.settings.data_dir).free
        except OSError:
            # `/readyz` says what is wrong.
            return
        yield _gauge("disk_free_bytes", "Room on the disk of the data folder.", value=free_bytes)


class Metrics:
    """The metrics of one server."""

    def __init__(self, resources: Resources) -> None:
        # Its own registry: two servers in one process would share the library's.
        self.registry = CollectorRegistry()
        self.registry.register(StoreMetrics(resources))
        self.registry.register(ServerMetrics(resources))
        self.requests = Counter(
            "lowloss_http_requests",
            "Requests that were answered.",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "lowloss_http_request_seconds",
            "Seconds until a request was answered in full.",
            ["route", "method", "status"],
            registry=self.registry,
        )


class CountRequests:
    """Counts every request under its route's template: the number of addresses is unbounded."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app and count its response."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started_at = perf_counter()
        status = "none"

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            labels = route, _normalize_method(scope["method"]), status
            self.metrics.requests.labels(*labels).inc()
            self.metrics.seconds.labels(*labels).observe(perf_counter() - started_at)


def _normalize_method(method: str) -> str:
    """Return a known method as it is, others as "other": their number is unbounded."""
    return method if method in {"GET", "HEAD", "POST", "DELETE"} else "other"


def _gauge(
    name: str,
    text: str,
    label: str = "",
    values: Iterable[tuple[str, float]] = (),
    *,
    value: float | None = None,
) -> GaugeMetricFamily:
    """Make a gauge of one value, or of one for each value of a label."""
    family = GaugeMetricFamily(f"lowloss_{name}", text, value, labels=[label] if label else None)
    for key, measured in values:
        family.add_metric([key], measured)
    return family


def _counter(
    name: str, text: str, label: str, values: Iterable[tuple[str, float]]
) -> CounterMetricFamily:
    """Make a counter with a value for each value of a label."""
    family = CounterMetricFamily(f"lowloss_{name}", text, labels=[label])
    for key, measured in values:
        family.add_metric([key], measured)
    return family
