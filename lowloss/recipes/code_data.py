"""The part of a Keras script that makes arrays ready for a network."""

from __future__ import annotations

from lowloss.recipes.code_layout import Section, call, literal
from lowloss.spec import Recipe, Task

_SCALERS = {
    "standard": "StandardScaler()",
    "minmax": "MinMaxScaler()",
    "robust": "RobustScaler()",
    "quantile": 'QuantileTransformer(output_distribution="normal")',
}
_NUMPY = "import numpy as np"


def is_validated(recipe: Recipe) -> bool:
    """Whether some rows are set aside to validate on."""
    return recipe.validation_split > 0


def is_balanced(recipe: Recipe, task: Task) -> bool:
    """Whether every class weighs the same."""
    return recipe.class_weight == "balanced" and task is not Task.regression


def is_one_hot(recipe: Recipe, task: Task) -> bool:
    """Whether a class is a row of zeros and a one to the loss: mixup has no other way."""
    is_by_number = recipe.loss == "sparse_categorical_crossentropy" and not recipe.mixup
    return task is not Task.regression and recipe.output.units > 1 and not is_by_number


def exclusion(recipe: Recipe) -> Section:
    """Columns that the network does not see."""
    if not recipe.exclude:
        return Section()
    return Section(
        (
            "# columns: the names of x's columns",
            f"excluded = {literal(recipe.exclude)}",
            "x = x[:, [name not in excluded for name in columns]]",
        )
    )


def split(recipe: Recipe) -> Section:
    """Rows to train on, and to validate on."""
    if not is_validated(recipe):
        return Section(("x_train, y_train = x, y",))
    options = {"test_size": literal(recipe.validation_split), "random_state": "0"}
    name = "x_train, x_val, y_train, y_val = train_test_split"
    return Section(
        tuple(call(name, "x", "y", options=options)),
        ("from sklearn.model_selection import train_test_split",),
    )


def feature_scaling(recipe: Recipe) -> Section:
    """Features scaled by what the training rows alone say."""
    if recipe.scale_features == "none":
        return Section()
    return _scaler(recipe, "x", recipe.scale_features, "{}")


def imputation(recipe: Recipe) -> Section:
    """Missing numbers replaced, and told of in columns of their own."""
    if recipe.missing == "keep":
        return Section()
    return Section(
        (
            "imputer = SimpleImputer(add_indicator=True).fit(x_train)",
            _transformed(recipe, "x", "imputer", "{}"),
        ),
        ("from sklearn.impute import SimpleImputer",),
    )


def target_scaling(recipe: Recipe, task: Task) -> Section:
    """The target scaled: predictions are to be scaled back."""
    if not has_scaled_target(recipe, task):
        return Section()
    return _scaler(recipe, "y", recipe.scale_target, "{}.reshape(-1, 1)")


def has_scaled_target(recipe: Recipe, task: Task) -> bool:
    """Whether what the network answers is to be scaled back."""
    return recipe.scale_target != "none" and task is Task.regression


def class_weights(recipe: Recipe, task: Task) -> Section:
    """A weight for every class."""
    if not is_balanced(recipe, task):
        return Section()
    options = {"classes": "classes", "y": "y_train"}
    return Section(
        (
            "classes = np.unique(y_train)",
            *call("weights = compute_class_weight", '"balanced"', options=options),
            "class_weight = dict(zip(classes.tolist(), weights.tolist()))",
        ),
        (_NUMPY, "from sklearn.utils.class_weight import compute_class_weight"),
    )


def labels(recipe: Recipe, task: Task) -> Section:
    """Classes as the loss takes them."""
    if not is_one_hot(recipe, task):
        return Section()
    names = ["y_train", "y_val"] if is_validated(recipe) else ["y_train"]
    lines = [f"{y} = keras.utils.to_categorical({y}, {recipe.output.units})" for y in names]
    return Section(tuple(lines), ("import keras",))


def prediction(recipe: Recipe, task: Task) -> Section:
    """A function from raw rows to answers, where there is anything on the way."""
    steps = ["x_scaler"] if recipe.scale_features != "none" else []
    steps += ["imputer"] if recipe.missing == "mean" else []
    lines = [f"    x = {step}.transform(x)" for step in steps]
    if recipe.exclude:
        lines.insert(0, "    x = x[:, [name not in excluded for name in columns]]")
    answer = "model.predict(x)"
    if has_scaled_target(recipe, task):
        answer = f"y_scaler.inverse_transform({answer})"
    elif not lines:
        return Section()
    return Section(
        (
            "",
            "def predict(x):",
            '    """What the network answers to rows as they are in the table."""',
            *lines,
            f"    return {answer}",
        )
    )


def _scaler(recipe: Recipe, array: str, scaling: str, shape: str) -> Section:
    """Scale `x` or `y`; `shape` is how an array is shaped for it."""
    scaler = _SCALERS[scaling]
    fitted = shape.format(f"{array}_train")
    return Section(
        (
            f"{array}_scaler = {scaler}.fit({fitted})",
            _transformed(recipe, array, f"{array}_scaler", shape),
        ),
        (f"from sklearn.preprocessing import {scaler.partition('(')[0]}",),
    )


def _transformed(recipe: Recipe, array: str, transform: str, shape: str) -> str:
    names = [f"{array}_train", f"{array}_val"] if is_validated(recipe) else [f"{array}_train"]
    return "\n".join(f"{name} = {transform}.transform({shape.format(name)})" for name in names)
