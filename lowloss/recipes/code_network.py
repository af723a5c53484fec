"""The sections of a Keras script that build, compile and fit a network."""

from __future__ import annotations

from collections.abc import Iterable

from lowloss.recipes.code_data import is_balanced, is_one_hot, is_validated
from lowloss.recipes.code_layout import INDENT, Section, format_call, format_literal
from lowloss.recipes.keras_calls import (
    KerasCall,
    format_keras_call,
    layer_calls,
    network_calls,
    rate_call,
)
from lowloss.spec import PredictedTargets, Recipe, RecipeLayer

KERAS = "import keras"
_NUMPY = "import numpy as np"
_MIXUP = '''
class Mixup(keras.utils.PyDataset):
    """Batches mixed with their own rows in another order (Zhang et al. 2018)."""

    def __init__(self, x, y, *, batch_size, alpha):
        super().__init__()
        self.x, self.y, self.batch_size, self.alpha = x, y, batch_size, alpha
        self.rng = np.random.default_rng(0)
        self.on_epoch_end()

    def __len__(self):
        return int(np.ceil(len(self.x) / self.batch_size))

    def __getitem__(self, batch):
        first = batch * self.batch_size
        rows = self.order[first : first + self.batch_size]
        others = self.rng.permutation(rows)
        share = self.rng.beta(self.alpha, self.alpha)
        return tuple(share * a[rows] + (1 - share) * a[others] for a in (self.x, self.y))

    def on_epoch_end(self):
        self.order = self.rng.permutation(len(self.x))
'''


def format_layer(layer: RecipeLayer) -> list[str]:
    """Return the lines of a Dense layer, and of what stands behind it."""
    return _format_calls(layer_calls(layer))


def network(recipe: Recipe) -> Section:
    """Return the lines that build the layers."""
    return _functional(recipe) if recipe.has_skips else _sequential(recipe)


def _functional(recipe: Recipe) -> Section:
    lines = ["h = inputs = keras.Input((x_train.shape[1],))"]
    for call in network_calls(recipe):
        if call.starts is not None:
            lines.append(f"skip_{call.starts} = h")
        else:
            taken = "h" if call.takes is None else f"[skip_{call.takes}, h]"
            lines += format_keras_call(call, start="h = ", end=f"({taken})")
    return Section((*lines, "model = keras.Model(inputs, h)"), (KERAS,))


def _sequential(recipe: Recipe) -> Section:
    indent = INDENT * 2
    lines = [f"{indent}keras.Input((x_train.shape[1],)),"]
    lines += _format_calls(network_calls(recipe), indent=indent)
    opening = ["model = keras.Sequential(", f"{INDENT}["]
    return Section((*opening, *lines, f"{INDENT}]", ")"), (KERAS,))


def _format_calls(calls: Iterable[KerasCall], *, indent: str = "") -> list[str]:
    """Return the lines of layers one behind the other; a skip that no merge takes is none."""
    lines: list[str] = []
    for call in calls:
        if call.starts is None:
            lines += format_keras_call(call, indent=indent, end=",")
    return lines


def compilation(recipe: Recipe, predicted: PredictedTargets) -> Section:
    """Return the lines that compile the network with its optimizer and loss."""
    loss = format_literal(recipe.loss)
    if recipe.loss == "sparse_categorical_crossentropy" and is_one_hot(recipe, predicted):
        loss = '"categorical_crossentropy"'
    if recipe.loss_arguments:
        call = KerasCall(f"losses.{recipe.loss_record.keras_class}", (), recipe.loss_arguments)
        (loss,) = format_keras_call(call)
    schedule, imports = _format_schedule(recipe)
    monitor = recipe.stop_monitor
    metric = None if monitor is None else monitor.metric
    metrics = None if metric is None else f"[{format_literal(metric)}]"
    options = {"optimizer": "optimizer", "loss": loss, "metrics": metrics}
    lines = [*schedule, *_format_optimizer(recipe), *format_call("model.compile", options=options)]
    return Section(tuple(lines), (KERAS, *imports))


