"""Ranges at whose end the best trials lie, of trials with a known answer."""

from __future__ import annotations

import math
from typing import Any

import pytest

from lowloss.results import Edge
from lowloss.spec import JobSpec, SearchSpace
from tests.builders.searches import Score, a_spec, by_chance, off, some_trials
from worker.search.insights.edges import find_edges
from worker.search.space import value_of

FIXED: dict[str, Any] = {
    "learning_rate": 0.01, "layers": 2, "width": 64, "l2": 0.0, "dropout": 0.1, "patience": 9,
    "batch_size": 32,
}  # fmt: skip


def a_search_of(name: str, parameter: object, **given: Any) -> JobSpec:
    """A search of one hyperparameter, and of one that does not matter."""
    space = FIXED | {name: parameter, "noise": {"min": 0.0, "max": 0.5}}
    return a_spec(search_space=space, **given)


def edges_of(spec: JobSpec, score: Score, count: int = 100) -> list[Edge]:
    return list(find_edges(spec, some_trials(spec, score, count)))


def log(low: float, high: float) -> dict[str, Any]:
    return {"min": low, "max": high, "scale": "log"}


def linear(low: float, high: float, step: float | None = None) -> dict[str, Any]:
    return {"min": low, "max": high} | ({} if step is None else {"step": step})


