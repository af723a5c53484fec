"""The specifications that a user submits: JobSpec, DiagnosisSpec and their parts."""

from lowloss.spec.access import (
    DEFAULT_PROJECT,
    NewProject,
    NewToken,
    ProjectName,
    Quotas,
    Scope,
)
from lowloss.spec.activations import Activation, LayerActivation
from lowloss.spec.continuation import Continuation
from lowloss.spec.diagnosis import DiagnosisBudget, DiagnosisSpec
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
    remaining,
)
from lowloss.spec.losses import LossName
from lowloss.spec.needs import ExecutorName, Needs
from lowloss.spec.objective import (
    REGRESSION_METRICS,
    Direction,
    Objective,
    PredictedTargets,
    TargetColumn,
    Task,
    direction_of,
)
from lowloss.spec.optimizers import OptimizerName
from lowloss.spec.parameters import (
    Choice,
    CountRange,
    Float,
    Int,
    Scaling,
    WidthRange,
)
from lowloss.spec.parts import Spec, Text, wrong_value
from lowloss.spec.recipe import Recipe, RecipeEarlyStopping, RecipePlateau, RecipeScaling
from lowloss.spec.recipe_layer import Initializer, RecipeLayer
from lowloss.spec.recipe_optimizer import RecipeOptimizer
from lowloss.spec.schedules import Schedule

__all__ = [
    "DEFAULT_PROJECT",
    "REGRESSION_METRICS",
    "Activation",
    "Budget",
    "Choice",
    "Continuation",
    "CountRange",
    "DiagnosisBudget",
    "DiagnosisSpec",
    "Direction",
    "ExecutorName",
    "Features",
    "Final",
    "Float",
    "Initializer",
    "Int",
    "JobSpec",
    "LayerActivation",
    "LossName",
    "Needs",
    "NewProject",
    "NewToken",
    "Objective",
    "OptimizerName",
    "PredictedTargets",
    "Preprocessing",
    "Priority",
    "ProjectName",
    "Pruning",
    "Quotas",
    "Recipe",
    "RecipeEarlyStopping",
    "RecipeLayer",
    "RecipeOptimizer",
    "RecipePlateau",
    "RecipeScaling",
    "Scaling",
    "Schedule",
    "Scope",
    "SearchSpace",
    "Spec",
    "TargetColumn",
    "Task",
    "Text",
    "Validation",
    "WidthRange",
    "direction_of",
    "remaining",
    "wrong_value",
]