def early_stopping(recipe: Recipe) -> Section:
    """Return the lines of the callback that stops early."""
    stopping = recipe.early_stopping
    if stopping is None:
        return Section()
    options = {
        "monitor": format_literal(stopping.monitor),
        "mode": None if stopping.mode == "auto" else format_literal(stopping.mode),
        "min_delta": format_literal(stopping.min_delta) if stopping.min_delta else None,
        "patience": format_literal(stopping.patience),
        "restore_best_weights": format_literal(stopping.restore_best_weights),
    }
    name = "early_stopping = keras.callbacks.EarlyStopping"
    return Section(tuple(format_call(name, options=options)), (KERAS,))


def plateau(recipe: Recipe) -> Section:
    """Return the lines of the callback that lets the learning rate fall."""
    callback = recipe.reduce_lr_on_plateau
    if callback is None:
        return Section()
    values = callback.model_dump()
    defaults = {name: info.default for name, info in type(callback).model_fields.items()}
    options = {"monitor": '"val_loss"'} | {
        name: format_literal(value) for name, value in values.items() if value != defaults[name]
    }
    name = "reduce_rate = keras.callbacks.ReduceLROnPlateau"
    return Section(tuple(format_call(name, options=options)), (KERAS,))


def mixup(recipe: Recipe) -> Section:
    """Return the lines of the class that mixes the rows of batches."""
    if not recipe.mixup:
        return Section()
    order = "self.rng.permutation(len(self.x))"
    code = _MIXUP if recipe.shuffle else _MIXUP.replace(order, "np.arange(len(self.x))")
    return Section(tuple(code.split("\n")), (KERAS, _NUMPY))


def fitting(recipe: Recipe, predicted: PredictedTargets) -> Section:
    """Return the lines that train the network."""
    lines, rows = [], ["x_train", "y_train"]
    if recipe.mixup:
        is_wide = is_one_hot(recipe, predicted) or predicted.has_several
        shape = "y_train" if is_wide else "y_train.reshape(len(y_train), -1)"
        mixing = {"batch_size": recipe.batch_size, "alpha": format_literal(recipe.mixup)}
        lines = format_call("batches = Mixup", "x_train", shape, options=mixing)
        rows = ["batches"]
    callbacks = ["early_stopping"] if recipe.early_stopping else []
    callbacks += ["reduce_rate"] if recipe.reduce_lr_on_plateau else []
    options = {
        "validation_data": "(x_val, y_val)" if is_validated(recipe) else None,
        "epochs": recipe.epochs,
        "batch_size": None if recipe.mixup else recipe.batch_size,
        "shuffle": None if recipe.shuffle or recipe.mixup else "False",
        "class_weight": "class_weight" if is_balanced(recipe, predicted) else None,
        "callbacks": f"[{', '.join(callbacks)}]" if callbacks else None,
    }
    return Section((*lines, *format_call("model.fit", *rows, options=options)))


def _format_optimizer(recipe: Recipe) -> list[str]:
    optimizer, record = recipe.optimizer, recipe.optimizer.record
    arguments = {name: str(value) for name, value in record.arguments.items() if value}
    arguments |= {name: format_literal(value) for name, value in optimizer.keras_arguments}
    is_scheduled = optimizer.schedule != "constant" or optimizer.decay is not None
    options = {
        "learning_rate": "schedule" if is_scheduled else format_literal(optimizer.rate),
        "momentum": format_literal(optimizer.momentum) if optimizer.momentum else None,
        **arguments,
        "weight_decay": format_literal(optimizer.weight_decay)
        if optimizer.weight_decay or record.default_decay
        else None,
        "global_clipnorm": None
        if optimizer.clip_norm is None
        else format_literal(optimizer.clip_norm),
    }
    return format_call(f"optimizer = keras.optimizers.{record.keras_class}", options=options)


def _format_schedule(recipe: Recipe) -> tuple[list[str], tuple[str, ...]]:
    """Return the lines of a learning rate that falls to zero over all epochs, and their imports."""
    if (decay := rate_call(recipe.optimizer)) is not None:
        first, *others = format_keras_call(decay)
        return [f"schedule = {first}", *others], ()
    if recipe.optimizer.schedule == "constant":
        return [], ()
    epochs = max(recipe.epochs, 1)
    steps = f"steps = {epochs} * int(np.ceil(len(x_train) / {recipe.batch_size}))"
    name = "schedule = keras.optimizers.schedules.CosineDecay"
    options = {"decay_steps": "steps"}
    return [steps, *format_call(name, format_literal(recipe.optimizer.rate), options=options)], (
        _NUMPY,
    )
