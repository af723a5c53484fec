"""The API against its own document: schemathesis asks all that the document allows, and more."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lowloss.results import JobState
from service.store.database import Database
from service.store.queue import finish_job
from tests.builders.server_process import TOKEN, ServerProcess, a_server_process
from tests.builders.store import (
    a_claim,
    a_diagnosis_spec,
    a_job_of,
    a_parsed_csv,
    a_spec,
    a_trial,
    add_diagnosis,
    an_artifact,
)
from tests.conftest import NewUrl
from tests.fuzz.valid_bodies import TABLE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
"""All but that what fits the document is accepted: much is known only with the table."""
STREAM = "/events$"
"""A stream of events has no end."""
EXAMPLES = 25
SHOWN_CHARACTERS = 9000
FINISHED_JOBS = 5
REQUEST_SECONDS = 60
"""What a request may take: on a busy machine the process that parses a table starts late."""
SHORT_WAITS = '[parameters]\n"query.wait" = 0.1\n'
LINK_SECONDS = 60
COVERED_LINKS = 20
"""So many of the 137 links between routes that schemathesis infers must have been followed."""


def ask(
    server: ServerProcess,
    folder: Path,
    config: str = "",
    *options: str,
    phases: str = "examples,coverage,fuzzing",
) -> str:
    """Ask all routes, and return schemathesis's summary; fails with that."""
    path = folder / "schemathesis.toml"
    path.write_text(config)
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "schemathesis.cli",
                "--config-file",
                str(path),
                "run",
                f"{server.url}/openapi.json",
            ),
            *("--phases", phases, "--max-examples", str(EXAMPLES)),
            *("--checks", ",".join(CHECKS), "--seed", "1", "--exclude-path-regex", STREAM),
            *("--request-timeout", str(REQUEST_SECONDS)),
            *("--no-color", "--output-truncate", "true", *options),
        ],
        cwd=folder,
        env=os.environ
        | {"PYTHONPATH": str(Path.cwd()), "SCHEMATHESIS_HOOKS": "tests.fuzz.valid_bodies"},
        capture_output=True,
        text=True,
        check=False,
    )
    shown = "\n".join(line[:200] for line in done.stdout.splitlines())
    assert done.returncode == 0, shown[-SHOWN_CHARACTERS:]
    return shown


@pytest.fixture
def database_url(new_database_url: NewUrl) -> str:
    return new_database_url("sqlite")


def a_finished_job(store: Database, dataset: str) -> str:
    """A job with a trial, a diagnosis and a report; answers its id."""
    job = a_job_of(store, a_spec(dataset))
    fence = a_claim(store).fence
    a_trial(store, fence, 1)
    add_diagnosis(store, fence)
    an_artifact(store, fence, b"# card\n", name="model_card.md", media_type="text/markdown")
    with store.transaction() as session:
        finish_job(session, fence, state=JobState.succeeded)
    return job


@pytest.fixture
def names(database_url: str) -> str:
    """A configuration with the ids of a job and a dataset that are there."""
    store = Database(database_url)
    dataset = a_parsed_csv(store, TABLE)
    job = a_finished_job(store, dataset)
    store.close()
    values = {
        "path.job_id": job,
        "path.dataset_id": dataset,
        "path.number": 1,
        "path.name": "model_card.md",
    }
    lines = [f'"{name}" = {value!r}' for name, value in values.items()]
    return "[parameters]\n" + "\n".join(lines) + "\n"


WITHOUT_TOKENS = ("--exclude-path", "/v1/tokens")
"""A server that asks for no token does so once one is made: all other answers would be 401."""


def test_every_answer_is_in_the_document(database_url: str, tmp_path: Path) -> None:
    with a_server_process(tmp_path, LOWLOSS_DATABASE_URL=database_url) as server:
        ask(server, tmp_path, "", *WITHOUT_TOKENS)


def test_every_answer_about_what_is_there_is_in_the_document(
    database_url: str, tmp_path: Path, names: str
) -> None:
    with a_server_process(tmp_path, LOWLOSS_DATABASE_URL=database_url) as server:
        # What was deleted would not be there for the others.
        ask(server, tmp_path, names, "--exclude-method", "DELETE", *WITHOUT_TOKENS)


def test_every_answer_with_a_token_is_in_the_document(database_url: str, tmp_path: Path) -> None:
    with a_server_process(
        tmp_path, LOWLOSS_DATABASE_URL=database_url, LOWLOSS_TOKENS=TOKEN
    ) as server:
        header = f"Authorization: Bearer {TOKEN}"
        ask(server, tmp_path, "", "--header", header)


@pytest.fixture
def jobs(database_url: str) -> None:
    """Jobs in all states over a table that was parsed, finished ones with results."""
    store = Database(database_url)
    dataset = a_parsed_csv(store, TABLE)
    for _ in range(FINISHED_JOBS):
        a_finished_job(store, dataset)
    # What waits would be claimed in the place of those that are to run.
    for state in sorted(JobState, key=lambda state: state is JobState.queued):
        for new in (a_spec(dataset), a_diagnosis_spec(dataset)):
            a_job_of(store, new, state=state)
    store.close()


@pytest.mark.usefixtures("jobs")
@pytest.mark.parametrize("token", ["", TOKEN], ids=["without a token", "with a token"])
def test_every_answer_along_the_links_is_in_the_document(
    database_url: str, tmp_path: Path, token: str
) -> None:
    with a_server_process(
        tmp_path, LOWLOSS_DATABASE_URL=database_url, LOWLOSS_TOKENS=token
    ) as server:
        options = ["--max-time", str(LINK_SECONDS)]
        options += ["--header", f"Authorization: Bearer {token}"] if token else WITHOUT_TOKENS
        shown = ask(server, tmp_path, SHORT_WAITS, *options, phases="stateful")

    covered = re.search(r"API Links: +(\d+) covered", shown)
    assert covered is not None
    assert int(covered.group(1)) >= COVERED_LINKS, shown
