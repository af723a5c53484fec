"""A Gaussian process over a search space, and what it expects of the next trial.

N points with a known loss, M points to judge.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Kernel, Matern, WhiteKernel
from threadpoolctl import ThreadpoolController

from worker.search.cube import Cube
from worker.search.sides import FloatMatrix

MAX_POINTS = 300
"""Above, the best half and the latest half stand for all: a fit takes cubic time."""
KERNEL_POINTS = 150
"""As above, for the kernel, whose fit takes some forty times as long."""
KERNEL_GROWTH = 1.2
"""The kernel is fitted at 10 points, and whenever there are so many times as many."""
BAD_SPANS = 3.0
"""Losses are cut off so many times as far above the median as the best one lies below it."""
DRAWS, NEAR_DRAWS = 768, 256
"""Candidates for a trial: anywhere, and around the best settings so far."""
NEAR_BEST, NEAR_SD = 5, 0.1


class Surrogate:
    """All settings that were tried, and a process that is fitted to their losses.

    Kernel: Matern 5/2 with a scale for each column, and noise.
    """

    def __init__(self, cube: Cube) -> None:
        self._cube = cube
        self._points: list[FloatMatrix] = []
        self._losses: list[float] = []
        columns = cube.encode(np.zeros((1, len(cube.sides)))).shape[1]
        matern = Matern(np.full(columns, 0.5), (0.05, 20.0), nu=2.5)
        self._prior = ConstantKernel(1.0, (0.05, 20.0)) * matern + WhiteKernel(1e-2, (1e-6, 1.0))
        self._kernel = self._prior
        self._kernel_points = 0
        self._fitted: FittedSurrogate | None = None
        self._threads = ThreadpoolController()

    def __len__(self) -> int:
        return len(self._losses)

    def add(self, values: Mapping[str, Any], loss: float) -> None:
        """Take in a setting's loss: less is better."""
        self._points.append(self._cube.point(values))
        self._losses.append(loss)
        self._fitted = None

    def fit(self) -> FittedSurrogate:
        """Fit the process to all losses so far; once, however often it is called."""
        if self._fitted is None:
            self._fit_kernel()
            x_NE, y_N, unit = self._data(len(self), MAX_POINTS)
            self._fitted = _condition(self._kernel, x_NE, y_N, unit)
        return self._fitted

    def _data(self, points: int, max_points: int) -> tuple[FloatMatrix, FloatMatrix, float]:
        """Return what is fitted of the first points: encodings, losses and their unit."""
        loss_N = np.array(self._losses[:points])
        indices = _fitted_indices(loss_N, max_points)
        return self._cube.encode(np.array(self._points)[indices]), *_standardised(loss_N[indices])

    def candidates(self, rng: np.random.Generator) -> FloatMatrix:
        """Draw points to choose among [M, U]: random ones, and others around the best."""
        best = np.argsort(self._losses, kind="stable")[:NEAR_BEST]
        around_MU = np.array(self._points)[rng.choice(best, NEAR_DRAWS)]
        moved_MU = around_MU + rng.normal(scale=NEAR_SD, size=around_MU.shape)
        # Some hyperparameters move, the others stay.
        moves_MU = rng.random(around_MU.shape) < 0.5
        near_MU = np.where(moves_MU, np.clip(moved_MU, 0.0, 1.0), around_MU)
        return np.concatenate([self._cube.draw(rng, DRAWS), near_MU])

    def expected_improvement(self, rng: np.random.Generator) -> float:
        """Return the best candidate's expected improvement, in units of the loss."""
        with self.on_one_thread():
            fitted = self.fit()
            improvement_M = fitted.expected_improvement(self._cube.encode(self.candidates(rng)))
        return float(improvement_M.max()) * fitted.unit

    def on_one_thread(self) -> AbstractContextManager[object]:
        """Limit matrix products to one thread.

        Matrices as small as these take many times as long where threads wait for a core.
        """
        limited: AbstractContextManager[object] = self._threads.limit(limits=1, user_api="blas")
        return limited

    def _fit_kernel(self) -> None:
        """Fit the kernel where that is due: the same at a restart, whenever it was asked for."""
        due = _milestone(len(self))
        if due == self._kernel_points:
            return
        x_NE, y_N, _ = self._data(due, KERNEL_POINTS)
        with warnings.catch_warnings():
            # A scale at its bound says that a column matters little, or that all do.
            warnings.simplefilter("ignore", ConvergenceWarning)
            process = GaussianProcessRegressor(self._prior, random_state=0).fit(x_NE, y_N)
        self._kernel, self._kernel_points = process.kernel_, due


