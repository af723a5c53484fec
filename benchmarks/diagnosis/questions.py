"""Questions that people asked in forums from 2020 on, each with its address and what helped.

The tables and the formulas are of the same shape; no word or line of theirs is here. `sound` is the
recipe with the fix that a human named, all else as it was asked. Where the thread that was read
ends without a fix, the comment says so, and the fix is what its facts imply.
"""

from __future__ import annotations

from typing import Any

from benchmarks.diagnosis.faults import Fault
from benchmarks.diagnosis.recipe_edits import Edit
from lowloss.results import Cause
from lowloss.spec import Recipe

RELU = "relu"
BATCH_NORM = {"name": "batch_normalization"}


def dense(units: int, activation: str = "linear", **fields: Any) -> dict[str, Any]:
    """Return a Dense layer."""
    return {"units": units, "activation": activation, **fields}


def adam(rate: float = 0.001, **fields: Any) -> dict[str, Any]:
    """Return Adam at a learning rate."""
    return {"name": "adam", "learning_rate": rate, **fields}


def _written(fields: dict[str, Any]) -> Edit:
    recipe = Recipe.model_validate(fields)
    return lambda _: recipe


def _question(
    name: str, table: str, causes: tuple[Cause, ...], recipe: dict[str, Any], fix: dict[str, Any]
) -> Fault:
    """Return a question; the first of `causes` is the one that was named, all are right."""
    return Fault(
        name,
        causes[0],
        (table,),
        _written(recipe),
        sound=_written(recipe | fix),
        also=frozenset(causes),
    )


