"""The sections of a Keras script that prepare arrays for a network."""

from __future__ import annotations

from lowloss.recipes.code_layout import Section, format_call, format_literal
from lowloss.spec import PredictedTargets, Recipe

_SCALERS = {
    "standard": "StandardScaler()",
    "minmax": "MinMaxScaler()",
    "robust": "RobustScaler()",
    "quantile": 'QuantileTransformer(output_distribution="normal")',
}
_NUMPY = "import numpy as np"
_PIECEWISE = (
    "shares = np.linspace(0, 1, bins + 1)",
    'ends = [np.unique(np.nanquantile(column, shares, method="nearest")) for column in x_train.T]',
    "",
    "",
    "def piecewise(x):",
    '    """Write each number as how far it has come in each of its column\'s bins."""',
    "    parts = [",
    "        np.clip((x[:, [i]] - column[:-1]) / np.diff(column), 0, 1) * 2 - 1",
    "        for i, column in enumerate(ends)",
    "    ]",
    "    return np.concatenate(parts, axis=1)",
    "",
    "",
)
"""Piecewise linear encoding (Gorishniy et al. 2022), with the bins of a search."""


def is_validated(recipe: Recipe) -> bool:
    """Return whether some rows are reserved for validation."""
    return recipe.validation_split > 0


def is_balanced(recipe: Recipe, predicted: PredictedTargets) -> bool:
    """Return whether every class has the same weight."""
    return recipe.class_weight == "balanced" and predicted.is_of_classes


def is_one_hot(recipe: Recipe, predicted: PredictedTargets) -> bool:
    """Return whether the loss takes one-hot classes, as mixup always needs."""
    takes_indices = recipe.loss == "sparse_categorical_crossentropy" and not recipe.mixup
    return predicted.is_of_classes and recipe.output.units > 1 and not takes_indices


def exclusion(recipe: Recipe) -> Section:
    """Return the lines that leave out columns."""
    if not recipe.exclude:
        return Section()
    return Section(
        (
            "# columns: the names of x's columns",
            f"excluded = {format_literal(recipe.exclude)}",
            "x = x[:, [name not in excluded for name in columns]]",
        )
    )


def encode_categories(recipe: Recipe) -> Section:
    """Return the lines that give each value of a category a column of its own."""
    if not recipe.categorical:
        return Section()
    is_code = "[(np.isnan(column) | (column % 1 == 0)).all() for column in x.T]"
    comment = "# Columns of whole numbers are codes:"
    if recipe.categorical != "all":
        is_code = f"[name in {format_literal(recipe.categorical)} for name in columns]"
        comment = "# columns: the names of x's columns"
    options = {"handle_unknown": '"ignore"', "sparse_output": "False"}
    return Section(
        (
            comment,
            f"is_code = np.array({is_code})",
            *format_call("encoder = OneHotEncoder", options=options),
            "x = np.hstack([x[:, ~is_code], encoder.fit_transform(x[:, is_code])])",
        ),
        (_NUMPY, "from sklearn.preprocessing import OneHotEncoder"),
    )


def split(recipe: Recipe) -> Section:
    """Return the lines that split the rows into training and validation rows."""
    if not is_validated(recipe):
        return Section(("x_train, y_train = x, y",))
    is_last = recipe.validation_rows == "last"
    order = {"shuffle": "False"} if is_last else {"random_state": "0"}
    options = {"test_size": format_literal(recipe.validation_split), **order}
    name = "x_train, x_val, y_train, y_val = train_test_split"
    return Section(
        tuple(format_call(name, "x", "y", options=options)),
        ("from sklearn.model_selection import train_test_split",),
    )


def feature_scaling(recipe: Recipe, *, numbers: str = "") -> Section:
    """Return the lines that scale the features, fitted on the training rows alone.

    Where columns of categories stand behind those of numbers they stay as they are; `numbers` is
    the code that counts the others.
    """
    if recipe.scale_features == "none":
        return Section()
    if recipe.scale_features == "piecewise":
        columns = numbers or "x.shape[1]"
        bins = f"bins = max(1, min(48, len(x_train) // 20, 4096 // max(1, {columns})))"
        lines = bins, *_PIECEWISE, _format_calls(recipe, "x", "piecewise({})")
        return Section(lines, (_NUMPY,))
    if not numbers:
        return _format_scaler(recipe, "x", recipe.scale_features, "{}")
    scaler = _SCALERS[recipe.scale_features]
    columns = f'[("numbers", {scaler}, slice({numbers}))]'
    options = {"remainder": '"passthrough"'}
    return Section(
        (
            *format_call("x_scaler = ColumnTransformer", columns, options=options),
            "x_scaler.fit(x_train)",
            _format_transforms(recipe, "x", "x_scaler", "{}"),
        ),
        ("from sklearn.compose import ColumnTransformer", _import_of(scaler)),
    )