@dataclass(frozen=True)
class FittedSurrogate:
    """A process that knows some losses; `y_N` are about their mean, in units of `unit`.

    `inverse_NN` is that of the Cholesky factor of their covariance, noise included.
    """

    kernel: Kernel
    x_NE: FloatMatrix
    y_N: FloatMatrix
    unit: float
    inverse_NN: FloatMatrix
    weight_N: FloatMatrix

    def expected_improvement(self, x_ME: FloatMatrix) -> FloatMatrix:
        """Return how far below the best each point is expected to come [M].

        Jones et al. 1998, equation 15; in units of `unit`, without the noise of a single trial.
        """
        signal = self.kernel.k1
        covariance_MN = signal(x_ME, self.x_NE)
        explained_M = np.square(covariance_MN @ self.inverse_NN.T).sum(axis=1)
        sd_M = np.sqrt(np.maximum(signal.diag(x_ME) - explained_M, 1e-12))
        z_M = (self.y_N.min() - covariance_MN @ self.weight_N) / sd_M
        density_M = np.exp(-0.5 * z_M**2) / math.sqrt(2 * math.pi)
        share_M = 0.5 * (1 + erf(z_M / math.sqrt(2)))
        improvement_M: FloatMatrix = sd_M * (z_M * share_M + density_M)
        return improvement_M

    def believing(self, x_E: FloatMatrix) -> FittedSurrogate:
        """Add an open trial that is believed to come out as expected (Ginsbourger et al. 2010).

        A believed trial has no weight, since it is what the others say; it leaves less unknown.
        """
        signal, noise = self.kernel.k1, self.kernel.k2.noise_level
        covariance_N = signal(x_E[None], self.x_NE)[0]
        row_N = self.inverse_NN @ covariance_N
        rest = math.sqrt(max(signal.diag(x_E[None])[0] + noise - row_N @ row_N, 1e-12))
        count = len(self.y_N)
        inverse = np.zeros((count + 1, count + 1))
        inverse[:count, :count] = self.inverse_NN
        inverse[count] = np.append(-row_N @ self.inverse_NN, 1.0) / rest
        return FittedSurrogate(
            self.kernel,
            np.concatenate([self.x_NE, x_E[None]]),
            np.append(self.y_N, covariance_N @ self.weight_N),
            self.unit,
            inverse,
            np.append(self.weight_N, 0.0),
        )


def _condition(kernel: Kernel, x_NE: FloatMatrix, y_N: FloatMatrix, unit: float) -> FittedSurrogate:
    """Condition the process of a kernel on losses."""
    inverse_NN = np.linalg.inv(np.linalg.cholesky(kernel(x_NE)))
    return FittedSurrogate(kernel, x_NE, y_N, unit, inverse_NN, inverse_NN.T @ (inverse_NN @ y_N))


def _milestone(points: int) -> int:
    """Return the last number of points, up to this, at which the kernel is fitted."""
    due = 10.0
    while due * KERNEL_GROWTH <= points:
        due *= KERNEL_GROWTH
    return min(int(due), points)


def _fitted_indices(loss_N: FloatMatrix, max_points: int) -> NDArray[np.int64]:
    """Return the indices of the points that are fitted: all, or the best and the latest ones."""
    count = len(loss_N)
    if count <= max_points:
        return np.arange(count)
    half = max_points // 2
    best = np.argsort(loss_N[: count - half], kind="stable")[:half]
    return np.concatenate([np.sort(best), np.arange(count - half, count)])


def _standardised(loss_N: FloatMatrix) -> tuple[FloatMatrix, float]:
    """Standardise losses, the bad ones cut off; return their unit, too."""
    # Of the largest first: a loss may be so large that its square is none.
    largest = float(np.abs(loss_N).max()) or 1.0
    share_N = loss_N / largest
    lowest, middle = float(share_N.min()), float(np.median(share_N))
    cut_N = np.minimum(share_N, middle + BAD_SPANS * (middle - lowest))
    unit = float(cut_N.std()) or 1.0
    return (cut_N - cut_N.mean()) / unit, unit * largest
