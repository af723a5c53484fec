"""Metrics for Prometheus: jobs by state, requests and their seconds by route."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.store.database import Database
from service.store.jobs import count_jobs


class JobsByState(Collector):
    """Counts the jobs on request, so that all servers of a database report the same."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the number of jobs in each state."""
        with self.database.reading() as session:
            counts = count_jobs(session)
        family = GaugeMetricFamily("lowloss_jobs", "Jobs in a state.", labels=["state"])
        for state, count in counts.items():
            family.add_metric([state], count)
        yield family


class Metrics:
    """The metrics of one server."""

    def __init__(self, database: Database) -> None:
        # Its own registry: two servers in one process would share the library's.
        self.registry = CollectorRegistry()
        self.registry.register(JobsByState(database))
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