def feature_transforms(
    recipe: Recipe, predicted: PredictedTargets, *, numbers: str
) -> tuple[Section, Section, Section]:
    """Return the lines that scale the features, impute and select them, in their order."""
    scaling = feature_scaling(recipe, numbers=numbers)
    imputing, selecting = imputation(recipe), selection(recipe, predicted)
    if recipe.scale_features == "piecewise":
        # A missing number has come nowhere in any bin: it needs a value first.
        return imputing, selecting, scaling
    return scaling, imputing, selecting


def selection(recipe: Recipe, predicted: PredictedTargets) -> Section:
    """Return the lines that keep the inputs which tell most of the target."""
    if recipe.select_features is None:
        return Section()
    score = "f_regression" if predicted.is_of_numbers else "f_classif"
    return Section(
        (
            f"input_count = min({recipe.select_features}, x_train.shape[1])",
            f"selector = SelectKBest({score}, k=input_count)",
            "# Without the first row's value a column of one value is 0, whose score is the least.",
            "selector.fit(x_train - x_train[0], y_train)",
            _format_transforms(recipe, "x", "selector", "{}"),
        ),
        (f"from sklearn.feature_selection import SelectKBest, {score}",),
    )


def imputation(recipe: Recipe) -> Section:
    """Return the lines that replace missing numbers and add indicator columns."""
    if recipe.missing == "keep":
        return Section()
    return Section(
        (
            "imputer = SimpleImputer(add_indicator=True).fit(x_train)",
            _format_transforms(recipe, "x", "imputer", "{}"),
        ),
        ("from sklearn.impute import SimpleImputer",),
    )


def target_scaling(recipe: Recipe, predicted: PredictedTargets) -> Section:
    """Return the lines that scale the target; predictions must be scaled back."""
    if not has_scaled_target(recipe, predicted):
        return Section()
    shape = "{}" if predicted.has_several else "{}.reshape(-1, 1)"
    return _format_scaler(recipe, "y", recipe.scale_target, shape)


def has_scaled_target(recipe: Recipe, predicted: PredictedTargets) -> bool:
    """Return whether the network's predictions must be scaled back."""
    return recipe.scale_target != "none" and predicted.is_of_numbers


def class_weights(recipe: Recipe, predicted: PredictedTargets) -> Section:
    """Return the lines that compute a weight for every class."""
    if not is_balanced(recipe, predicted):
        return Section()
    options = {"classes": "classes", "y": "y_train"}
    return Section(
        (
            "classes = np.unique(y_train)",
            *format_call("weights = compute_class_weight", '"balanced"', options=options),
            "class_weight = dict(zip(classes.tolist(), weights.tolist()))",
        ),
        (_NUMPY, "from sklearn.utils.class_weight import compute_class_weight"),
    )


def label_encoding(recipe: Recipe, predicted: PredictedTargets) -> Section:
    """Return the lines that count classes from 0 that are other numbers."""
    if not recipe.encode_labels or predicted.is_of_numbers:
        return Section()
    names = ["y_train", "y_val"] if is_validated(recipe) else ["y_train"]
    if predicted.is_of_labels:
        lines = ["labels = [np.unique(column) for column in y.T]  # each is 0 or 1"]
        for name in names:
            indices = f"[np.searchsorted(*pair) for pair in zip(labels, {name}.T)]"
            lines.append(f"{name} = np.stack({indices}, axis=1)")
        return Section(tuple(lines), (_NUMPY,))
    lines = ["labels = np.unique(y)  # the classes in the order of the network's answers"]
    lines += [f"{y} = np.searchsorted(labels, {y})" for y in names]
    return Section(tuple(lines), (_NUMPY,))


