"""A recipe's optimizer with Keras's arguments: where they may stand, and which fit."""

from __future__ import annotations

from typing import Any

import pytest

from lowloss.errors import Problem
from lowloss.spec import RecipeOptimizer
from lowloss.validation import validate


def an_optimizer(**fields: Any) -> RecipeOptimizer:
    return RecipeOptimizer.model_validate(fields)


def test_arguments_may_stand_beside_the_name() -> None:
    beside = an_optimizer(name="Adam", beta_1=0.5, amsgrad=True, learning_rate=0.01)

    assert beside == an_optimizer(
        name="adam", learning_rate=0.01, arguments={"beta_1": 0.5, "amsgrad": True}
    )
    assert beside.keras_arguments == (("beta_1", 0.5), ("amsgrad", True))


def test_arguments_of_keras_s_own_values_are_none() -> None:
    optimizer = an_optimizer(name="adam", beta_1=0.9, epsilon=1e-7, amsgrad=False)

    assert optimizer.keras_arguments == ()


def test_the_momentum_of_rmsprop_is_an_argument() -> None:
    assert an_optimizer(name="RMSprop", momentum=0.9).keras_arguments == (("momentum", 0.9),)
    assert an_optimizer(name="sgd", momentum=0.9).keras_arguments == ()


def test_a_number_for_decay_is_that_of_keras_2() -> None:
    decay = an_optimizer(name="sgd", decay=1e-4).decay

    assert decay is not None
    assert (decay.keras_class, decay.decay_steps, decay.decay_rate) == ("InverseTimeDecay", 1, 1e-4)
    assert an_optimizer(name="sgd", decay=0.0).decay is None


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "sgd", "beta_1": 0.5}, "sgd takes no beta_1"),
        ({"name": "nadam", "amsgrad": True}, "nadam takes no amsgrad"),
        ({"name": "adam", "clip_norm": 1.0, "clipvalue": 1.0}, "one of clip_norm"),
        ({"name": "adam", "schedule": "cosine", "decay": 0.1}, "by the schedule cosine"),
        ({"name": "adam", "beta_1": 1.5}, "1.5 is not accepted"),
        ({"name": "adam", "arguments": {"beta_3": 1}}, "no field 'beta_3'"),
    ],
)
def test_what_does_not_fit_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(Problem, match=words) as caught:
        validate(RecipeOptimizer, fields)

    assert caught.value.fix