GOES_ON: dict[str, tuple[str, dict[str, Any], str, dict[str, Any]]] = {
    "rates above": ("learning_rate", log(1e-4, 1e-2), "max", log(1e-3, 0.1)),
    "rates below": ("learning_rate", log(1e-3, 1e-1), "min", log(1e-4, 1e-2)),
    "rates up to what is sane": ("learning_rate", log(1e-3, 0.5), "max", log(0.0224, 1.0)),
    "linear rates stay above 0": ("learning_rate", linear(0.01, 0.1), "min", linear(1e-6, 0.055)),
    "dropout up to what is sane": ("dropout", linear(0.1, 0.8), "max", linear(0.45, 0.9)),
    "dropout in steps": ("dropout", linear(0.0, 0.5, 0.1), "max", linear(0.3, 0.7, 0.1)),
    "penalties above": ("l2", log(1e-6, 1e-2), "max", log(1e-4, 1.0)),
    "penalties up to what is sane": ("l2", log(1e-6, 0.1), "max", log(3.16e-4, 1.0)),
    "penalties below": ("l2", log(1e-4, 1e-2), "min", log(1e-5, 1e-3)),
    "layers": ("layers", linear(1, 6), "max", linear(4, 8)),
    "patience": ("patience", linear(5, 30), "min", linear(1, 18)),
    "widths in steps": ("width", linear(16, 256, 16), "max", linear(128, 368, 16)),
    "widths below the last step": ("width", linear(16, 256, 16) | {"per_layer": False}, "min", linear(4, 136, 4)),
    "widths on a log scale": ("width", log(16, 1024), "max", log(128, 4096)),
    "choices that double": (
        "batch_size", {"choices": [128, 16, 32, 64, 256]}, "max", {"choices": [32, 64, 128, 256, 512]},
    ),
    "choices that halve": (
        "batch_size", {"choices": [16, 32, 64, 128, 256]}, "min", {"choices": [8, 16, 32, 64, 128]},
    ),
    "choices at even distances": (
        "dropout", {"choices": [0.1, 0.2, 0.3, 0.4]}, "max", {"choices": [0.2, 0.3, 0.4, 0.5]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", GOES_ON)
def test_range_goes_on_beyond_the_end_where_the_best_lie(case: str) -> None:
    name, parameter, end, wanted = GOES_ON[case]
    spec = a_search_of(name, parameter)
    sign = 1.0 if end == "min" else -1.0

    (edge,) = edges_of(spec, lambda h: sign * value_of(h, name) + 1e-6 * h.noise)

    limits = parameter.get("choices") or [parameter["min"], parameter["max"]]
    assert (edge.name, edge.end) == (name, end)
    assert edge.limit == (max(limits) if end == "max" else min(limits))
    assert {key: edge.proposal[key] for key in wanted} == wanted
    proposed = SearchSpace.model_validate({name: edge.proposal})
    assert getattr(proposed, name).model_dump(mode="json", exclude_none=True) == edge.proposal


NATURAL: dict[str, tuple[str, dict[str, Any], str]] = {
    "no dropout": ("dropout", linear(0.0, 0.5), "min"),
    "no hidden layer": ("layers", linear(0, 6), "min"),
    "a penalty that is none": ("l2", log(1e-7, 1e-2), "min"),
    "no penalty": ("l1", linear(0.0, 0.1), "min"),
    "the largest rate": ("learning_rate", log(1e-3, 1.0), "max"),
    "as wide as servers take": ("width", log(64, 4096), "max"),
    "a patience of all epochs": ("patience", linear(5, 200), "max"),
    "one of two choices": ("batch_size", {"choices": [32, 128]}, "max"),
}


@pytest.mark.parametrize("case", NATURAL)
def test_natural_end_is_no_edge(case: str) -> None:
    name, parameter, end = NATURAL[case]
    sign = 1.0 if end == "min" else -1.0

    assert edges_of(a_search_of(name, parameter), lambda h: sign * value_of(h, name)) == []


@pytest.mark.parametrize(
    ("reason", "names"), [("early_stopping", ["patience"]), ("time_limit", [])]
)
def test_patience_that_no_trial_used_up_is_no_edge(reason: str, names: list[str]) -> None:
    spec = a_search_of("patience", linear(5, 30))
    trials = some_trials(spec, lambda h: -h.patience, 100)
    ended = [trial.model_copy(update={"reason": reason}) for trial in trials]

    assert [edge.name for edge in find_edges(spec, ended)] == names


def test_width_has_no_edge_where_the_best_networks_are_linear() -> None:
    space = FIXED | {"layers": {"min": 0, "max": 2}, "width": linear(16, 256)}
    spec = a_spec(search_space=space)

    assert edges_of(spec, lambda h: sum(h.widths)) == []


def test_best_in_the_middle_is_no_edge() -> None:
    spec = a_spec()

    assert edges_of(spec, lambda h: off(h.learning_rate, 3e-3) + abs(math.log10(h.l2) + 5)) == []


def test_words_have_no_edge() -> None:
    spec = a_search_of("activation", {"choices": ["relu", "tanh", "gelu"]})

    assert edges_of(spec, lambda h: float(h.activation != "relu")) == []


def test_lucky_trial_at_an_end_is_no_edge() -> None:
    spec = a_search_of("learning_rate", log(1e-4, 1e-1))
    trials = some_trials(spec, lambda h: off(h.learning_rate, 3e-3), 100)
    highest = max(trials, key=lambda trial: trial.hyperparameters.learning_rate)
    lucky = [t.model_copy(update={"score": 0.1}) if t is highest else t for t in trials]

    assert list(find_edges(spec, lucky)) == []


def test_chance_names_hardly_an_edge() -> None:
    spec = a_spec()

    named = sum(len(edges_of(spec, by_chance(seed), 60)) for seed in range(30))

    assert named <= 2


def test_objective_that_grows_is_read_upwards() -> None:
    spec = a_search_of("learning_rate", log(1e-4, 1e-2), objective="val_r2")

    (edge,) = edges_of(spec, lambda h: h.learning_rate)

    assert edge.end == "max"


def test_two_trials_name_no_edge() -> None:
    spec = a_search_of("learning_rate", log(1e-4, 1e-2))

    assert edges_of(spec, lambda h: -h.learning_rate, 2) == []


@pytest.mark.parametrize("sign", [1, -1])
def test_no_end_of_what_is_kept_of_the_inputs_is_proposed_as_a_space(sign: int) -> None:
    spec = a_spec(preprocessing={"select_features": {"choices": [8, 16, 32]}})

    assert edges_of(spec, lambda h: 100.0 + sign * h.select_features) == []
