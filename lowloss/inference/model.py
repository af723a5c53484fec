"""An exported model in ONNX Runtime. N rows of a request."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from lowloss.errors import LowlossError
from lowloss.inference.rows import Cells, Inputs, read_inputs
from lowloss.inference.signature import METADATA_KEY, Signature
from lowloss.inference.unseen import find_unseen
from lowloss.results import Predictions
from lowloss.spec import Task
from lowloss.wording import describe_error

RUN_ROWS = 1024
"""Rows that go through a network at once: this bounds the memory of a request."""
FATAL = 4
"""ONNX Runtime's log level at which it prints nothing: failures are raised anyway."""


@dataclass(frozen=True)
class Model:
    """A loaded model: its signature, the SHA-256 of its file, and a function that runs it.

    It is safe to use from several threads.
    """

    signature: Signature
    sha256: str
    run: Callable[[Inputs], NDArray[Any]]

    def predict(self, cells: Cells, *, job_id: str | None = None) -> Predictions:
        """Predict raw rows; raise RowsInvalid for a value that the model cannot take."""
        inputs = read_inputs(self.signature, cells)
        parts_NC = [
            self.run({name: array[start : start + RUN_ROWS] for name, array in inputs.items()})
            for start in range(0, cells.count, RUN_ROWS)
        ]
        predictions, probabilities = read_outputs(self.signature, np.concatenate(parts_NC))
        return Predictions(
            job=job_id,
            model_sha256=self.sha256,
            task=self.signature.task,
            target=self.signature.target,
            predictions=predictions,
            labels=self.signature.labels,
            probabilities=probabilities,
            ignored=cells.ignored,
            warnings=find_unseen(self.signature, inputs),
        )


def load_model(content: bytes) -> Model:
    """Load the bytes of a `model.onnx`; raise LowlossError unless lowloss wrote them."""
    # Imported here: it is loaded only where models predict.
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = FATAL
    # A session in a cache must not keep the memory of its largest request.
    options.enable_cpu_mem_arena = False
    # The bytes hold the whole model: it must not read weights from other files.
    folder = os.path.join(os.devnull, "none")
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", folder)
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no class of their own but Exception
        reason = describe_error(error)
        raise LowlossError(f"this is not an ONNX model that can be loaded: {reason}") from error
    signature = _read_signature(session.get_modelmeta().custom_metadata_map)
    return Model(
        signature,
        hashlib.sha256(content).hexdigest(),
        lambda inputs: np.asarray(session.run(None, inputs)[0]),
    )


def _read_signature(metadata: dict[str, str]) -> Signature:
    try:
        return Signature.model_validate_json(metadata[METADATA_KEY])
    except KeyError:
        raise LowlossError(
            f"this ONNX model has no metadata named {METADATA_KEY!r}: lowloss did not write it"
        ) from None
    except ValidationError as error:
        raise LowlossError(
            "another version of lowloss wrote this model, and this one cannot read it"
        ) from error


def read_outputs(
    signature: Signature, output_NC: NDArray[Any]
) -> tuple[tuple[float | str | None, ...], tuple[tuple[float | None, ...], ...] | None]:
    """Return predictions, and for a classification probabilities, from a model's output.

    None stands for a value that is not finite.
    """
    width = 1 if signature.task is Task.regression else len(signature.labels)
    if output_NC.ndim != 2 or output_NC.shape[1] != width:
        raise RuntimeError(f"the model returned {output_NC.shape}, not {width} numbers a row")
    finite_NC = np.isfinite(output_NC)
    numbers = [
        tuple(value if is_finite else None for value, is_finite in zip(*row, strict=True))
        for row in zip(output_NC.tolist(), finite_NC.tolist(), strict=True)
    ]
    if signature.task is Task.regression:
        return tuple(row[0] for row in numbers), None
    best_N = np.where(finite_NC.all(axis=1), output_NC.argmax(axis=1), -1)
    labels = tuple(None if best < 0 else signature.labels[best] for best in best_N.tolist())
    return labels, tuple(numbers)
