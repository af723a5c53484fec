"""The API against its own document: schemathesis asks all that the document allows, and more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lowloss.results import JobState
from service.store.artifacts import NewArtifact, add_artifact
from service.store.database import Database
from service.store.queue import finish_job
from tests.builders.server_process import TOKEN, ServerProcess, a_server_process
from tests.builders.store import a_blob, a_claim, a_dataset, a_job, a_trial, add_diagnosis
from tests.conftest import NewUrl

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


def ask(server: ServerProcess, folder: Path, config: str = "", *options: str) -> None:
    """Ask all routes; fails with schemathesis's own summary."""
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
            *("--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES)),
            *("--checks", ",".join(CHECKS), "--seed", "1", "--exclude-path-regex", STREAM),
            *("--no-color", "--output-truncate", "true", *options),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    shown = "\n".join(line[:200] for line in done.stdout.splitlines())
    assert done.returncode == 0, shown[-SHOWN_CHARACTERS:]


@pytest.fixture
def database_url(new_database_url: NewUrl) -> str:
    return new_database_url("sqlite")


@pytest.fixture
def names(database_url: str) -> str:
    """A configuration with the ids of a job and a dataset that are there."""
    store = Database(database_url)
    job = a_job(store)
    fence = a_claim(store).fence
    a_trial(store, fence, 1)
    add_diagnosis(store, fence)
    card = a_blob(store, b"# card\n")
    with store.transaction() as session:
        add_artifact(session, fence, NewArtifact("model_card.md", "text/markdown", card, 7))
        finish_job(session, fence, state=JobState.succeeded)
    dataset = a_dataset(store, b"x,y\n" + b"1,2\n3,4\n" * 20, rows=40)
    store.close()
    values = {
        "path.job_id": job,
        "path.dataset_id": dataset,
        "path.number": 1,
        "path.name": "model_card.md",
    }
    lines = [f'"{name}" = {value!r}' for name, value in values.items()]
    return "[parameters]\n" + "\n".join(lines) + "\n"


def test_every_answer_is_in_the_document(database_url: str, tmp_path: Path) -> None:
    with a_server_process(tmp_path, LOWLOSS_DATABASE_URL=database_url) as server:
        ask(server, tmp_path)


def test_every_answer_about_what_is_there_is_in_the_document(
    database_url: str, tmp_path: Path, names: str
) -> None:
    with a_server_process(tmp_path, LOWLOSS_DATABASE_URL=database_url) as server:
        # What was deleted would not be there for the others.
        ask(server, tmp_path, names, "--exclude-method", "DELETE")


def test_every_answer_with_a_token_is_in_the_document(database_url: str, tmp_path: Path) -> None:
    with a_server_process(
        tmp_path, LOWLOSS_DATABASE_URL=database_url, LOWLOSS_TOKENS=TOKEN
    ) as server:
        header = f"Authorization: Bearer {TOKEN}"
        ask(server, tmp_path, "", "--header", header)
