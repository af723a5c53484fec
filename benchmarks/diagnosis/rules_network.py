"""What published rules see of a network: its first forward and backward pass, in numpy.

N rows, D features, I inputs and U units of a layer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.diagnosis.programs import Setting
from lowloss.spec import Recipe, RecipeLayer

Floats = NDArray[np.float64]
MAX_ROWS = 256
EPSILON = 1e-4
BOUNDED = frozenset({"tanh", "sigmoid", "softsign", "hard_sigmoid"})
RECTIFIED = frozenset({"relu", "relu6"})
SATURATED_AT = 5.0
"""Beyond it the slope of tanh and sigmoid is next to nothing."""

ACTIVATIONS: dict[str, Callable[[Floats], Floats]] = {
    "linear": lambda z: z,
    "relu": lambda z: np.maximum(z, 0.0),
    "relu6": lambda z: np.clip(z, 0.0, 6.0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.2 * z),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0.0))),
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-np.clip(z, -60.0, 60.0))),
    "gelu": lambda z: 0.5 * z * (1 + np.tanh(0.7978845608 * (z + 0.044715 * z**3))),
}
"""Of hidden layers; others are taken for linear, which no rule speaks against."""


@dataclass(frozen=True)
class FirstPass:
    """Of the untrained network: the largest shares over layers, and the least mean gradient."""

    zero_share: float
    saturated_share: float
    min_gradient: float


def first_pass(setting: Setting, *, seed: int = 0) -> FirstPass:
    """Pass rows once through the network as it begins.

    And the gradients of its answer.
    """
    rng = np.random.default_rng(seed)
    a_NI = design(setting)[:MAX_ROWS]
    inputs, kernels, slopes = [], [], []
    zero, saturated = 0.0, 0.0
    with np.errstate(all="ignore"):
        for layer in setting.recipe.layers:
            kernel_IU = _kernel(layer, a_NI.shape[1], rng)
            inputs.append(a_NI)
            z_NU = a_NI @ kernel_IU
            is_output = layer is setting.recipe.output
            activation = ACTIVATIONS.get("linear" if is_output else layer.activation, _linear)
            a_NI = activation(z_NU)
            kernels.append(kernel_IU)
            slopes.append((activation(z_NU + EPSILON) - activation(z_NU - EPSILON)) / (2 * EPSILON))
            if layer.activation in RECTIFIED and not is_output:
                zero = max(zero, float(np.mean(a_NI == 0)))
            if layer.activation in BOUNDED and not is_output:
                saturated = max(saturated, float(np.mean(np.abs(z_NU) > SATURATED_AT)))
        min_gradient = _min_gradient(inputs, kernels, slopes)
    return FirstPass(zero, saturated, min_gradient)


def design(setting: Setting) -> Floats:
    """Return the table as the network sees it [N, D]: numbers scaled, texts one-hot.

    Gaps as the mean.
    """
    frame = setting.frame.drop(setting.target, *setting.recipe.exclude)
    texts = frame.select(pl.selectors.string())
    numbers_ND = numbers_of(setting)
    columns = [_scaled(numbers_ND[:, i], setting.recipe) for i in range(numbers_ND.shape[1])]
    if texts.width:
        columns += list(texts.to_dummies().to_numpy().astype(np.float64).T)
    return np.nan_to_num(np.array(columns, dtype=np.float64).T)


def numbers_of(setting: Setting) -> Floats:
    """Return the columns of numbers as they are [N, D]; what is missing is NaN."""
    frame = setting.frame.drop(setting.target, *setting.recipe.exclude)
    numbers_ND: Floats = frame.select(pl.selectors.numeric().cast(pl.Float64)).to_numpy()
    return numbers_ND


def _scaled(values_N: Floats, recipe: Recipe) -> Floats:
    match recipe.scale_features:
        case "none":
            return values_N
        case "minmax":
            low = float(np.nanmin(values_N))
            spread = float(np.nanmax(values_N)) - low
        case "quantile":
            ranks = values_N.argsort().argsort() / max(1, len(values_N) - 1)
            return (ranks - 0.5) * 3.46
        case "robust":
            quarter, low, three_quarters = np.nanquantile(values_N, [0.25, 0.5, 0.75])
            spread = float(three_quarters - quarter)
            z_N = (values_N - low) / (spread or 1.0)
            clipped_N: Floats = z_N / np.sqrt(1 + (z_N / 3) ** 2)
            return clipped_N
        case "standard":
            low, spread = float(np.nanmean(values_N)), float(np.nanstd(values_N))
    scaled_N: Floats = (values_N - low) / (spread or 1.0)
    return scaled_N


def _kernel(layer: RecipeLayer, inputs: int, rng: np.random.Generator) -> Floats:
    """Draw a kernel as Keras draws it [I, U]."""
    size = inputs, layer.units
    name, scale = layer.kernel_initializer.name, layer.kernel_initializer.scale
    match name:
        case "zeros":
            return np.zeros(size)
        case "ones":
            return np.ones(size)
        case "constant":
            return np.full(size, scale or 0.0)
        case "random_normal" | "truncated_normal":
            return rng.normal(size=size) * (0.05 if scale is None else scale)
        case "random_uniform":
            limit = 0.05 if scale is None else scale
            return rng.uniform(-limit, limit, size=size)
    fans = {"he": inputs / 2, "lecun": inputs, "glorot": (inputs + layer.units) / 2}
    kernel_IU: Floats = rng.normal(size=size) / math.sqrt(fans[name.split("_")[0]])
    return kernel_IU


def _min_gradient(inputs: list[Floats], kernels: list[Floats], slopes: list[Floats]) -> float:
    """Return the least mean absolute gradient of the kernels, of (output - 1)² / 2."""
    answer_NU = inputs[-1] @ kernels[-1]
    delta_NU = (answer_NU - 1) / len(answer_NU)
    means = []
    for a_NI, kernel_IU, slope_NU in reversed(list(zip(inputs, kernels, slopes, strict=True))):
        delta_NU = delta_NU * slope_NU
        means.append(float(np.mean(np.abs(a_NI.T @ delta_NU))))
        delta_NU = delta_NU @ kernel_IU.T
    return float(np.nanmin(means)) if np.isfinite(means).any() else float("nan")


def _linear(z_NU: Floats) -> Floats:
    return z_NU
