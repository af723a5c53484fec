"""Remedies: for each cause the changes to a recipe that may remove it, mildest first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from lowloss.results import Cause
from lowloss.spec import Recipe, Task
from worker.diagnosis.data import Data
from worker.diagnosis.suspects import Suspect
from worker.diagnosis.variants import Variant

Change = dict[str, Any]
RELU_LIKE = frozenset({"relu", "relu6", "leaky_relu", "elu", "gelu", "silu", "mish"})
NUMBERS = frozenset({"mean_squared_error", "mean_absolute_error", "huber", "log_cosh"})
"""Losses that suit any target of numbers."""
STOPPING = {"patience": 20, "restore_best_weights": True}
SPLIT = 0.2
MOST_UNITS, FEWEST_UNITS = 512, 4
MOST_EPOCHS = 600
USUAL_RATE = {"adam": 1e-3, "adamw": 1e-3, "rmsprop": 1e-3, "sgd": 1e-2}


@dataclass(frozen=True)
class Candidate:
    """A change to the recipe that is tried for a cause.

    `text` says it in words; `kind` and `value` say what is made of the recipe as it then stands.
    """

    cause: Cause
    text: str
    kind: str
    value: Any = None
    suspect: Suspect | None = None

    @property
    def is_certain(self) -> bool:
        """Whether nothing can be learned without it."""
        return self.suspect is not None and self.suspect.is_certain

    def apply(self, variant: Variant) -> Variant:
        """A variant with this change."""
        if self.kind == "without":
            return replace(variant, without=tuple(sorted({*variant.without, *self.value})))
        return replace(variant, recipe=variant.recipe.changed(self.change(variant.recipe)))

    def change(self, recipe: Recipe) -> Change:
        """The fields that change, where the recipe stands now; none where rows are left out."""
        return {} if self.kind == "without" else _MAKERS[self.kind](recipe, self.value)


def _layers(recipe: Recipe, change: Callable[[int, dict[str, Any]], Change]) -> Change:
    layers = [layer.model_dump(mode="json") for layer in recipe.layers]
    return {"layers": [layer | change(place, layer) for place, layer in enumerate(layers)]}


def _fields(_: Recipe, fields: Change) -> Change:
    return fields


def _hidden(recipe: Recipe, fields: Change) -> Change:
    """The same fields for every hidden layer."""
    last = len(recipe.layers) - 1
    return _layers(recipe, lambda place, _: fields if place < last else {})


def _every(recipe: Recipe, fields: Change) -> Change:
    return _layers(recipe, lambda _, __: fields)


def _output(recipe: Recipe, fields: Change) -> Change:
    last = len(recipe.layers) - 1
    changed = _layers(recipe, lambda place, _: fields["layer"] if place == last else {})
    return changed | ({"loss": fields["loss"]} if "loss" in fields else {})


def _rate(recipe: Recipe, factor: float) -> Change:
    return {"optimizer": {"learning_rate": recipe.optimizer.rate * factor}}


def _epochs(recipe: Recipe, wanted: int) -> Change:
    return {"epochs": max(recipe.epochs, wanted)}


def _initial(recipe: Recipe, _: Any) -> Change:
    """What suits each layer's activation."""
    return _layers(
        recipe,
        lambda _, layer: {
            "kernel_initializer": {
                "name": "he_normal" if layer["activation"] in RELU_LIKE else "glorot_uniform"
            }
        },
    )


def _resized(recipe: Recipe, factor: float) -> Change:
    """Hidden layers with so many times the units; two of 64 where there are none to grow."""
    if factor > 1 and not recipe.hidden:
        layer = {"units": 64, "activation": "relu", "kernel_initializer": {"name": "he_normal"}}
        return {"layers": [layer, layer, recipe.output.model_dump(mode="json")]}
    last = len(recipe.layers) - 1

    def resized(place: int, layer: dict[str, Any]) -> Change:
        if place == last:
            return {}
        wanted = round(layer["units"] * factor)
        if factor > 1:
            return {"units": max(layer["units"], min(MOST_UNITS, max(32, wanted)))}
        return {"units": min(layer["units"], max(FEWEST_UNITS, wanted))}

    return _layers(recipe, resized)


def _shallower(recipe: Recipe, most: int) -> Change:
    """The first hidden layers, at most so many, of at most 64 units."""
    hidden = [layer.model_dump(mode="json") for layer in recipe.hidden[:most]]
    kept = [layer | {"units": min(64, layer["units"])} for layer in hidden]
    return {"layers": [*kept, recipe.output.model_dump(mode="json")]}


def _exclude(recipe: Recipe, columns: list[str]) -> Change:
    return {"exclude": sorted({*recipe.exclude, *columns})}


