"""The client: upload, submit, diagnose, wait, follow, download, predict, each with a timeout."""

from __future__ import annotations

import math
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2
from pydantic import BaseModel

from lowloss.client.administration import Administration
from lowloss.client.batches import Rows, predict_in_batches
from lowloss.client.downloads import save_download
from lowloss.client.follow import read_events
from lowloss.client.frames import is_frame, to_rows
from lowloss.client.parts import predict_file
from lowloss.client.retries import ATTEMPTS, PATIENT_ATTEMPTS, PATIENT_SECONDS, Clock, Retries
from lowloss.client.uploads import (
    PARSE_SECONDS,
    Frame,
    ParseOption,
    Upload,
    format_options,
    send_table,
)
from lowloss.errors import InvalidRequest, ServerUnreachable, WaitTimeout
from lowloss.processes.address import DEFAULT_HOST, DEFAULT_PORT
from lowloss.recipes import ImportedRecipe, is_hdf5, read_recipe
from lowloss.results import (
    Artifact,
    Dataset,
    Diagnosis,
    Event,
    Job,
    JobKind,
    JobSort,
    JobState,
    Predictions,
    ReadRecipe,
    Trial,
)
from lowloss.spec import Continuation, DiagnosisSpec, JobSpec, Recipe
from lowloss.validation import validate

DEFAULT_URL = f"http://{DEFAULT_HOST}:{DEFAULT_PORT}"
TIMEOUT_SECONDS = 30.0
WAIT_SECONDS = 30.0
"""How long the server may delay its response to one long poll."""
READ_BY_SERVER = frozenset({"epochs", "batch_size", "validation_split", "loss", "optimizer"})
"""Fields of a Recipe that the server takes beside a file."""


