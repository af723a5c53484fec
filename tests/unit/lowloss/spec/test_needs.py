"""What a job may ask of its worker."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from lowloss.spec import Needs


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ({"cores": 0}, "greater_than_equal", "greater than or equal to 1"),
        ({"cores": True}, "number_wanted", "not true or false"),
        ({"memory_bytes": 2**63}, "less_than_equal", "less than or equal to"),
        ({"executor": "slurm"}, "literal_error", "'local' or 'ray'"),
        ({"actors": 2}, "actors_without_ray", 'set executor to "ray"'),
        ({"actors": 2, "executor": "local"}, "actors_without_ray", "leave actors out"),
        ({"gpu": 1}, "extra_forbidden", "not permitted"),
    ],
    ids=str,
)
def test_needs_that_no_worker_can_have_are_refused(
    given: dict[str, Any], code: str, said: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        Needs.model_validate(given)

    (error,) = caught.value.errors()
    assert error["type"] == code
    assert said in error["msg"]


def test_needs_are_none_unless_some_are_named() -> None:
    assert set(Needs().model_dump().values()) == {None}
    assert Needs.model_validate({"executor": "ray", "actors": 8}).actors == 8
