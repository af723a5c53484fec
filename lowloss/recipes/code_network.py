"""The part of a Keras script that builds, compiles and fits a network."""

from __future__ import annotations

from lowloss.recipes.code_data import is_balanced, is_one_hot, is_validated
from lowloss.recipes.code_layout import INDENT, Section, call, literal
from lowloss.spec import Initializer, Recipe, RecipeLayer, Task

KERAS = "import keras"
_NUMPY = "import numpy as np"
_OPTIMIZERS = {"adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "sgd": "SGD"}
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


def layer_lines(layer: RecipeLayer, *, indent: str = "") -> list[str]:
    """A Dense layer, and the Dropout after it."""
    options = {
        "activation": literal(layer.activation) if layer.activation != "linear" else None,
        "kernel_initializer": _initializer(layer.kernel_initializer),
        "kernel_regularizer": _regularizer(layer),
    }
    lines = call("keras.layers.Dense", str(layer.units), options=options, indent=indent, end=",")
    if layer.dropout:
        lines.append(f"{indent}keras.layers.Dropout({literal(layer.dropout)}),")
    return lines


def noise_line(recipe: Recipe) -> str:
    """The layer that adds noise to the features while it trains."""
    return f"keras.layers.GaussianNoise({literal(recipe.noise)}),"


def network(recipe: Recipe) -> Section:
    """The layers."""
    deep = INDENT * 2
    lines = [f"{deep}keras.Input((x_train.shape[1],)),"]
    if recipe.noise:
        lines.append(f"{deep}{noise_line(recipe)}")
    for layer in recipe.layers:
        lines += layer_lines(layer, indent=deep)
    opening = ["model = keras.Sequential(", f"{INDENT}["]
    return Section((*opening, *lines, f"{INDENT}]", ")"), (KERAS,))


def compilation(recipe: Recipe, task: Task) -> Section:
    """Optimizer and loss."""
    loss = recipe.loss
    if loss == "sparse_categorical_crossentropy" and is_one_hot(recipe, task):
        loss = "categorical_crossentropy"
    schedule, imports = _schedule(recipe)
    options = {"optimizer": "optimizer", "loss": literal(loss)}
    lines = [*schedule, *_optimizer(recipe), *call("model.compile", options=options)]
    return Section(tuple(lines), (KERAS, *imports))


def early_stopping(recipe: Recipe) -> Section:
    """The callback."""
    stopping = recipe.early_stopping
    if stopping is None:
        return Section()
    options = {
        "monitor": '"val_loss"',
        "patience": literal(stopping.patience),
        "restore_best_weights": literal(stopping.restore_best_weights),
    }
    name = "early_stopping = keras.callbacks.EarlyStopping"
    return Section(tuple(call(name, options=options)), (KERAS,))


def mixup(recipe: Recipe) -> Section:
    """The class whose batches are mixed."""
    return Section(tuple(_MIXUP.split("\n")), (KERAS, _NUMPY)) if recipe.mixup else Section()


def fitting(recipe: Recipe, task: Task) -> Section:
    """The training itself."""
    lines, rows = [], ["x_train", "y_train"]
    if recipe.mixup:
        shape = "y_train" if is_one_hot(recipe, task) else "y_train.reshape(len(y_train), -1)"
        mixing = {"batch_size": recipe.batch_size, "alpha": literal(recipe.mixup)}
        lines = call("batches = Mixup", "x_train", shape, options=mixing)
        rows = ["batches"]
    options = {
        "validation_data": "(x_val, y_val)" if is_validated(recipe) else None,
        "epochs": recipe.epochs,
        "batch_size": None if recipe.mixup else recipe.batch_size,
        "class_weight": "class_weight" if is_balanced(recipe, task) else None,
        "callbacks": "[early_stopping]" if recipe.early_stopping else None,
    }
    return Section((*lines, *call("model.fit", *rows, options=options)))


def _optimizer(recipe: Recipe) -> list[str]:
    given = recipe.optimizer
    is_decayed = given.weight_decay > 0 or given.name == "adamw"  # whose default is not 0
    options = {
        "learning_rate": literal(given.rate) if given.schedule == "constant" else "schedule",
        "momentum": literal(given.momentum) if given.momentum else None,
        "weight_decay": literal(given.weight_decay) if is_decayed else None,
        "global_clipnorm": None if given.clip_norm is None else literal(given.clip_norm),
    }
    return call(f"optimizer = keras.optimizers.{_OPTIMIZERS[given.name]}", options=options)


def _schedule(recipe: Recipe) -> tuple[list[str], tuple[str, ...]]:
    """Lines of a learning rate that falls to zero over all epochs, and what they import."""
    if recipe.optimizer.schedule == "constant":
        return [], ()
    epochs = max(recipe.epochs, 1)
    steps = f"steps = {epochs} * int(np.ceil(len(x_train) / {recipe.batch_size}))"
    name = "schedule = keras.optimizers.schedules.CosineDecay"
    options = {"decay_steps": "steps"}
    return [steps, *call(name, literal(recipe.optimizer.rate), options=options)], (_NUMPY,)


def _initializer(initializer: Initializer) -> str | None:
    """An argument, where it is not Keras's default."""
    name, scale = initializer.name, initializer.scale
    if scale is None:
        return None if name == "glorot_uniform" else literal(name)
    value = literal(scale)
    match name:
        case "random_normal":
            return f"keras.initializers.RandomNormal(stddev={value})"
        case "truncated_normal":
            return f"keras.initializers.TruncatedNormal(stddev={value})"
        case "random_uniform":
            return f"keras.initializers.RandomUniform(minval={literal(-scale)}, maxval={value})"
        case _:
            return f"keras.initializers.Constant({value})"


def _regularizer(layer: RecipeLayer) -> str | None:
    if not (layer.l1 or layer.l2):
        return None
    if not layer.l1:
        return f"keras.regularizers.L2({literal(layer.l2)})"
    if not layer.l2:
        return f"keras.regularizers.L1({literal(layer.l1)})"
    return f"keras.regularizers.L1L2(l1={literal(layer.l1)}, l2={literal(layer.l2)})"
