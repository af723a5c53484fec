"""A scripted server, answers as it would give them, and a clock that nobody waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx2
from pydantic import BaseModel

from lowloss import Client
from lowloss.client.retries import Clock
from lowloss.errors import NotReady, Problem
from lowloss.results import (
    Best,
    Dataset,
    Job,
    JobKind,
    JobState,
    Links,
    Outcome,
    Page,
    Predictions,
    Progress,
    Requested,
    TableFormat,
    Trial,
    TrialState,
)
from lowloss.spec import DiagnosisSpec, JobSpec, Task
from tests.builders.diagnoses import a_recipe
from tests.builders.store import some_hyperparameters

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
URL = "http://lowloss.test"

Answer = httpx2.Response | Exception | Callable[[httpx2.Request], httpx2.Response]


class Server:
    """Gives its answers in order, and keeps what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []
        self.bodies: list[bytes] = []
        self.slept: list[float] = []

    def client(self, *, token: str | None = None) -> Client:
        """A client of this server, whose waits take no time."""
        clock = Clock(now=lambda: sum(self.slept), sleep=self.slept.append, random=lambda: 1.0)
        return Client(URL, token, transport=httpx2.MockTransport(self._answer), clock=clock)

    def pass_time(self, seconds: float) -> None:
        """Let the clock go on."""
        self.slept.append(seconds)

    @property
    def asked(self) -> list[tuple[str, str]]:
        """The method and the address of each request."""
        return [(request.method, request.url.raw_path.decode("ascii")) for request in self.requests]

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        self.bodies.append(request.read())
        assert self.answers, f"nothing is left to answer {request.method} {request.url}"
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer


def a_json(found: BaseModel, status: int = 200) -> httpx2.Response:
    """An answer of JSON."""
    return httpx2.Response(status, json=found.model_dump(mode="json"))


def a_page(*items: BaseModel, following: str | None = None) -> httpx2.Response:
    """A page of a list."""
    return a_json(Page[Any](items=items, next=following))


def a_busy_answer(**headers: str) -> httpx2.Response:
    """A 503 of ours."""
    return httpx2.Response(503, json=NotReady("not now").to_document(), headers=headers)


def a_refusal(problem: Problem) -> httpx2.Response:
    """The answer that a problem is rendered as."""
    return httpx2.Response(problem.status, json=problem.to_document())


def a_stream(*pieces: bytes | Exception, **headers: str) -> httpx2.Response:
    """An answer that arrives in pieces, and breaks where one is an error."""

    def parts() -> Iterator[bytes]:
        for piece in pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    status = 206 if "content_range" in headers else 200
    return httpx2.Response(
        status, headers={k.replace("_", "-"): v for k, v in headers.items()}, content=parts()
    )


def a_dataset(**given: Any) -> Dataset:
    """A dataset of two columns, without its profile."""
    values: dict[str, Any] = {
        "id": "ds_1",
        "name": "houses.csv",
        "sha256": "0" * 64,
        "format": TableFormat.csv,
        "size_bytes": 10,
        "rows": 1_000,
        "columns": 2,
        "created_at": NOON,
    }
    return Dataset(**values | given)


def a_job(state: JobState = JobState.running, **given: Any) -> Job:
    """A job with a best trial."""
    values: dict[str, Any] = {
        "id": "job_1",
        "name": "prices",
        "state": state,
        "reason": None,
        "requested": Requested.none,
        "dataset": "ds_1",
        "task": Task.regression,
        "spec": JobSpec(dataset="ds_1", target="y"),
        "attempt": 1,
        "failures": 0,
        "errors": (),
        "created_at": NOON,
        "started_at": NOON,
        "finished_at": NOON if state.is_finished else None,
        "progress": Progress(
            trials=50,
            trials_done=7,
            trials_running=1,
            trials_failed=2,
            epochs=90,
            seconds=61.0,
            seconds_left=125.0,
        ),
        "best": Best(
            trial=3, hyperparameters=some_hyperparameters(), score=0.31, metrics={"rmse": 54.0}
        ),
        "outcome": Outcome(),
        "links": Links(
            self="/v1/jobs/job_1",
            trials="/v1/jobs/job_1/trials",
            events="/v1/jobs/job_1/events",
            artifacts="/v1/jobs/job_1/artifacts",
            best_model="/v1/jobs/job_1/best-model",
            diagnosis="/v1/jobs/job_1/diagnosis",
        ),
    }
    return Job(**values | given)


def a_trial(**given: Any) -> Trial:
    """A trial that diverged."""
    values: dict[str, Any] = {
        "number": 4,
        "state": TrialState.diverged,
        "reason": "loss_not_finite",
        "seed": 1,
        "hyperparameters": some_hyperparameters(),
        "score": None,
        "metrics": {},
        "epochs": 12,
        "best_epoch": None,
        "seconds": 1.5,
        "attempt": 1,
        "started_at": NOON,
        "finished_at": NOON,
    }
    return Trial(**values | given)


def a_diagnosis_job(state: JobState = JobState.running, **given: Any) -> Job:
    """A diagnosis that has run for 20 of its 60 seconds."""
    progress = Progress(
        trials=0,
        trials_done=0,
        trials_running=0,
        trials_failed=0,
        epochs=0,
        seconds=20.0,
        seconds_left=40.0,
    )
    values: dict[str, Any] = {
        "kind": JobKind.diagnosis,
        "spec": DiagnosisSpec(dataset="ds_1", target="y", recipe=a_recipe()),
        "progress": progress,
        "best": None,
    }
    return a_job(state, **values | given)


def some_predictions(*values: float | str | None, **given: Any) -> Predictions:
    """What a regression answers."""
    fixed: dict[str, Any] = {
        "job": "job_1",
        "model_sha256": "0" * 64,
        "task": Task.regression,
        "target": "y",
        "predictions": values,
        "labels": (),
        "probabilities": None,
        "ignored": (),
    }
    return Predictions(**fixed | given)