class Client(Administration):
    """A connection to a lowloss server. Errors are `lowloss.errors.LowlossError`.

    Reads, uploads (which the server names by their content) and submissions (which carry an
    Idempotency-Key) are sent again when the connection fails or the server is busy.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        timeout: float = TIMEOUT_SECONDS,
        transport: httpx2.BaseTransport | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Connect to `url` (or LOWLOSS_URL) with `token` (or LOWLOSS_TOKEN).

        `timeout` is in seconds, for each response.
        """
        self.url = url or os.environ.get("LOWLOSS_URL") or DEFAULT_URL
        token = (token or os.environ.get("LOWLOSS_TOKEN") or "").strip()
        if not (token.isascii() and token.isprintable()):
            raise InvalidRequest("a token has ASCII characters alone", field="token")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            self._http = httpx2.Client(
                base_url=self.url, headers=headers, timeout=timeout, transport=transport
            )
        except httpx2.InvalidURL as error:
            raise ServerUnreachable(f"{self.url!r} is not a URL: {error}") from error
        self._timeout = timeout
        self._clock = clock or Clock()
        self._retries = Retries(self._http, self.url, self._clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # Datasets

    def upload(
        self,
        source: Path | str | bytes | Frame,
        *,
        name: str | None = None,
        format: str | None = None,  # noqa: A002
        **options: ParseOption,
    ) -> Dataset:
        """Upload a table, streamed from its file; the same bytes again return the same dataset.

        A table of pandas, polars or pyarrow is sent as an Arrow stream. Without a `format`, the
        suffix of the file decides, or the server by the content. `options` say how a table of texts
        is parsed (docs/tables.md): `decimal=","`, `skip_rows=3`, `types={"zip": "category"}`, …
        """
        return self.make_upload(source, name=name, format=format, **options).dataset

    def make_upload(
        self,
        source: Path | str | bytes | Frame,
        *,
        name: str | None = None,
        format: str | None = None,  # noqa: A002
        **options: ParseOption,
    ) -> Upload:
        """Upload a table as `upload` does; return whether its dataset was there before, too."""
        return send_table(self._retries, source, name=name, format=format, options=options)

    def datasets(self, name: str = "") -> Iterator[Dataset]:
        """Yield every dataset, newest first, without its profile.

        With `name`, only those whose first name or id holds it.
        """
        return self._retries.read_pages("/v1/datasets", Dataset, {"name": name} if name else {})

    def dataset(self, dataset_id: str) -> Dataset:
        """Return a dataset with its profile."""
        return self._retries.read("GET", f"/v1/datasets/{dataset_id}", Dataset)

    def reread(self, dataset_id: str, **options: ParseOption) -> Dataset:
        """Return a dataset of the same bytes, parsed by other options, without an upload."""
        params = format_options(options)
        return self._retries.read(
            "POST",
            f"/v1/datasets/{dataset_id}/reread",
            Dataset,
            params=params,
            seconds=PARSE_SECONDS,
        )

    def delete_dataset(self, dataset_id: str) -> None:
        """Delete a dataset that no unfinished job needs."""
        self._retries.send("DELETE", f"/v1/datasets/{dataset_id}", attempts=1)

    # Jobs

    def submit(
        self, spec: JobSpec | Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> Job:
        """Submit a job. The key makes it safe to send again; by default it is random."""
        return self._submit("/v1/jobs", _as_body(spec), idempotency_key)

    def continue_job(
        self,
        job_id: str,
        changes: Continuation | Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Job:
        """Submit a child of a job, which learns from its trials; `changes` alter its JobSpec."""
        if isinstance(changes, Continuation):
            changes = changes.model_dump(mode="json", exclude_unset=True)
        return self._submit(f"/v1/jobs/{job_id}/continue", dict(changes or {}), idempotency_key)

    def diagnose(
        self, spec: DiagnosisSpec | Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> Job:
        """Submit a diagnosis of a recipe's loss on a dataset. For the key see `submit`."""
        return self._submit("/v1/diagnoses", _as_body(spec), idempotency_key)

    def diagnosis(self, job_id: str) -> Diagnosis:
        """Return a job's diagnosis; raise DiagnosisNotReady where it has none, or none yet."""
        return self._retries.read("GET", f"/v1/jobs/{job_id}/diagnosis", Diagnosis)

    def read_recipe(self, source: Path | str | bytes, **fit: Any) -> ImportedRecipe:
        """Read a recipe from a Recipe as JSON, a Keras model's JSON, or a `.keras` or `.h5` file.

        The file is read on this machine, as data, and no code of the model is run. An `.h5` file is
        read by the server. `fit` are fields of a Recipe that a model's file does not hold, such as
        `epochs`, `loss` and `optimizer`.
        """
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
        if not is_hdf5(data):
            return read_recipe(data, fit)
        params = {name: fit[name] for name in fit if name in READ_BY_SERVER}
        answer = self._retries.read("POST", "/v1/recipes", ReadRecipe, params=params, content=data)
        others = {name: fit[name] for name in fit if name not in params}
        fields = answer.recipe.model_dump(mode="json") | others
        return ImportedRecipe(validate(Recipe, fields, field="recipe"), answer.notes)

    def job(self, job_id: str, *, wait: float | None = None) -> Job:
        """Return a job; with `wait`, once its state or best trial changes or the seconds pass."""
        if wait is None:
            return self._retries.read("GET", f"/v1/jobs/{job_id}", Job)
        return self._poll(job_id, wait, attempts=ATTEMPTS)

    def jobs(
        self,
        state: JobState | None = None,
        kind: JobKind | None = None,
        *,
        name: str = "",
        sort: JobSort = JobSort.newest,
    ) -> Iterator[Job]:
        """Yield jobs in an order: all, or those in a state, of a kind, with a part of a name."""
        filters = {"state": state, "kind": kind, "name": name or None}
        params = {key: str(value) for key, value in filters.items() if value is not None}
        if sort is not JobSort.newest:
            params["sort"] = sort.value
        return self._retries.read_pages("/v1/jobs", Job, params)

    def wait(self, job_id: str, *, timeout: float | None = None) -> Job:
        """Return the job when it has ended; raise WaitTimeout after `timeout` seconds."""
        deadline = None if timeout is None else self._clock.now() + timeout
        job = self.job(job_id)
        while not job.state.is_finished:
            remaining = math.inf if deadline is None else deadline - self._clock.now()
            if remaining <= 0:
                raise WaitTimeout(f"{job_id} is still {job.state} after {timeout:g} s")
            # The server was there a moment ago: it may be restarting.
            attempts = PATIENT_ATTEMPTS if remaining >= PATIENT_SECONDS else ATTEMPTS
            job = self._poll(job_id, min(WAIT_SECONDS, remaining), attempts=attempts)
        return job

    def follow(self, job_id: str, *, after: int = 0) -> Iterator[Event]:
        """Yield the job's events as they happen, until it has ended; reconnect when needed."""
        return read_events(self._retries, f"/v1/jobs/{job_id}/events", after=after)

    def cancel(self, job_id: str) -> Job:
        """Request that the job ends; its best model so far is still exported."""
        return self._request(job_id, "cancel")

    def pause(self, job_id: str) -> Job:
        """Request that the job pauses."""
        return self._request(job_id, "pause")

    def resume(self, job_id: str) -> Job:
        """Queue a paused job again."""
        return self._request(job_id, "resume")

    def delete_job(self, job_id: str) -> None:
        """Delete a job that has ended, with its trials and artifacts; its dataset stays."""
        self._retries.send("DELETE", f"/v1/jobs/{job_id}", attempts=1)

    def set_priority(self, job_id: str, priority: int) -> Job:
        """Set the priority of a waiting job, from -100 to 100."""
        body = {"priority": priority}
        return self._retries.read("POST", f"/v1/jobs/{job_id}/priority", Job, json=body)

    def trials(self, job_id: str) -> Iterator[Trial]:
        """Yield the job's trials by number, without their curves."""
        return self._retries.read_pages(f"/v1/jobs/{job_id}/trials", Trial)

    def trial(self, job_id: str, number: int) -> Trial:
        """Return one trial with its curve."""
        return self._retries.read("GET", f"/v1/jobs/{job_id}/trials/{number}", Trial)

    def predict(self, job_id: str, rows: Rows | Frame) -> Predictions:
        """Predict raw rows with the job's best model; any number of rows, sent in batches.

        A row maps columns' names to values; for a model of an NPZ it may be a list of numbers. Rows
        may be a table of pandas, polars or pyarrow, too.
        """
        if is_frame(rows):
            rows = to_rows(rows)
        return predict_in_batches(self._retries, f"/v1/jobs/{job_id}/predict", rows)

    def predict_file(self, job_id: str, path: Path | str, **options: ParseOption) -> Predictions:
        """Predict the rows of a table's file, sent as it is, or in parts where it is large.

        The server reads it as it read the job's dataset; `options` of parsing change that.
        """
        params = format_options(options)

        def send(content: bytes) -> Predictions:
            return self._retries.read(
                "POST",
                f"/v1/jobs/{job_id}/predict",
                Predictions,
                params=params,
                content=content,
                headers={"Content-Type": "text/csv"},
                seconds=PARSE_SECONDS,
            )

        return predict_file(Path(path), send)

    # Artifacts

    def artifacts(self, job_id: str) -> Iterator[Artifact]:
        """Yield the downloadable artifacts of a job."""
        return self._retries.read_pages(f"/v1/jobs/{job_id}/artifacts", Artifact)

    def download(self, job_id: str, path: Path | str, *, artifact: str | None = None) -> Path:
        """Download an artifact, or the best model; checked against its SHA-256.

        `path` is a file, or a folder in which the file gets the artifact's name. An existing file
        is replaced after all bytes have arrived; a broken download resumes where it broke.
        """
        path = Path(path)
        if path.is_dir():
            path = path / (artifact or "model.keras")
        resource = f"artifacts/{artifact}" if artifact else "best-model"
        save_download(self._retries, f"/v1/jobs/{job_id}/{resource}", path)
        return path

    def _submit(self, path: str, body: dict[str, Any], key: str | None) -> Job:
        headers = {"Idempotency-Key": key or secrets.token_hex(16)}
        try:
            return self._retries.read("POST", path, Job, json=body, headers=headers)
        except ValueError as error:
            raise InvalidRequest(f"the job cannot be written as JSON: {error}") from error

    def _request(self, job_id: str, action: str) -> Job:
        return self._retries.read("POST", f"/v1/jobs/{job_id}/{action}", Job)

    def _poll(self, job_id: str, wait: float, *, attempts: int) -> Job:
        return self._retries.read(
            "GET",
            f"/v1/jobs/{job_id}",
            Job,
            params={"wait": wait},
            attempts=attempts,
            seconds=self._timeout + wait,
        )


def _as_body(spec: BaseModel | Mapping[str, Any]) -> dict[str, Any]:
    """Convert a specification, or the fields of one, to JSON values."""
    if isinstance(spec, BaseModel):
        return spec.model_dump(mode="json")
    return {
        name: value.model_dump(mode="json") if isinstance(value, BaseModel) else value
        for name, value in spec.items()
    }
