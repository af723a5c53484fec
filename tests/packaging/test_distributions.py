"""The two distributions are built, installed in fresh environments and used there.

`make setup` fills uv's cache with every wheel of the lock, so none of this needs the network. uv
cannot resolve requirements offline: an index's pages are not in its cache. So the lock says what is
installed beside our wheels, and `uv pip check` that it is all that they require.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

import pytest

from lowloss import __version__

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
BUILD = ("build", "--all-packages", "--offline", "--no-build-isolation", "--python", sys.executable)
WHEELS = {
    "lowloss": f"lowloss-{__version__}-py3-none-any.whl",
    "lowloss-server": f"lowloss_server-{__version__}-py3-none-any.whl",
}
SERVER_SIDE = {
    "fastapi",
    "lowloss-server",
    "numpy",
    "onnxruntime",
    "polars",
    "python-calamine",
    "psycopg",
    "sqlalchemy",
    "tensorflow",
    "zstandard",
}


def run(command: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, apart from the environment that runs the tests."""
    hidden = ("VIRTUAL_ENV", "PYTHONPATH")
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    return subprocess.run(
        command, cwd=folder, env=env | variables, capture_output=True, text=True, check=False
    )


def uv(*arguments: str, **variables: str) -> str:
    done = run([str(UV), *arguments], ROOT, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Environment:
    """A fresh virtual environment with our wheels and what the lock has for some extras."""

    def __init__(self, folder: Path, wheels: list[Path], *options: str) -> None:
        self.folder = folder
        self.python = str(folder / "bin" / "python")
        uv("venv", "--python", sys.executable, str(folder))
        uv(
            *("sync", "--offline", "--frozen", "--no-dev", "--no-install-workspace", *options),
            UV_PROJECT_ENVIRONMENT=str(folder),
        )
        uv("pip", "install", "--offline", "--no-deps", "--python", self.python, *map(str, wheels))

    def execute(self, code: str) -> str:
        done = run([self.python, "-c", code], self.folder)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def lowloss(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run([str(self.folder / "bin" / "lowloss"), *arguments], self.folder)

    def distributions(self) -> set[str]:
        listed = json.loads(uv("pip", "list", "--format", "json", "--python", self.python))
        return {package["name"] for package in listed}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that is removed at once: pytest keeps its own, and these are large."""
    with tempfile.TemporaryDirectory(prefix="lowloss-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def built(folder: Path) -> Path:
    """The sdists of both distributions, and their wheels, each built from its sdist."""
    uv(*BUILD, "--out-dir", str(folder / "built"))
    return folder / "built"


@pytest.fixture(scope="module")
def client(folder: Path, built: Path) -> Environment:
    """What `pip install lowloss` brings."""
    return Environment(folder / "client", [built / WHEELS["lowloss"]])


@pytest.fixture(scope="module")
def everything(folder: Path, built: Path) -> Environment:
    """What `pip install "lowloss[all]"` brings."""
    wheels = [built / name for name in WHEELS.values()]
    return Environment(folder / "everything", wheels, "--extra", "all")


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def requirements(wheel: Path) -> list[str]:
    metadata = next(
        content for name, content in contents(wheel).items() if name.endswith("/METADATA")
    )
    return Parser().parsestr(metadata.decode()).get_all("Requires-Dist", [])


@pytest.mark.parametrize(
    ("distribution", "packages"),
    [("lowloss", {"lowloss"}), ("lowloss-server", {"service", "worker", "migrations"})],
)
def test_wheel_brings_its_packages_with_types_and_licence_and_nothing_else(
    built: Path, distribution: str, packages: set[str]
) -> None:
    files = contents(built / WHEELS[distribution])

    information = f"{distribution.replace('-', '_')}-{__version__}.dist-info"
    assert {name.split("/")[0] for name in files} == {*packages, information}
    assert {f"{package}/py.typed" for package in packages} <= files.keys()
    assert files[f"{information}/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()


def test_wheels_have_the_files_of_all_packages_and_none_that_git_ignores(built: Path) -> None:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    sources = run([*command, "lowloss", "service", "worker", "migrations"], ROOT)
    if sources.returncode:
        pytest.skip("this is no git checkout")

    packed = {name for wheel in WHEELS.values() for name in contents(built / wheel)}

    assert {name for name in packed if ".dist-info/" not in name} == set(sources.stdout.split())


def test_wheel_from_the_tree_is_the_wheel_from_the_sdist(built: Path, folder: Path) -> None:
    uv(*BUILD, "--wheel", "--out-dir", str(folder / "direct"))

    for wheel in WHEELS.values():
        assert contents(folder / "direct" / wheel) == contents(built / wheel)


def test_sdist_of_the_client_carries_neither_server_nor_tests(built: Path) -> None:
    with tarfile.open(built / f"lowloss-{__version__}.tar.gz") as archive:
        top = {name.split("/")[1] for name in archive.getnames()}

    assert top == {
        ".gitignore",
        "CHANGELOG.md",
        "LICENSE",
        "PKG-INFO",
        "README.md",
        "lowloss",
        "pyproject.toml",
    }


def test_server_requires_the_client_of_its_own_version(built: Path) -> None:
    assert f"lowloss[predict]=={__version__}" in requirements(built / WHEELS["lowloss-server"])


def test_client_alone_works_without_what_the_server_needs(client: Environment) -> None:
    names = client.distributions()
    version = client.execute("import lowloss; lowloss.Client().close(); print(lowloss.__version__)")

    assert names & SERVER_SIDE == set()
    assert version == __version__
    assert client.lowloss("--version").stdout == f"{__version__}\n"
    assert "predict" in client.lowloss("--help").stdout
    uv("pip", "check", "--python", client.python)


def test_client_alone_requires_four_packages(built: Path) -> None:
    plain = [line for line in requirements(built / WHEELS["lowloss"]) if "extra ==" not in line]

    assert [line.split("<")[0] for line in plain] == ["httpx2", "pydantic", "rich", "typer"]


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (("predict", "model.onnx", "rows.csv"), "predict"),
        (("predict", "model.keras", "rows.csv"), "worker"),
        (("serve",), "worker"),
        (("serve", "--no-worker"), "server"),
        (("worker",), "worker"),
        (("datasets", "add", "--builtin", "iris"), "worker"),
    ],
)
def test_client_alone_names_the_extra_that_a_command_needs(
    client: Environment, arguments: tuple[str, ...], extra: str
) -> None:
    done = client.lowloss(*arguments)

    assert f'pip install "lowloss[{extra}]"' in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert (done.stdout, done.returncode) == ("", 2)


def test_all_extras_bring_server_and_worker(everything: Environment) -> None:
    modules = "tensorflow", "keras_tuner", "optuna", "onnxruntime", "polars", "psycopg"

    files = everything.execute(
        "import service.app, worker.supervisor; print(service.__file__, worker.__file__)"
    )
    missing = everything.execute(
        "from importlib.util import find_spec; "
        f"print([name for name in {modules} if find_spec(name) is None])"
    )

    assert all(path.startswith(str(everything.folder)) for path in files.split())
    assert missing == "[]"
    uv("pip", "check", "--python", everything.python)


def test_installed_server_finds_its_migrations(everything: Environment) -> None:
    everything.execute(
        "from service.store.database import Database; "
        "database = Database('sqlite:///fresh.sqlite3'); database.migrate(); database.close()"
    )

    assert (everything.folder / "fresh.sqlite3").stat().st_size > 0
