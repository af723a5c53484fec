"""A command whose extra is not installed says in one line what to install."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from typer.testing import Result

from lowloss import cli

Run = Callable[..., Result]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["predict", "model.onnx", "rows.csv"],
            "model.onnx: an .onnx file is run by ONNX Runtime, which is not installed "
            '(pip install "lowloss[predict]")',
        ),
        (
            ["predict", "model.keras", "rows.csv"],
            "model.keras: a .keras file is run by Keras, which is not installed "
            '(pip install "lowloss[worker]", or give the job\'s model.onnx)',
        ),
        (
            ["serve"],
            'the worker is not installed (pip install "lowloss[worker]", '
            "or add --no-worker to run the server alone)",
        ),
        (
            ["serve", "--no-worker"],
            'the server is not installed (pip install "lowloss[server]")',
        ),
        (["backup", "file"], 'the server is not installed (pip install "lowloss[server]")'),
        (["worker"], 'the worker is not installed (pip install "lowloss[worker]")'),
    ],
    ids=("onnx", "keras", "serve", "server", "backup", "worker"),
)
def test_command_without_its_extra_names_it(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str], line: str
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    done = run(*arguments)

    assert done.stderr == f"error: {line}\n"
    assert (done.stdout, done.exit_code) == ("", cli.REFUSED)
