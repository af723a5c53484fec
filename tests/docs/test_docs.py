"""The reference pages say what the code says: no more, no less."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from pydantic import BaseModel

from lowloss.cli import app
from lowloss.problem_codes import PROBLEMS
from lowloss.spec import DiagnosisSpec, JobSpec, Recipe, RecipeLayer
from lowloss.spec.activations import ACTIVATIONS
from lowloss.spec.initializers import INITIALIZERS
from lowloss.spec.optimizers import OPTIMIZERS
from service.app import create_app
from service.settings import ConnectionLimits, Limits, Settings
from worker.diagnosis import thresholds

DOCS = Path(__file__).parents[2] / "docs"


def rows(page: str) -> list[list[str]]:
    """The cells of every table row of a page."""
    lines = (DOCS / page).read_text().splitlines()
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines if line[:1] == "|"
    ]
    return [row for row in cells if not set(row[0]) <= {"-", " "}]


def test_every_problem_code_is_in_the_page_of_errors() -> None:
    listed = {row[0].strip("`"): row[1:3] for row in rows("errors.md") if row[1].isdigit()}

    assert listed == {
        code: [str(kind.status), kind.title] for code, kind in sorted(PROBLEMS.items())
    }


def variables(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, field in model.model_fields.items():
        if field.annotation in (ConnectionLimits, Limits):
            yield from variables(field.annotation, f"{prefix}{name.upper()}__")
            continue
        default = "" if field.default in (None, "", ()) else str(field.default)
        yield f"{prefix}{name.upper()}", default, str(field.description)


def test_every_setting_is_in_the_page_of_settings() -> None:
    listed = [
        (row[0].strip("`"), row[1].strip("`"), row[2])
        for row in rows("settings.md")
        if row[0].startswith("`LOWLOSS_")
    ]

    assert [row for row in listed if row[0] not in CLIENT_VARIABLES] == list(
        variables(Settings, "LOWLOSS_")
    )


CLIENT_VARIABLES = {"LOWLOSS_URL", "LOWLOSS_TOKEN"}


def test_every_route_is_in_the_page_of_the_api() -> None:
    schema = create_app(Settings()).openapi()
    routes = {
        f"{method.upper()} {path}"
        for path, operations in schema["paths"].items()
        for method in operations
    }

    listed = set(
        re.findall(r"`((?:GET|POST|DELETE|HEAD|PUT) /[^`?]*)", (DOCS / "api.md").read_text())
    )

    assert routes <= listed
    assert listed - routes <= {"GET /docs", "GET /", "GET /openapi.json"}


def test_every_command_is_in_the_page_of_the_command_line() -> None:
    listed = {row[0].strip("`").removeprefix("lowloss ") for row in rows("cli.md")}
    group = typer.main.get_command(app)
    commands = set()
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        commands |= {f"{name} {each}" for each in inner} if inner else {name}

    assert commands <= listed


def test_the_job_in_full_has_every_default() -> None:
    text = (DOCS / "api.md").read_text()
    block = next(
        b for b in re.findall(r"```json\n(.*?)```", text, re.DOTALL) if "search_space" in b
    )
    shown = JobSpec.model_validate_json(block)

    assert shown == JobSpec(dataset="DATASET_ID", target="price")
    assert set(json.loads(block)) == set(JobSpec.model_fields)


def test_the_diagnosis_in_full_has_every_default() -> None:
    text = (DOCS / "api.md").read_text()
    block = next(b for b in re.findall(r"```json\n(.*?)```", text, re.DOTALL) if '"recipe"' in b)
    shown = DiagnosisSpec.model_validate_json(block)
    hidden = RecipeLayer(units=64, activation="relu")
    recipe = Recipe(layers=(hidden, RecipeLayer(units=1)), loss="mean_squared_error")

    assert shown == DiagnosisSpec(dataset="DATASET_ID", target="price", recipe=recipe)
    assert set(json.loads(block)) == set(DiagnosisSpec.model_fields)
    assert set(json.loads(block)["recipe"]) == set(Recipe.model_fields)


def test_the_recipe_with_a_skip_is_one() -> None:
    text = (DOCS / "api.md").read_text()
    block = next(b for b in re.findall(r"```json\n(.*?)```", text, re.DOTALL) if "skip_start" in b)

    assert Recipe.model_validate_json(block).has_skips


@pytest.mark.parametrize("page", [*sorted(DOCS.rglob("*.md")), DOCS.parent / "README.md"], ids=str)
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / link).exists(), link


def test_every_threshold_of_the_diagnosis_is_in_its_page() -> None:
    listed = [row for row in rows("diagnosis.md") if len(row) == 4 and row[0].isupper()]

    assert listed == [
        [name, f"{threshold:g}", threshold.unit, threshold.source]
        for name, threshold in vars(thresholds).items()
        if isinstance(threshold, thresholds.Threshold)
    ]


@pytest.mark.parametrize("name", [*OPTIMIZERS, *ACTIVATIONS, *INITIALIZERS])
def test_the_api_page_names_everything_that_a_recipe_may_name(name: str) -> None:
    page = (DOCS / "api.md").read_text()

    recipe = page[page.index("| field of `recipe` | takes |") :]

    assert f"`{name}`" in recipe


def test_every_promise_of_reliability_is_held_by_tests_that_exist() -> None:
    tests = {path.name: path.read_text() for path in (DOCS.parent / "tests").rglob("test_*.py")}

    for *_, cell in (row for row in rows("reliability.md") if row[-1] != "test"):
        named = re.findall(r"`(?:…|(test_\w+\.py))::(test_\w+)`", cell)
        assert named, cell
        file = ""
        for new_file, name in named:
            file = new_file or file
            assert f"def {name}(" in tests[file], f"{file}::{name}"
