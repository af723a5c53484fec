"""What a search says in its diagnosis: of a noise floor that its own model does not bear out."""

from __future__ import annotations

import pytest

from lowloss.results import NoiseFloor
from tests.builders.diagnoses import a_diagnosis
from tests.unit.worker.artifacts.test_remarks import plain_facts
from worker.artifacts.reports.remarks import search_remarks


def test_noise_floor_above_the_error_of_the_model_is_said_to_be_too_high() -> None:
    floor = NoiseFloor(estimate=2.0, conflicting=None)
    facts = plain_facts(diagnosis=a_diagnosis(noise_floor=floor))

    assert search_remarks(facts) == (
        "The estimate of the noise floor, 2, is too high: it is above what the search's model "
        "reached on its test rows, a mean squared error of 1.562. The noise is at most about that.",
    )


@pytest.mark.parametrize("estimate", [None, 1.5])
def test_noise_floor_that_no_model_contradicts_is_not_doubted(estimate: float | None) -> None:
    floor = NoiseFloor(estimate=estimate, conflicting=None)

    assert search_remarks(plain_facts(diagnosis=a_diagnosis(noise_floor=floor))) == ()
