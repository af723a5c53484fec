"""The optimizers, one record each: what a specification, Keras code and the checks say of them.

The engine has a rule of the same name for each (`worker/engine/optimizers.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple


class Constant(NamedTuple):
    """A constructor argument that only stock Keras varies: all else has Keras's default.

    Between `low` and `high` a network trains much alike.
    """

    default: float
    low: float
    high: float


BETA_1 = Constant(0.9, 0.8, 0.95)
BETA_2 = Constant(0.999, 0.9, 0.9999)
EPSILON = Constant(1e-7, 0.0, 1e-5)
USUAL_MOMENTUM = 0.9
"""The momentum of SGD in every search."""


@dataclass(frozen=True)
class OptimizerRecord:
    """An optimizer of Keras.

    `usual_rates` are those between which most networks on scaled tables train. An adaptive one
    scales each weight's step by its gradients. `arguments` are what its name stands for; `flags`
    further ones that only stock Keras has.
    """

    name: str
    keras_class: str
    default_rate: float
    usual_rates: tuple[float, float]
    is_adaptive: bool = True
    takes_momentum: bool = False
    default_decay: float = 0.0
    constants: Mapping[str, Constant] = field(default_factory=dict)
    arguments: Mapping[str, bool] = field(default_factory=dict)
    flags: frozenset[str] = frozenset()


_ADAM = OptimizerRecord(
    "adam",
    "Adam",
    0.001,
    (1e-4, 1e-2),
    constants={"beta_1": BETA_1, "beta_2": BETA_2, "epsilon": EPSILON},
    flags=frozenset({"amsgrad"}),
)
_SGD = OptimizerRecord(
    "sgd",
    "SGD",
    0.01,
    (1e-3, 0.1),
    is_adaptive=False,
    takes_momentum=True,
    arguments={"nesterov": False},
)
_RECORDS = (
    _ADAM,
    replace(_ADAM, name="adamw", keras_class="AdamW", default_decay=0.004),
    replace(_ADAM, name="nadam", keras_class="Nadam", flags=frozenset()),
    # Its paper (Kingma and Ba 2015) takes twice Adam's rate.
    replace(
        _ADAM,
        name="adamax",
        keras_class="Adamax",
        usual_rates=(2e-4, 2e-2),
        flags=frozenset(),
    ),
    # Chen et al. 2023: a third to a tenth of AdamW's rate, since every step has full size.
    OptimizerRecord(
        "lion",
        "Lion",
        0.001,
        (1e-5, 1e-3),
        constants={"beta_1": BETA_1, "beta_2": Constant(0.99, 0.9, 0.999)},
    ),
    # Its steps only shrink: Keras's default rate is too low for most networks.
    OptimizerRecord(
        "adagrad",
        "Adagrad",
        0.001,
        (5e-3, 0.5),
        constants={"initial_accumulator_value": Constant(0.1, 0.0, 0.1), "epsilon": EPSILON},
    ),
    # Zeiler 2012 has no rate, which is one of 1: Keras's default is too low for most networks.
    OptimizerRecord(
        "adadelta",
        "Adadelta",
        0.001,
        (0.1, 2.0),
        constants={"rho": Constant(0.95, 0.8, 0.99), "epsilon": EPSILON},
    ),
    OptimizerRecord(
        "rmsprop",
        "RMSprop",
        0.001,
        (1e-4, 1e-2),
        constants={
            "rho": Constant(0.9, 0.8, 0.99),
            "epsilon": EPSILON,
            "momentum": Constant(0.0, 0.0, 0.0),
        },
        flags=frozenset({"centered"}),
    ),
    _SGD,
    replace(_SGD, name="sgd_nesterov", arguments={"nesterov": True}),
)
OPTIMIZERS: Mapping[str, OptimizerRecord] = {record.name: record for record in _RECORDS}

if TYPE_CHECKING:
    OptimizerName = str
else:
    OptimizerName = Literal[tuple(OPTIMIZERS)]


def find_optimizer(keras_class: str, config: Mapping[str, Any]) -> OptimizerRecord | None:
    """Return the record of a Keras class, in any case, built with these arguments."""
    for record in OPTIMIZERS.values():
        is_same = record.keras_class.lower() == keras_class.lower()
        if is_same and all(
            (config.get(name) or False) is value for name, value in record.arguments.items()
        ):
            return record
    return None
