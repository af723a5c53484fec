"""Whole diagnoses of networks that stock Keras trains: nothing that people wrote is refused."""

from __future__ import annotations

from typing import Any

import pytest

from lowloss.results import Cause, Diagnosis, EvidenceState, Severity
from lowloss.spec import Recipe
from tests.builders.recipes import a_case, a_network, data_of, some_classes, some_numbers
from worker.diagnosis.chain.changes import leave_out_extra_layers, resize_layers
from worker.diagnosis.chain.skips import change_recipe
from worker.diagnosis.diagnose import diagnose
from worker.diagnosis.training.probe import probe_network
from worker.diagnosis.training.trainer import Trainer
from worker.diagnosis.training.variants import Variant
from worker.execution.local import LocalExecutor

NORM = "batch_normalization"
ADAM = {"name": "adam", "learning_rate": 0.003}
DEEP_BELOW = {"name": "constant", "scale": -50.0}


@pytest.fixture(scope="module")
def executor() -> LocalExecutor:
    """Compiled once for what is alike."""
    return LocalExecutor()


def diagnosed(columns: dict[str, Any], recipe: Recipe, executor: LocalExecutor) -> Diagnosis:
    table, spec, checked = a_case(columns, recipe, seconds=200)
    return diagnose(table, spec, checked, executor=executor)


@pytest.mark.slow
def test_a_network_with_batch_normalisation_wants_its_target_scaled(
    executor: LocalExecutor,
) -> None:
    layer = {"after_dense": [NORM], "use_bias": False}
    recipe = a_network(32, 16, hidden=layer, optimizer="adam", epochs=20)

    diagnosis = diagnosed(some_numbers(300, scale=300), recipe, executor)

    first = diagnosis.findings[0]
    assert first.cause is Cause.target_not_scaled
    assert first.evidence_state is EvidenceState.confirmed
    assert diagnosis.runs == 4
    assert "BatchNormalization, Dense layers without biases: stock Keras" in diagnosis.notes[0]
    assert diagnosis.remedied_recipe.layers[0].after_dense == recipe.layers[0].after_dense


def test_stock_keras_and_cohorts_train_side_by_side(executor: LocalExecutor) -> None:
    layered = a_network(8, hidden={"after_dense": [NORM, "prelu"]}, optimizer=ADAM, epochs=3)
    plain = layered.with_changes(leave_out_extra_layers(layered))
    data, _ = data_of(some_numbers(100), layered)
    trainer = Trainer(data, layered, executor)

    trainer.train([Variant(layered), Variant(plain)], range(1))

    (with_keras,), (in_cohort,) = (trainer.runs_of(Variant(one)) for one in (layered, plain))
    assert with_keras.trained is not None
    assert in_cohort.trained is not None
    assert with_keras.trained.program == "keras_fit"
    assert in_cohort.trained.program.startswith("cohort")
    assert 0 < with_keras.relative < 2
    assert trainer.estimate_run(Variant(layered)) > trainer.estimate_run(Variant(plain))


def test_a_network_with_skips_is_trained_beside_its_remedies(executor: LocalExecutor) -> None:
    layers = [
        {"units": 8, "activation": "relu", "after_activation": [{"name": "skip_start", "skip": 2}]},
        {"units": 8, "activation": "relu", "after_dense": [{"name": "add", "skip": 2}]},
        {"units": 4, "activation": "relu", "after_activation": ["concatenate"]},
        {"units": 1},
    ]
    fields = {"layers": layers, "front_layers": ["skip_start"], "loss": "mse", "epochs": 3}
    recipe = Recipe.model_validate(fields | {"optimizer": ADAM})
    data, _ = data_of(some_numbers(100), recipe)
    trainer = Trainer(data, recipe, executor)
    narrowed = change_recipe(recipe, resize_layers(0.5)(recipe))
    start = Variant(recipe)

    trainer.train([start, Variant(narrowed)], range(1))
    probe = probe_network(trainer, start, trainer.runs_of(start)[0])

    shapes = [w.shape for w in trainer.runs_of(start)[0].weights if w.ndim == 2]
    assert shapes == [(4, 8), (8, 8), (8, 4), (8, 1)]
    shapes = [w.shape for w in trainer.runs_of(Variant(narrowed))[0].weights if w.ndim == 2]
    assert shapes == [(4, 4), (4, 4), (4, 4), (8, 1)]
    assert probe is not None
    assert probe.step is not None