def _stopped(recipe: Recipe, _: Any) -> Change:
    patience = recipe.early_stopping.patience if recipe.early_stopping else STOPPING["patience"]
    return {
        "validation_split": recipe.validation_split or SPLIT,
        "early_stopping": {"patience": max(10, patience), "restore_best_weights": True},
    }


def _restored(recipe: Recipe, _: Any) -> Change:
    return {"early_stopping": {"restore_best_weights": True}} if recipe.early_stopping else {}


_MAKERS: dict[str, Callable[[Recipe, Any], Change]] = {
    "fields": _fields,
    "hidden": _hidden,
    "every": _every,
    "output": _output,
    "rate": _rate,
    "epochs": _epochs,
    "initial": _initial,
    "resized": _resized,
    "shallower": _shallower,
    "exclude": _exclude,
    "stopped": _stopped,
    "restored": _restored,
}


def candidates(data: Data, recipe: Recipe, suspects: dict[Cause, Suspect]) -> list[Candidate]:
    """What is tried: the remedies of every suspect, and the usual ones whoever is suspect."""
    start = Variant(recipe)
    tried = [
        Candidate(cause, text, kind, value, suspects.get(cause))
        for cause in Cause
        if cause in suspects or cause in STANDARD
        for text, kind, value in _remedies(cause, data, recipe, suspects.get(cause))
    ]
    found = [candidate for candidate in tried if candidate.apply(start) != start]
    # The strongest first: what there is no time for is what matters least.
    return sorted(found, key=lambda each: -(each.suspect.strength if each.suspect else -1.0))


STANDARD = frozenset(
    {
        Cause.features_not_scaled,
        Cause.target_not_scaled,
        Cause.too_simple,
        Cause.too_complex,
        Cause.learning_rate_too_high,
        Cause.learning_rate_too_low,
        Cause.too_few_epochs,
        Cause.optimizer,
        Cause.regularisation_missing,
        Cause.no_early_stopping,
    }
)
"""Tried whether or not a check names them."""

Remedies = list[tuple[str, str, Any]]


def _remedies(cause: Cause, data: Data, recipe: Recipe, suspect: Suspect | None) -> Remedies:
    """Text, kind of change and its value, for one cause."""
    for part in (_of_data, _of_architecture, _of_training):
        if found := part(cause, data, recipe, suspect):
            return found
    return []


def _of_data(cause: Cause, data: Data, recipe: Recipe, suspect: Suspect | None) -> Remedies:
    columns = list(suspect.columns) if suspect else []
    match cause:
        case Cause.features_not_scaled if recipe.scale_features == "none":
            change = {"scale_features": "standard"}
            return [("Standardise every feature", "fields", change)]
        case Cause.target_not_scaled if data.task is Task.regression:
            change = {"scale_target": "standard"}
            if recipe.scale_target == "none":
                return [("Standardise the target, and scale predictions back", "fields", change)]
        case Cause.missing_values:
            change = {"missing": "mean"}
            return [("Fill in the mean, and add a column that says so", "fields", change)]
        case Cause.identifier_column | Cause.leaked_column | Cause.duplicate_column:
            return [("Leave the column out", "exclude", columns)]
        case Cause.irrelevant_features:
            return [("Leave those columns out", "exclude", columns)]
        case Cause.outliers if columns == [data.target.name]:
            return [("Use a loss that grows linearly", "fields", {"loss": "huber"})]
        case Cause.outliers:
            change = {"scale_features": "robust"}
            return [("Scale by quartiles and clip smoothly", "fields", change)]
        case Cause.class_imbalance:
            change = {"class_weight": "balanced"}
            return [("Weigh every class the same", "fields", change)]
        case Cause.noisy_labels if suspect is not None and suspect.rows:
            places = {int(row): place for place, row in enumerate(data.row_numbers)}
            without = [places[row] for row in suspect.rows]
            return [("Leave the conflicting rows out of training", "without", without)]
        case Cause.augmentation_missing:
            return [
                ("Add noise to the features while training", "fields", {"noise": 0.1}),
                ("Mix rows with one another (mixup)", "fields", {"mixup": 0.2}),
            ]
        case _:
            pass
    return []


def usual_output(task: Task, classes: int, loss: str) -> Change:
    """The output layer and the loss that fit a target; a regression keeps a `loss` that fits."""
    layer: Change = {"kernel_initializer": {"name": "glorot_uniform"}}
    match task:
        case Task.regression:
            layer |= {"units": 1, "activation": "linear"}
            return {"layer": layer, "loss": loss if loss in NUMBERS else "mean_squared_error"}
        case Task.binary:
            layer |= {"units": 1, "activation": "sigmoid"}
            return {"layer": layer, "loss": "binary_crossentropy"}
        case Task.multiclass:
            layer |= {"units": classes, "activation": "softmax"}
            return {"layer": layer, "loss": "sparse_categorical_crossentropy"}


