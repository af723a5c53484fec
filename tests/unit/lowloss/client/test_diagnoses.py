"""The client asks why a loss is high."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lowloss import Client, DiagnosisSpec
from lowloss.errors import DiagnosisNotReady
from lowloss.results import JobKind, JobSort, JobState, ReadRecipe
from tests.builders.diagnoses import a_diagnosis, a_recipe
from tests.builders.scripted_server import Server, a_diagnosis_job, a_json, a_page, a_refusal

SPEC = DiagnosisSpec(dataset="ds_1", target="y", recipe=a_recipe())


@pytest.mark.parametrize(
    "given", [SPEC, {"dataset": "ds_1", "target": "y", "recipe": a_recipe()}], ids=["spec", "dict"]
)
def test_diagnosis_is_submitted_with_a_key(given: Any) -> None:
    server = Server(a_json(a_diagnosis_job(JobState.queued), 202))

    job = server.client().diagnose(given)

    assert job == a_diagnosis_job(JobState.queued)
    assert server.asked == [("POST", "/v1/diagnoses")]
    assert DiagnosisSpec.model_validate_json(server.bodies[0]) == SPEC
    assert server.requests[0].headers["idempotency-key"]


def test_diagnosis_is_read() -> None:
    server = Server(a_json(a_diagnosis()))

    assert server.client().diagnosis("job_1") == a_diagnosis()
    assert server.asked == [("GET", "/v1/jobs/job_1/diagnosis")]


def test_diagnosis_that_is_not_there_is_an_error_of_its_own() -> None:
    server = Server(a_refusal(DiagnosisNotReady("the job is running")))

    with pytest.raises(DiagnosisNotReady, match="running"):
        server.client().diagnosis("job_1")


def test_jobs_of_a_kind_are_listed() -> None:
    server = Server(a_page(a_diagnosis_job()))

    (job,) = server.client().jobs(JobState.running, JobKind.diagnosis)

    assert job.spec == SPEC
    assert server.asked == [("GET", "/v1/jobs?state=running&kind=diagnosis")]


def test_jobs_are_found_by_their_name_in_another_order() -> None:
    server = Server(a_page(a_diagnosis_job()))

    list(server.client().jobs(name="prices", sort=JobSort.name))

    assert server.asked == [("GET", "/v1/jobs?name=prices&sort=name")]


def test_job_of_a_server_before_diagnoses_is_a_search() -> None:
    job = a_diagnosis_job().model_dump(mode="json")
    job["spec"] = {"dataset": "ds_1", "target": "y"}
    del job["kind"], job["links"]["diagnosis"]

    parsed = type(a_diagnosis_job()).model_validate(job)

    assert parsed.kind is JobKind.search
    assert parsed.search.target == "y"


def test_recipe_is_read_here_from_a_file_or_bytes(tmp_path: Path) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(a_recipe().model_dump(mode="json")))

    client = Client()
    from_file = client.read_recipe(path, epochs=7)
    from_bytes = client.read_recipe(path.read_bytes())

    assert (from_file.recipe, from_bytes.recipe) == (a_recipe(epochs=7), a_recipe())


def test_recipe_of_an_hdf5_file_is_read_by_the_server() -> None:
    server = Server(a_json(ReadRecipe(recipe=a_recipe(epochs=7), notes=("noted",))))
    body = b"\x89HDF\r\n\x1a\n and more"

    imported = server.client().read_recipe(body, epochs=7, noise=0.1)

    assert server.asked == [("POST", "/v1/recipes?epochs=7")]
    assert server.bodies[0] == body
    assert imported.recipe == a_recipe(epochs=7, noise=0.1)
    assert imported.notes == ("noted",)
