"""What `lowloss datasets` says of a table."""

from __future__ import annotations

from collections.abc import Callable

from typer.testing import Result

from tests.builders.scripted_server import Server, a_dataset, a_json


def test_other_names_of_a_dataset_are_shown(run: Callable[..., Result]) -> None:
    dataset = a_dataset(names=("houses.csv", "copy.csv"))

    done = run("datasets", "show", "ds_1", server=Server(a_json(dataset)))

    assert "the same bytes were uploaded as 'houses.csv', 'copy.csv'\n" in done.stdout