def test_training_ends_by_what_the_script_watched(executor: LocalExecutor) -> None:
    def epochs(**watched: Any) -> int:
        stopping = {"patience": 3, "restore_best_weights": True} | watched
        split = {"validation_split": 0.0 if watched.get("monitor") == "accuracy" else 0.2}
        recipe = a_network(
            16,
            output={"units": 3, "activation": "softmax"},
            loss="sparse_categorical_crossentropy",
            optimizer={"name": "adam", "learning_rate": 0.01},
            epochs=30,
            early_stopping=stopping,
            **split,
        )
        data, _ = data_of(some_classes(), recipe)
        trainer = Trainer(data, recipe, executor)
        trainer.train([Variant(recipe)], range(1))
        (run,) = trainer.runs_of(Variant(recipe))
        assert run.trained is not None
        assert run.loss is not None
        return len(run.trained.epochs)

    # The classes are told apart after some epochs: the loss falls on, the accuracy cannot rise.
    by_loss = epochs(monitor="val_loss")
    assert 4 <= epochs(monitor="val_accuracy") < by_loss
    assert 4 <= epochs(monitor="accuracy") < by_loss
    # It never falls, which a script may wait for by mistake.
    assert epochs(monitor="val_accuracy", mode="min") < 10
    assert epochs(monitor="val_loss", min_delta=10.0) == 4


def test_a_layer_of_dead_units_is_found(executor: LocalExecutor) -> None:
    recipe = a_network(8, 3, optimizer=ADAM, epochs=2)
    first, _, last = recipe.layers
    dying = {"units": 3, "activation": "relu", "bias_initializer": DEEP_BELOW}
    dead = a_network(optimizer=ADAM, epochs=2).with_changes({"layers": [first, dying, last]})
    data, _ = data_of(some_numbers(100), recipe)
    trainer = Trainer(data, recipe, executor)

    trainer.train([Variant(recipe), Variant(dead)], range(1))
    alive_probe, dead_probe = (
        probe_network(trainer, variant, trainer.runs_of(variant)[0])
        for variant in (Variant(recipe), Variant(dead))
    )

    assert alive_probe is not None
    assert alive_probe.dead_layer == 0
    assert dead_probe is not None
    assert dead_probe.dead_layer == 2


def test_units_that_are_not_as_many_as_the_columns_are_refused(executor: LocalExecutor) -> None:
    added = a_network(8, hidden={"after_dense": ["add"]}, front_layers=["skip_start"])
    data, _ = data_of(some_numbers(100), added)
    trainer = Trainer(data, added, executor)

    trainer.train([Variant(added)], range(1))

    (judged,) = trainer.runs_of(Variant(added))
    assert judged.refusal is not None
    assert "takes skip 1 of 4 units, and has 8 units itself" in judged.refusal


def test_an_untrained_network_of_keras_is_judged_by_its_initial_weights(
    executor: LocalExecutor,
) -> None:
    recipe = a_network(8, hidden={"after_dense": [NORM]}, epochs=0)
    data, _ = data_of(some_numbers(100), recipe)
    trainer = Trainer(data, recipe, executor)

    trainer.train([Variant(recipe)], range(1))

    (judged,) = trainer.runs_of(Variant(recipe))
    assert judged.trained is None
    assert judged.loss is not None


@pytest.mark.slow
def test_dropout_behind_the_output_is_left_out(executor: LocalExecutor) -> None:
    recipe = a_network(
        32,
        output={"units": 1, "dropout": 0.6},
        scale_features="standard",
        scale_target="standard",
        optimizer=ADAM,
        epochs=30,
    )

    diagnosis = diagnosed(some_numbers(200), recipe, executor)

    harmful = [one.cause for one in diagnosis.findings if one.severity is not Severity.none]
    assert harmful[0] is Cause.harmful_layers
