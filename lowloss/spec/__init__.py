"""What you submit: a JobSpec and its parts."""

from lowloss.spec.continuation import Continuation
from lowloss.spec.job import (
    Budget,
    Features,
    Final,
    JobSpec,
    Preprocessing,
    Priority,
    Pruning,
    SearchSpace,
    Validation,
)
from lowloss.spec.objective import REGRESSION_METRICS, Direction, Objective, Task, direction_of
from lowloss.spec.parameters import (
    FORMS,
    Activation,
    Choice,
    CountRange,
    Float,
    Int,
    Optimizer,
    Scaling,
    Schedule,
    WidthRange,
)
from lowloss.spec.parts import Spec, Text

__all__ = [
    "FORMS",
    "REGRESSION_METRICS",
    "Activation",
    "Budget",
    "Choice",
    "Continuation",
    "CountRange",
    "Direction",
    "Features",
    "Final",
    "Float",
    "Int",
    "JobSpec",
    "Objective",
    "Optimizer",
    "Preprocessing",
    "Priority",
    "Pruning",
    "Scaling",
    "Schedule",
    "SearchSpace",
    "Spec",
    "Task",
    "Text",
    "Validation",
    "WidthRange",
    "direction_of",
]
