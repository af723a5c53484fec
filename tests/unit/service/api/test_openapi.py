"""The OpenAPI document: an example of every request and of every error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import TypeAdapter

from lowloss.errors import Problem, UnknownProblem
from lowloss.problem_codes import PROBLEMS, problem_from_document
from lowloss.spec import DiagnosisSpec, JobSpec
from lowloss.spec.diagnosis import DIAGNOSIS_SPEC_EXAMPLES
from lowloss.spec.job import JOB_SPEC_EXAMPLES
from service.api.examples import EXAMPLES, ProblemDocument
from worker.artifacts.export import MEDIA_TYPES

UNDECLARED = {"route_not_found", "method_not_allowed"}
"""Problems of the addresses that there are not."""

OF_A_SERVER = set(PROBLEMS) - {UnknownProblem.code}


@pytest.fixture
def document(app: FastAPI) -> dict[str, Any]:
    return app.openapi()


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def _parts(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a request is made of: its body of each media type, and its parameters."""
    yield from operation.get("requestBody", {}).get("content", {}).items()
    for parameter in operation.get("parameters", ()):
        yield parameter["name"], parameter["schema"]


def _errors(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name, operation in _operations(document):
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                yield name, status, response


def test_every_request_body_and_parameter_has_an_example(document: dict[str, Any]) -> None:
    has_example = {
        f"{name} {part}": bool(described.get("examples"))
        for name, operation in _operations(document)
        for part, described in _parts(operation)
    }

    assert len(has_example) > 20
    assert [part for part, has_one in has_example.items() if not has_one] == []


def test_every_error_response_is_a_problem_with_examples(document: dict[str, Any]) -> None:
    seen = 0

    for name, status, response in _errors(document):
        content = response["content"]
        assert list(content) == ["application/problem+json"], name
        media = content["application/problem+json"]
        assert media["schema"] == {"$ref": "#/components/schemas/Problem"}, name
        assert media["examples"], name
        for code, example in media["examples"].items():
            problem = problem_from_document(example["value"])
            assert type(problem) is PROBLEMS[code], name
            assert problem.to_document() == example["value"]
            assert str(problem.status) == status, name
            assert problem.fix, name
            seen += 1

    assert seen > 100
    assert "Problem" in document["components"]["schemas"]


def test_every_code_of_a_server_is_declared_by_a_route(document: dict[str, Any]) -> None:
    declared = {
        code
        for _, _, response in _errors(document)
        for code in response["content"]["application/problem+json"]["examples"]
    }

    assert declared | UNDECLARED == OF_A_SERVER
    assert declared & UNDECLARED == set()


def test_every_code_of_a_server_has_one_example() -> None:
    assert set(EXAMPLES) == OF_A_SERVER


@pytest.mark.parametrize("example", JOB_SPEC_EXAMPLES.values(), ids=JOB_SPEC_EXAMPLES)
def test_example_of_a_job_spec_is_one(example: dict[str, Any]) -> None:
    spec = JobSpec.model_validate(example["value"])

    assert spec.target == "price"


@pytest.mark.parametrize("example", DIAGNOSIS_SPEC_EXAMPLES.values(), ids=DIAGNOSIS_SPEC_EXAMPLES)
def test_example_of_a_diagnosis_is_one(example: dict[str, Any]) -> None:
    spec = DiagnosisSpec.model_validate(example["value"])

    assert spec.recipe.loss == "mean_squared_error"


def test_problem_document_describes_what_is_sent() -> None:
    problem: Problem = PROBLEMS["invalid_request"]("d", field="f", fix="x", errors=({"code": "c"},))

    parsed = TypeAdapter(ProblemDocument).validate_python(problem.to_document())

    # The server adds the id of the request.
    assert set(ProblemDocument.model_fields) == {*problem.to_document(), "request_id"}
    assert parsed.code == "invalid_request"


def test_every_route_has_a_summary_a_description_and_one_tag(document: dict[str, Any]) -> None:
    known = {tag["name"] for tag in document["tags"]}

    for name, operation in _operations(document):
        assert operation["summary"], name
        assert operation["description"], name
        assert len(operation["tags"]) == 1, name
        assert set(operation["tags"]) <= known, name


def test_routes_are_those_of_the_contract(document: dict[str, Any]) -> None:
    job = "/v1/jobs/{job_id}"

    assert {name for name, _ in _operations(document)} == {
        "POST /v1/datasets",
        "GET /v1/datasets",
        "GET /v1/datasets/{dataset_id}",
        "DELETE /v1/datasets/{dataset_id}",
        "POST /v1/datasets/{dataset_id}/reread",
        "POST /v1/jobs",
        "GET /v1/jobs",
        f"GET {job}",
        f"DELETE {job}",
        f"POST {job}/cancel",
        f"POST {job}/pause",
        f"POST {job}/resume",
        f"POST {job}/continue",
        f"POST {job}/priority",
        f"GET {job}/trials",
        f"GET {job}/trials/{{number}}",
        f"GET {job}/events",
        f"GET {job}/artifacts",
        f"GET {job}/artifacts/{{name}}",
        f"GET {job}/best-model",
        f"POST {job}/predict",
        f"GET {job}/diagnosis",
        "POST /v1/diagnoses",
        "POST /v1/recipes",
        "POST /v1/projects",
        "GET /v1/projects",
        "POST /v1/projects/{project}/quotas",
        "POST /v1/tokens",
        "GET /v1/tokens",
        "POST /v1/tokens/{token_id}/revoke",
        "GET /v1/audit",
        "GET /v1/workers",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
    }


def _schemas(part: Any) -> Iterator[dict[str, Any]]:
    """Every object of the document, but for examples: they are values, not schemas."""
    if isinstance(part, dict):
        yield part
        for name, inner in part.items():
            if name not in {"example", "examples", "default", "properties"}:
                yield from _schemas(inner)
        yield from _schemas(list(part.get("properties", {}).values()))
    elif isinstance(part, list):
        for inner in part:
            yield from _schemas(inner)


OF_PYDANTIC = {"ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "allow_inf_nan"}


def test_bounds_are_in_the_words_of_json_schema(document: dict[str, Any]) -> None:
    schemas = list(_schemas(document))

    assert [schema for schema in schemas if OF_PYDANTIC & set(schema)] == []
    assert sum("minimum" in schema or "exclusiveMinimum" in schema for schema in schemas) > 50


def test_component_names_are_words_and_every_reference_leads_to_one(
    document: dict[str, Any],
) -> None:
    names = set(document["components"]["schemas"])
    references = {schema["$ref"] for schema in _schemas(document) if "$ref" in schema}

    assert [name for name in names if not name.isalnum()] == []
    assert references <= {f"#/components/schemas/{name}" for name in names}
    assert {"RateChoice", "OptionalRateChoice", "JobPage"} <= names


def test_every_response_with_a_body_names_its_content_type(document: dict[str, Any]) -> None:
    without = {
        (name, status)
        for name, operation in _operations(document)
        for status, response in operation["responses"].items()
        if not response.get("content")
    }

    assert {status for _, status in without} == {"204", "304"}


def test_media_types_of_artifacts_are_those_that_workers_store(document: dict[str, Any]) -> None:
    path = "/v1/jobs/{job_id}/artifacts/{name}"
    described = document["paths"][path]["get"]["responses"]["200"]["content"]

    stored = {media_type.partition(";")[0] for media_type in MEDIA_TYPES.values()}

    assert set(described) == stored