QUESTION_FAULTS = (
    # community.deeplearning.ai/t/loss-values-do-not-change/324182, May 2023; no fix was read
    _question(
        "relu to the end, a line through negative numbers",
        "line of seven rows",
        (Cause.wrong_output, Cause.dead_units),
        {
            "layers": [dense(4, RELU), dense(2, RELU), dense(1, RELU)],
            "loss": "mse",
            "optimizer": adam(),
            "epochs": 500,
        },
        {"layers": [dense(4, RELU), dense(2, RELU), dense(1)]},
    ),
    # datascience.stackexchange.com/questions/68962, 1 March 2020: more epochs, a higher rate
    _question(
        "the bias of Celsius to Fahrenheit is never right",
        "13 temperatures",
        (Cause.too_few_epochs, Cause.learning_rate_too_low),
        {"layers": [dense(1)], "loss": "mse", "optimizer": adam(0.01), "epochs": 500},
        {"optimizer": {"name": "nadam", "learning_rate": 0.1}, "epochs": 1000},
    ),
    # stackoverflow.com/questions/78199673, March 2024: it had not converged, more iterations
    _question(
        "linear regression of ten numbers predicts wrongly",
        "tens",
        (Cause.too_few_epochs, Cause.learning_rate_too_low),
        {
            "layers": [dense(1)],
            "loss": "mse",
            "optimizer": {"name": "rmsprop", "learning_rate": 0.005},
            "epochs": 100,
        },
        {"epochs": 2500},
    ),
    # ai.stackexchange.com/questions/18134, February 2020; no fix was read
    _question(
        "no activation, y = b + x^2",
        "parabola",
        (Cause.wrong_activation,),
        {
            "layers": [dense(2), dense(64), dense(32), dense(1)],
            "loss": "mse",
            "optimizer": adam(0.01),
            "epochs": 300,
            "validation_split": 0.25,
            "validation_rows": "last",
        },
        {"layers": [dense(2, RELU), dense(64, RELU), dense(32, RELU), dense(1)]},
    ),
    # github.com/rstudio-conf-2020/dl-keras-tf/issues/9, 28 January 2020: large when squared
    _question(
        "squared error of prices by sgd at 0.1 is nan",
        "sale prices",
        (
            Cause.target_not_scaled,
            Cause.exploding_gradients,
            Cause.learning_rate_too_high,
        ),
        {
            "layers": [dense(128, RELU), dense(1)],
            "loss": "mse",
            "optimizer": {"name": "sgd", "learning_rate": 0.1},
            "batch_size": 16,
            "epochs": 10,
            "validation_split": 0.2,
            "validation_rows": "last",
            "scale_features": "standard",
        },
        {"loss": "mean_squared_logarithmic_error", "epochs": 30},
    ),
    # github.com/keras-team/keras/issues/18919, 10 December 2023: large inputs; adapt the rate
    _question(
        "sgd on inputs of hundreds is nan, rmsprop is not",
        "large inputs",
        (
            Cause.features_not_scaled,
            Cause.exploding_gradients,
            Cause.optimizer,
            Cause.learning_rate_too_high,
        ),
        {
            "layers": [dense(32, RELU), dense(16, RELU), dense(1)],
            "loss": "mse",
            "optimizer": {"name": "sgd", "learning_rate": 0.01},
            "epochs": 50,
        },
        {"optimizer": {"name": "rmsprop", "learning_rate": 0.001}},
    ),
    # github.com/keras-team/keras/issues/13891, 12 March 2020: few relu units before the last; tanh
    _question(
        "a second layer of few relu units, and every answer is the same",
        "shifted sums",
        (Cause.dead_units, Cause.wrong_activation, Cause.too_simple),
        {
            "layers": [dense(8, RELU), dense(3, RELU), dense(1)],
            "loss": "mse",
            "optimizer": adam(0.01),
            "epochs": 60,
            "validation_split": 0.2,
            "reduce_lr_on_plateau": {"patience": 5},
        },
        {"layers": [dense(8, RELU), dense(3, "tanh"), dense(1)]},
    ),
    # stackoom.com/en/question/4HpqD, of Stack Overflow, 2020 or later by its logs: not both
    _question(
        "l2 beside dropout stays at chance",
        "digits",
        (Cause.l2_too_strong, Cause.dropout_too_strong),
        {
            "layers": [dense(36, "sigmoid", l2=0.01, dropout=0.5), dense(10, "softmax")],
            "loss": "sparse_categorical_crossentropy",
            "optimizer": {"name": "rmsprop", "learning_rate": 0.001},
            "batch_size": 128,
            "epochs": 100,
            "validation_split": 0.2,
            "scale_features": "minmax",
        },
        {"layers": [dense(36, "sigmoid", dropout=0.5), dense(10, "softmax")]},
    ),
    # discuss.ai.google.dev/t/31604, December 2021: normalisation behind the output
    _question(
        "batch normalisation of the four outputs",
        "curve parameters",
        (Cause.harmful_layers,),
        {
            "layers": [
                dense(64, RELU, after_dense=[BATCH_NORM]),
                dense(64, RELU, after_dense=[BATCH_NORM]),
                dense(4, after_dense=[BATCH_NORM]),
            ],
            "loss": "mse",
            "optimizer": adam(),
            "epochs": 30,
            "validation_split": 0.2,
        },
        {
            "layers": [
                dense(64, RELU, after_dense=[BATCH_NORM]),
                dense(64, RELU, after_dense=[BATCH_NORM]),
                dense(4),
            ]
        },
    ),
    # github.com/tensorflow/tensorflow/issues/39432, 11 May 2020: Adadelta's rate is 0.001, not 1
    _question(
        "an autoencoder by adadelta does not converge",
        "pixels",
        (Cause.learning_rate_too_low, Cause.optimizer, Cause.too_few_epochs),
        {
            "layers": [dense(4, RELU), dense(16, "sigmoid")],
            "loss": "binary_crossentropy",
            "optimizer": {"name": "adadelta"},
            "batch_size": 256,
            "epochs": 100,
        },
        {"optimizer": {"name": "adadelta", "learning_rate": 1.0}},
    ),
    # github.com/keras-team/keras/issues/14729, 16 June 2021: categorical crossentropy of one unit
    _question(
        "categorical crossentropy of one sigmoid",
        "cell scores",
        (Cause.wrong_loss, Cause.wrong_output),
        {
            "layers": [
                dense(16, RELU, kernel_initializer="random_uniform", dropout=0.1),
                dense(16, RELU, kernel_initializer="random_uniform", dropout=0.1),
                dense(1, "sigmoid", kernel_initializer="random_uniform"),
            ],
            "loss": "categorical_crossentropy",
            "optimizer": adam(),
            "batch_size": 100,
            "epochs": 100,
            "scale_features": "standard",
        },
        {"loss": "binary_crossentropy"},
    ),
    # github.com/keras-team/keras/issues/13926, 31 March 2020; no fix was read
    _question(
        "the loss of twelve class numbers is negative",
        "twelve numbers",
        (Cause.labels_not_encoded, Cause.wrong_output, Cause.wrong_loss),
        {
            "layers": [dense(64, RELU), dense(32, RELU), dense(1, "sigmoid")],
            "loss": "binary_crossentropy",
            "optimizer": adam(),
            "epochs": 40,
            "validation_split": 0.2,
        },
        {
            "layers": [dense(64, RELU), dense(32, RELU), dense(12, "softmax")],
            "loss": "sparse_categorical_crossentropy",
        },
    ),
    # developerload.com/labels-1-0-and-1-for-classification-in-tensorflow, 2021 or 2022: a softmax
    _question(
        "labels of -1, 0 and 1 by one tanh",
        "flowers",
        (Cause.wrong_output, Cause.wrong_loss, Cause.labels_not_encoded),
        {
            "layers": [dense(10, RELU), dense(1, "tanh")],
            "loss": "mse",
            "optimizer": adam(0.01),
            "epochs": 100,
        },
        {
            "layers": [dense(10, RELU), dense(3, "softmax")],
            "loss": "sparse_categorical_crossentropy",
            "encode_labels": True,
        },
    ),
    # github.com/keras-team/keras/issues/14046, 12 May 2020: crossentropy takes labels from 0 to 1
    _question(
        "crossentropy of labels -2 and 2",
        "two signs",
        (Cause.labels_not_encoded,),
        {
            "layers": [dense(16, RELU), dense(1, "sigmoid")],
            "loss": "binary_crossentropy",
            "optimizer": adam(),
            "epochs": 60,
        },
        {"encode_labels": True},
    ),
    # community.pangaeax.com, 17 March 2026: smaller, L2, early stopping
    _question(
        "overfits in spite of dropout",
        "twenty columns",
        (
            Cause.regularisation_missing,
            Cause.no_early_stopping,
            Cause.too_complex,
            Cause.no_validation_split,
        ),
        {
            "layers": [dense(128, RELU, dropout=0.5), dense(64, RELU), dense(1, "sigmoid")],
            "loss": "binary_crossentropy",
            "optimizer": adam(),
            "epochs": 50,
            "validation_split": 0.2,
        },
        {
            "layers": [
                dense(128, RELU, l2=0.001, after_activation=[BATCH_NORM], dropout=0.5),
                dense(64, RELU, l2=0.001, after_activation=[BATCH_NORM], dropout=0.5),
                dense(1, "sigmoid"),
            ],
            "epochs": 100,
            "early_stopping": {"patience": 5, "restore_best_weights": True},
        },
    ),
    # github.com/tensorflow/tensorflow/issues/53211, 26 November 2021: the split takes the last rows
    _question(
        "the last rows of a sorted table validate",
        "sorted classes",
        (Cause.ordered_rows,),
        {
            "layers": [dense(32, RELU), dense(5, "softmax")],
            "loss": "sparse_categorical_crossentropy",
            "optimizer": adam(0.003),
            "epochs": 100,
            "validation_split": 0.2,
            "validation_rows": "last",
            "early_stopping": {"patience": 5, "restore_best_weights": True},
        },
        {"validation_rows": "random"},
    ),
    # github.com/keras-team/keras-tuner/issues/345, 7 July 2020: the data was not scaled
    _question(
        "the loss of a housing regression explodes",
        "districts",
        (Cause.features_not_scaled, Cause.target_not_scaled, Cause.exploding_gradients),
        {
            "layers": [dense(64, RELU), dense(64, RELU), dense(1)],
            "loss": "mse",
            "optimizer": adam(),
            "epochs": 30,
            "validation_split": 0.2,
        },
        {"scale_features": "standard", "scale_target": "standard"},
    ),
    # github.com/tensorflow/tensorflow/issues/48308, 5 April 2021: the scheduler was misused
    _question(
        "stuck after the first epoch by a schedule",
        "waves",
        (Cause.learning_rate_too_low,),
        {
            "layers": [dense(64, RELU), dense(64, RELU), dense(1)],
            "loss": "mse",
            "optimizer": adam(
                0.001, decay={"form": "exponential", "decay_steps": 5, "decay_rate": 0.5}
            ),
            "epochs": 40,
            "validation_split": 0.2,
        },
        {"optimizer": adam(0.001)},
    ),
    # stats.stackexchange.com/questions/481881, August 2020: softmax over one unit is always 1
    _question(
        "softmax over one unit, the answer among the columns",
        "answer in a column",
        (Cause.wrong_output, Cause.wrong_loss),
        {
            "layers": [dense(30, RELU), dense(64, RELU), dense(1, "softmax")],
            "loss": "categorical_crossentropy",
            "optimizer": adam(),
            "epochs": 10,
        },
        {
            "layers": [dense(30, RELU), dense(64, RELU), dense(1, "sigmoid")],
            "loss": "binary_crossentropy",
        },
    ),
)
"""They count in neither half."""
