"""Whole diagnoses of small programs: questions that people asked, and a sound recipe."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lowloss.results import Cause, Diagnosis, Severity
from lowloss.spec import Recipe
from lowloss.wording import format_loss
from tests.builders.recipes import SOUND, a_case, a_network, some_classes, some_numbers
from worker.diagnosis.diagnose import diagnose
from worker.diagnosis.thresholds import CRITICAL_SHARE
from worker.execution.local import LocalExecutor

FOURTH = np.random.default_rng(0).uniform(-10, 10, 250)
THOUSANDS = some_numbers(200, scale=300) | {"y": some_numbers(200, scale=300)["y"] + 3000}
ADAM = {"name": "adam", "learning_rate": 0.003}


@pytest.fixture(scope="module")
def executor() -> LocalExecutor:
    """Compiled once for what is alike."""
    return LocalExecutor()


def diagnosed(
    columns: dict[str, Any], recipe: Recipe, executor: LocalExecutor, **given: Any
) -> Diagnosis:
    table, spec, checked = a_case(columns, recipe, seconds=200)
    return diagnose(table, spec, checked, executor=executor, **given)


def harmful(diagnosis: Diagnosis) -> list[Cause]:
    return [each.cause for each in diagnosis.findings if each.severity is not Severity.none]


@pytest.mark.slow
def test_fourth_power_unscaled_wants_its_target_scaled(executor: LocalExecutor) -> None:
    recipe = a_network(32, 32, optimizer="adam", epochs=40)

    diagnosis = diagnosed({"x": FOURTH, "y": FOURTH**4}, recipe, executor)

    first = diagnosis.findings[0]
    assert first.cause is Cause.target_not_scaled
    assert first.remedy is not None
    assert first.remedy.change == {"scale_target": "standard"}
    assert "StandardScaler" in first.remedy.code
    assert first.effect is not None
    assert first.effect.low < first.effect.share < first.effect.high
    assert diagnosis.loss is not None
    assert diagnosis.remedied_loss is not None
    assert diagnosis.remedied_loss < 0.1 * diagnosis.loss
    assert diagnosis.remedied_recipe.scale_target == "standard"
    assert format_loss(diagnosis.loss) in diagnosis.verdict
    assert len(diagnosis.recipe_curve.loss) == 40


CASES: list[tuple[dict[str, Any], Recipe, Cause]] = [
    (
        some_numbers(200),
        a_network(32, output={"activation": "softmax"}, optimizer=ADAM, epochs=20),
        Cause.wrong_output,
    ),
    (
        THOUSANDS,
        a_network(32, output={"activation": "sigmoid"}, optimizer=ADAM, epochs=20),
        Cause.wrong_output,
    ),
    (some_numbers(200), a_network(32, optimizer=ADAM, epochs=0), Cause.too_few_epochs),
    (
        some_numbers(200) | {"x1": np.where(np.arange(200) == 7, np.nan, FOURTH[:200])},
        a_network(32, optimizer=ADAM, epochs=20, scale_features="standard"),
        Cause.missing_values,
    ),
    (
        some_classes(240, 8),
        a_network(
            32,
            output={"activation": "sigmoid"},
            loss="binary_crossentropy",
            optimizer=ADAM,
            epochs=20,
        ),
        Cause.wrong_output,
    ),
    (
        some_numbers(200),
        a_network(32, **SOUND | {"optimizer": {"name": "adam", "learning_rate": 3e-7}}),
        Cause.learning_rate_too_low,
    ),
]


@pytest.mark.parametrize(
    ("columns", "recipe", "cause"),
    [CASES[0], *(pytest.param(*case, marks=pytest.mark.slow) for case in CASES[1:])],
)
@pytest.mark.filterwarnings("ignore:You are using a softmax over axis -1:UserWarning:keras")
def test_cause_comes_first(
    columns: dict[str, Any], recipe: Recipe, cause: Cause, executor: LocalExecutor
) -> None:
    diagnosis = diagnosed(columns, recipe, executor)

    first = diagnosis.findings[0]
    assert harmful(diagnosis)[0] is cause
    assert first.effect is not None
    is_most = first.effect.share >= CRITICAL_SHARE
    assert first.severity is (Severity.critical if is_most else Severity.major)


@pytest.mark.slow
@pytest.mark.parametrize(
    "fields",
    [
        {"validation_split": 0.3, "validation_rows": "last", "early_stopping": {"patience": 5}},
        {"shuffle": False},
    ],
    ids=["last", "unshuffled"],
)
def test_rows_in_the_order_of_their_classes_want_to_be_shuffled(
    fields: dict[str, Any], executor: LocalExecutor
) -> None:
    columns = some_classes(300)
    order = np.argsort(columns["y"], kind="stable")
    in_order = {name: values[order] for name, values in columns.items()}
    softmax = {"units": 3, "activation": "softmax"}
    loss = "sparse_categorical_crossentropy"
    recipe = a_network(
        32,
        output=softmax,
        loss=loss,
        optimizer=ADAM,
        epochs=40,
        scale_features="standard",
        **fields,
    )

    diagnosis = diagnosed(in_order, recipe, executor)
    shuffled = diagnosed(columns, recipe, executor)

    assert harmful(diagnosis)[0] is Cause.ordered_rows
    assert diagnosis.findings[0].remedy is not None
    assert diagnosis.findings[0].remedy.change.keys() <= {"validation_rows", "shuffle"}
    assert Cause.ordered_rows not in {finding.cause for finding in shuffled.findings}


def test_exclusive_or_of_four_rows_wants_more_epochs(executor: LocalExecutor) -> None:
    columns = {"a": [0.0, 0.0, 1.0, 1.0], "b": [0.0, 1.0, 0.0, 1.0], "y": [0, 1, 1, 0]}
    ending = {"units": 1, "activation": "sigmoid"}
    recipe = a_network(8, output=ending, loss="binary_crossentropy", optimizer=ADAM, epochs=20)

    diagnosis = diagnosed(columns, recipe, executor)

    assert {"too_few_epochs", "learning_rate_too_low"} & set(harmful(diagnosis)[:1])
    assert diagnosis.remedied_loss is not None
    assert diagnosis.remedied_loss < 0.1
    assert diagnosis.rows == {"train": 4, "judge": 4}
    assert not any("did not train it" in sentence for sentence in diagnosis.remaining)
    (note,) = diagnosis.notes
    assert "4 rows" in note


@pytest.mark.slow
@pytest.mark.parametrize("labels", [(1, 2), (-1, 1), (0, 255)])
def test_labels_that_the_loss_does_not_take_come_first(
    labels: tuple[int, int], executor: LocalExecutor
) -> None:
    columns = some_classes(300, 2)
    ending = {"units": 1, "activation": "sigmoid"}
    recipe = a_network(16, output=ending, loss="binary_crossentropy", optimizer=ADAM, epochs=40)

    diagnosis = diagnosed(columns | {"y": np.array(labels)[columns["y"]]}, recipe, executor)

    assert harmful(diagnosis)[0] is Cause.labels_not_encoded
    assert diagnosis.remedied_recipe.encode_labels
    assert diagnosis.remedied_loss is not None
    assert diagnosis.loss is not None
    assert diagnosis.remedied_loss < 0.8 * diagnosis.loss
    assert diagnosis.remedied_loss < 1.1 * diagnosis.best


def test_sound_recipe_has_nothing_wrong(executor: LocalExecutor) -> None:
    diagnosis = diagnosed(some_numbers(800), a_network(32, 32, **SOUND), executor)

    assert harmful(diagnosis) == []
    assert diagnosis.verdict.startswith("Nothing wrong found")
    assert diagnosis.remedied_recipe == diagnosis.recipe


@pytest.mark.slow
def test_recipe_that_keras_refuses_is_told_why(executor: LocalExecutor) -> None:
    recipe = a_network(
        16,
        output={"units": 2, "activation": "softmax"},
        loss="sparse_categorical_crossentropy",
        optimizer=ADAM,
        epochs=20,
    )

    diagnosis = diagnosed(some_classes(150), recipe, executor)

    assert diagnosis.findings[0].cause is Cause.wrong_output
    assert "2 output units for 3 classes" in diagnosis.findings[0].sentence
    assert diagnosis.loss is None
    assert diagnosis.remedied_loss is not None


def test_diagnosis_that_nobody_waits_for_tells_what_it_found(executor: LocalExecutor) -> None:
    calls = iter(range(1_000_000))

    diagnosis = diagnosed(
        some_numbers(), a_network(16, epochs=5), executor, should_continue=lambda: next(calls) < 40
    )

    told = " ".join((diagnosis.verdict, *diagnosis.skipped))
    told += " ".join(finding.sentence for finding in diagnosis.findings)
    assert diagnosis.skipped
    assert diagnosis.baselines == {}
    assert "since the job was to end" in told
    assert "want of time" not in told
    assert "max_seconds" not in told


@pytest.mark.parametrize(("inputs", "is_told"), [(12, True), (4, False), (None, False)])
def test_a_network_for_other_columns_is_told_as_such(
    inputs: int | None, is_told: bool, executor: LocalExecutor
) -> None:
    calls = iter(range(1_000_000))
    recipe = a_network(16, epochs=5, inputs=inputs)

    diagnosis = diagnosed(
        some_numbers(), recipe, executor, should_continue=lambda: next(calls) < 20
    )

    # First: it says of what all the rest is.
    first = "The network was built for rows of 12 numbers, and the table gives it 4 here, "
    assert diagnosis.verdict.startswith(first) == is_told
    assert ("numbers" in diagnosis.verdict) == is_told
    assert not any("numbers" in note for note in diagnosis.notes)


def test_what_ends_a_diagnosis_is_raised(executor: LocalExecutor) -> None:
    class EndedError(Exception):
        pass

    def should_continue() -> bool:
        raise EndedError

    with pytest.raises(EndedError):
        diagnosed(some_numbers(), a_network(16), executor, should_continue=should_continue)


@pytest.mark.slow
def test_same_seed_gives_the_same_losses(executor: LocalExecutor) -> None:
    recipe = a_network(16, optimizer=ADAM, epochs=5)

    one, two = (diagnosed(some_numbers(100), recipe, executor) for _ in range(2))

    assert one.experiments == two.experiments


def test_outlier_that_is_the_whole_loss_is_told(executor: LocalExecutor) -> None:
    columns = some_numbers(300)
    y = columns["y"].copy()
    y[17] = 9999.0

    diagnosis = diagnosed(columns | {"y": y}, a_network(16, 16, **SOUND), executor)

    assert harmful(diagnosis)[0] is Cause.outliers
    assert "Nothing wrong found" not in diagnosis.verdict
    assert diagnosis.findings[0].rows == (17,)


def rated() -> dict[str, Any]:
    """Ratings that follow from who rates what, by numbers that say nothing of either."""
    rng = np.random.default_rng(5)
    user, item = rng.integers(0, 25, 600), rng.integers(0, 12, 600)
    y = rng.normal(size=25)[user] + rng.normal(size=12)[item] + 0.2 * rng.normal(size=600)
    return {"user": user, "item": item, "y": y}


def test_codes_that_are_fed_as_numbers_want_columns_of_their_own(executor: LocalExecutor) -> None:
    recipe = a_network(32, optimizer=ADAM, epochs=40, scale_features="standard")

    diagnosis = diagnosed(rated(), recipe, executor)

    first = diagnosis.findings[0]
    assert first.cause is Cause.codes_as_numbers
    assert first.remedy is not None
    assert set(first.remedy.change["categorical"]) == {"user", "item"}
    assert "OneHotEncoder" in first.remedy.code
    assert diagnosis.loss is not None
    assert diagnosis.remedied_loss is not None
    assert diagnosis.remedied_loss < 0.3 * diagnosis.loss
    mended = diagnosed(rated(), diagnosis.remedied_recipe, executor)
    assert Cause.codes_as_numbers not in [finding.cause for finding in mended.findings]


@pytest.mark.parametrize("selected", [None, 1])
def test_rows_beyond_what_memory_holds_are_left_out_and_said_to_be(
    selected: int | None, executor: LocalExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.diagnosis.diagnose.MAX_VIEW_BYTES", 2**20)
    recipe = a_network(4, epochs=1, missing="mean", select_features=selected)
    table, spec, checked = a_case(some_numbers(3_000), recipe, seconds=1)

    diagnosis = diagnose(table, spec, checked, executor=executor)

    assert "270 of 3,000 rows, more than there is time and memory for" in diagnosis.skipped