def labels(recipe: Recipe, predicted: PredictedTargets) -> Section:
    """Return the lines that write the classes as the loss takes them."""
    if not is_one_hot(recipe, predicted):
        return Section()
    names = ["y_train", "y_val"] if is_validated(recipe) else ["y_train"]
    lines = [f"{y} = keras.utils.to_categorical({y}, {recipe.output.units})" for y in names]
    return Section(tuple(lines), ("import keras",))


def prediction(recipe: Recipe, predicted: PredictedTargets) -> Section:
    """Return a `predict` function from raw rows, where they or the predictions are transformed."""
    imputing = ["imputer.transform(x)"] if recipe.missing == "mean" else []
    selecting = ["selector.transform(x)"] if recipe.select_features is not None else []
    match recipe.scale_features:
        case "none":
            steps = [*imputing, *selecting]
        case "piecewise":
            steps = [*imputing, *selecting, "piecewise(x)"]
        case _:
            steps = ["x_scaler.transform(x)", *imputing, *selecting]
    lines = [f"    x = {step}" for step in steps]
    if recipe.exclude:
        lines.insert(0, "    x = x[:, [name not in excluded for name in columns]]")
    output = "model.predict(x)"
    if has_scaled_target(recipe, predicted):
        output = f"y_scaler.inverse_transform({output})"
    elif not lines:
        return Section()
    return Section(
        (
            "",
            "def predict(x):",
            '    """Predict rows as they are in the table."""',
            *lines,
            f"    return {output}",
        )
    )


def result(recipe: Recipe, predicted: PredictedTargets) -> Section:
    """Return the lines that print how good the network is: RMSE of numbers, else accuracy.

    Training rows are taken where no validation rows are reserved. Nothing is printed for one unit
    without a sigmoid on classes: it gives no class.
    """
    rows, name = ("val", "validation") if is_validated(recipe) else ("train", "training")
    answers, truth = f"model.predict(x_{rows}, verbose=0)", f"y_{rows}"
    if predicted.is_of_numbers:
        truth = f"y_{rows}.reshape(len(y_{rows}), -1)"
        if has_scaled_target(recipe, predicted):
            answers, truth = (f"y_scaler.inverse_transform({y})" for y in (answers, f"y_{rows}"))
        measured = "RMSE", "np.sqrt(np.mean(np.square(answers - truth), axis=0))"
    elif recipe.output.units > 1 and not predicted.has_several:
        answers += ".argmax(axis=1)"
        truth += ".argmax(axis=1)" if is_one_hot(recipe, predicted) else ""
        measured = "accuracy", "np.mean(answers == truth)"
    elif recipe.output.activation == "sigmoid":
        # The larger one of two labels is what a sigmoid is near 1 for.
        answers, truth = f"{answers} > 0.5", f"{truth}.reshape(len({truth}), -1) == y.max()"
        measured = "accuracy", "np.mean(answers == truth)"
    else:
        return Section()
    return Section(
        (
            f"answers = {answers}",
            f"truth = {truth}",
            f'print("{measured[0]} of the {name} rows:", {measured[1]})',
        ),
        ("import numpy as np",),
    )


def _format_scaler(recipe: Recipe, array: str, scaling: str, shape: str) -> Section:
    """Return the lines that scale `x` or `y`; `shape` is the code that shapes an array for it."""
    scaler = _SCALERS[scaling]
    training_rows = shape.format(f"{array}_train")
    return Section(
        (
            f"{array}_scaler = {scaler}.fit({training_rows})",
            _format_transforms(recipe, array, f"{array}_scaler", shape),
        ),
        (_import_of(scaler),),
    )


def _import_of(scaler: str) -> str:
    return f"from sklearn.preprocessing import {scaler.partition('(')[0]}"


def _format_transforms(recipe: Recipe, array: str, transform: str, shape: str) -> str:
    return _format_calls(recipe, array, f"{transform}.transform({shape})")


def _format_calls(recipe: Recipe, array: str, call: str) -> str:
    """Return the lines that replace the parts of `x` or `y` by a call of each."""
    names = [f"{array}_train", f"{array}_val"] if is_validated(recipe) else [f"{array}_train"]
    return "\n".join(f"{name} = {call.format(name)}" for name in names)