def _of_architecture(cause: Cause, data: Data, recipe: Recipe, suspect: Suspect | None) -> Remedies:
    relu = {"activation": "relu", "kernel_initializer": {"name": "he_normal"}}
    match cause:
        case Cause.wrong_output | Cause.wrong_loss:
            usual = usual_output(data.task, len(data.target.labels), recipe.loss)
            units, head = usual["layer"]["units"], usual["layer"]["activation"]
            text = f"End with Dense({units}, {head}), and train on {usual['loss']}"
            return [(text, "output", usual)]
        case Cause.too_complex:
            return [
                ("Use a quarter of the units", "resized", 0.25),
                ("Use one or two layers of at most 64 units", "shallower", 2),
            ]
        case Cause.too_simple:
            return [("Use four times the units", "resized", 4.0)]
        case Cause.wrong_activation:
            return [("Use relu in the hidden layers, begun by he_normal", "hidden", relu)]
        case Cause.dead_units:
            leaky = {"activation": "leaky_relu", "kernel_initializer": {"name": "he_normal"}}
            return [("Use leaky_relu, which is never flat", "hidden", leaky)]
        case Cause.saturated_units | Cause.vanishing_gradients:
            return [("Use relu in the hidden layers, begun by he_normal", "hidden", relu)]
        case Cause.exploding_gradients:
            return [
                ("Clip the gradient to a norm of 1", "fields", {"optimizer": {"clip_norm": 1.0}})
            ]
        case Cause.poor_initialisation:
            return [("Begin with weights of the usual size", "initial", None)]
        case _:
            return []


def _of_training(cause: Cause, data: Data, recipe: Recipe, suspect: Suspect | None) -> Remedies:
    match cause:
        case Cause.learning_rate_too_high:
            return [(f"Divide the learning rate by {10**k}", "rate", 10.0**-k) for k in (1, 2, 3)]
        case Cause.learning_rate_too_low:
            return [(f"Multiply the learning rate by {10**k}", "rate", 10.0**k) for k in (1, 2, 3)]
        case Cause.too_few_epochs:
            return [
                (f"Train for {wanted} epochs", "epochs", wanted)
                for wanted in sorted({_more(recipe.epochs, 5, 50), _more(recipe.epochs, 20, 200)})
            ]
        case Cause.batch_size:
            rows = len(data.draws[0].known)
            usual = 32 if rows < 20_000 else 128
            return [(f"Use batches of {usual} rows", "fields", {"batch_size": usual})]
        case Cause.optimizer if recipe.optimizer.name not in {"adam", "adamw"}:
            adam = {"name": "adam", "learning_rate": 1e-3, "momentum": 0.0}
            return [("Use Adam at 0.001", "fields", {"optimizer": adam})]
        case Cause.l1_too_strong:
            return [("Train without L1", "every", {"l1": 0.0})]
        case Cause.l2_too_strong:
            return [("Train without L2", "every", {"l2": 0.0})]
        case Cause.dropout_too_strong:
            return [("Train without dropout", "hidden", {"dropout": 0.0})]
        case Cause.regularisation_missing:
            return [
                ("Add dropout of 0.2", "hidden", {"dropout": 0.2}),
                ("Add L2 of 0.001", "every", {"l2": 1e-3}),
            ]
        case Cause.no_early_stopping | Cause.no_validation_split:
            text = "Hold rows out, stop when they get worse, and put the best weights back"
            return [(text, "stopped", None)]
        case Cause.best_weights_not_restored:
            return [("Put the best weights back", "restored", None)]
        case _:
            return []


def _more(epochs: int, factor: int, least: int) -> int:
    return min(MOST_EPOCHS, max(epochs * factor, least))


def reference(data: Data, recipe: Recipe) -> list[Recipe]:
    """Sound recipes for the same task, by which to know what can be reached."""
    usual = usual_output(data.task, len(data.target.labels), recipe.loss)
    base = {"scale_features": "standard", "scale_target": "none", "missing": "mean"}
    if data.task is Task.regression:
        base["scale_target"] = "standard"
    dropped = {"exclude": list(recipe.exclude)}

    def network(units: int, rate: float, dropout: float) -> Recipe:
        hidden = {"units": units, "activation": "relu", "dropout": dropout}
        hidden |= {"kernel_initializer": {"name": "he_normal"}, "l2": 1e-5}
        return Recipe.model_validate(
            base
            | dropped
            | {
                "layers": [hidden, hidden, usual["layer"]],
                "loss": usual["loss"],
                "optimizer": {"name": "adam", "learning_rate": rate},
                "epochs": 200,
                "validation_split": SPLIT,
                "early_stopping": STOPPING,
            }
        )

    return [network(64, 1e-3, 0.0), network(64, 3e-3, 0.1)]
