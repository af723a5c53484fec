"""What operators use besides the programs: compose, its variables, the images, audit and SBOM."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE)["services"]
VARIABLE = re.compile(r"\$\{(\w+)(?::?([-?])([^}]*))?\}")
BYTES = re.compile(r"[1-9][0-9]*[mg]")


def example() -> dict[str, str]:
    """The variables of the example, with their values."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    pairs = [line.partition("=") for line in lines if line and line[0] != "#"]
    return {name: value for name, _, value in pairs}


def test_example_has_the_variables_that_compose_reads_with_their_defaults() -> None:
    read = {name: default for name, mark, default in VARIABLE.findall(COMPOSE) if mark == "-"}
    required = {name for name, mark, _ in VARIABLE.findall(COMPOSE) if mark == "?"}

    assert example() == read | dict.fromkeys(required, "")


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_limits_and_is_restarted(name: str) -> None:
    limits = SERVICES[name]["deploy"]["resources"]["limits"]

    assert set(limits) == {"cpus", "memory", "pids"}
    for value, kind in ((limits["cpus"], r"[0-9.]+"), (limits["memory"], BYTES.pattern)):
        (match,) = VARIABLE.finditer(value)
        assert match.group() == value
        assert re.fullmatch(kind, match[3])
    assert limits["pids"] > 0
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", ["server", "worker"])
def test_every_setting_of_a_service_is_one(name: str) -> None:
    variables = {v for v in SERVICES[name]["environment"] if v.startswith("LOWLOSS_")}

    assert {v.removeprefix("LOWLOSS_").lower() for v in variables} <= set(Settings.model_fields)
    assert "LOWLOSS_LOG_FORMAT" in variables


def test_image_of_the_server_can_back_up_the_database_of_compose() -> None:
    major = re.fullmatch(r"postgres:(\d+)-bookworm", SERVICES["database"]["image"])
    assert major is not None
    stages = (ROOT / "Dockerfile").read_text().split("\nFROM ")
    (server,) = [stage for stage in stages if stage.startswith("base AS server\n")]

    assert f"postgresql-client-{major[1]} " in server
    # What comes last is who runs it.
    assert re.findall(r"^USER (\w+)$", server, re.MULTILINE)[-1] == "lowloss"


def recipe(target: str) -> list[str]:
    """The commands of a target of the Makefile, with `uv` of this environment."""
    makefile = (ROOT / "Makefile").read_text()
    (lines,) = re.findall(rf"^{target}:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    folder = str(Path(sys.executable).parent)
    return [line.strip().replace("$(RUN)", f"{folder}/") for line in lines.splitlines()]


def export(target: str, folder: Path) -> Path:
    """Run the export of a target into a file of another folder."""
    (command,) = [line for line in recipe(target) if " export " in line]
    *words, path = command.split()
    output = folder / Path(path).name
    subprocess.run([*words, str(output)], cwd=ROOT, check=True, capture_output=True)
    return output


def installed() -> set[str]:
    """The packages that the lock installs without the development groups."""
    lock = {p["name"]: p for p in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    names: set[tuple[str, str]] = set()
    waiting = [("lowloss", ""), ("lowloss-server", "")]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in names:
            continue
        names.add((name, extra))
        optional = lock[name].get("optional-dependencies", {})
        # Of ours all extras, of others those that are asked for.
        parts = optional.values() if "lowloss" in name else [optional.get(extra, [])]
        for dependency in (
            d for part in (lock[name].get("dependencies", []), *parts) for d in part
        ):
            waiting += [(dependency["name"], one) for one in ("", *dependency.get("extra", []))]
    return {name for name, _ in names} - {"lowloss", "lowloss-server"}


def test_bill_of_materials_has_what_the_lock_installs(tmp_path: Path) -> None:
    document = json.loads(export("sbom", tmp_path).read_text())

    names = {component["name"] for component in document["components"]}
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.5")
    assert {"fastapi", "sqlalchemy", "tensorflow"} <= names
    assert names >= installed()
    assert "pytest" not in names


def test_audit_reads_what_the_lock_installs_and_is_in_no_check(tmp_path: Path) -> None:
    text = export("audit", tmp_path).read_text()

    names = set(re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE))
    assert names == installed()
    assert text.count("--hash=sha256:") >= len(names)
    assert "--strict" in recipe("audit")[-1]
    for file in (".ci/run", ".pre-commit-config.yaml"):
        assert "audit" not in (ROOT / file).read_text()
    assert not re.search(r"^(check|test|lint|setup):.*\baudit\b", (ROOT / "Makefile").read_text())
