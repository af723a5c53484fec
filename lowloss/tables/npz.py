"""Reads NPZ: the arrays `X` and `y`, whose headers are checked before anything is allocated."""

from __future__ import annotations

import math
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
import polars as pl
from numpy.lib import format as npy

from lowloss.errors import NpzArraysMissing, NpzContainsPickle, NpzShapesDiffer, TableUnreadable
from lowloss.tables.limits import TableLimits
from lowloss.tables.table import Table, check_size, check_text

FAULTS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ValueError,
    EOFError,
    OSError,
    RuntimeError,  # an encrypted member, or a compression that this Python lacks
)
"""The errors of damaged bytes."""


def read_npz(path: Path, limits: TableLimits) -> Table:
    """Read `X` [rows] or [rows, columns] of numbers, and `y` [rows] or [rows, 1]."""
    try:
        with zipfile.ZipFile(path) as archive:
            for name in ("X", "y"):
                if f"{name}.npy" not in archive.namelist():
                    array_names = ", ".join(n.removesuffix(".npy") for n in archive.namelist()[:10])
                    raise NpzArraysMissing(
                        f"the file has no array {name!r}; it has: {array_names or 'none'}",
                        fix="write it by numpy.savez(path, X=…, y=…)",
                    )
            x = _read_array(archive, "X", limits)
            y = _read_array(archive, "y", limits)
    except FAULTS as error:
        raise TableUnreadable(
            f"the file is not an NPZ file: {error}", fix="write it by numpy.savez(path, X=…, y=…)"
        ) from error
    return _to_table(x, y, limits)


def _read_array(archive: zipfile.ZipFile, name: str, limits: TableLimits) -> np.ndarray[Any, Any]:
    with archive.open(f"{name}.npy") as file:
        shape, dtype = _read_header(file)
    if dtype.hasobject:
        raise NpzContainsPickle(
            f"array {name!r} holds Python objects, which are not read for safety",
            fix="convert it to numbers, or to strings by astype(str)",
        )
    kinds = "biufU" if name == "y" else "biuf"
    if dtype.kind not in kinds:
        raise TableUnreadable(
            f"array {name!r} holds {dtype}, not numbers", fix="convert it by astype('float32')"
        )
    # A header can claim any size: it is checked before numpy allocates the array.
    check_size(shape[0] if shape else 0, math.prod(shape[1:]), limits)
    with archive.open(f"{name}.npy") as file:
        return np.asarray(npy.read_array(file, allow_pickle=False))


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype


def _to_table(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], limits: TableLimits) -> Table:
    x = x[:, None] if x.ndim == 1 else x
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if x.ndim != 2 or y.ndim != 1 or len(x) != len(y):
        raise NpzShapesDiffer(
            f"X has shape {x.shape} and y {y.shape}; X must be [rows, columns] and y [rows]",
            fix="give X and y the same number of rows",
        )
    check_size(len(x), x.shape[1] + 1, limits)
    columns = [_to_column(f"X[{i}]", x[:, i]) for i in range(x.shape[1])]
    return Table(pl.DataFrame([*columns, _to_column("y", y)]), is_matrix=True)


def _to_column(name: str, values: np.ndarray[Any, Any]) -> pl.Series:
    match values.dtype.kind:
        case "b":
            return pl.Series(name, values)
        case "i" | "u" if values.dtype.itemsize < 8 or values.dtype.kind == "i":
            return pl.Series(name, values.astype(np.int64))
        case "U":
            return check_text(pl.Series(name, _to_strings(values), dtype=pl.String))
    with np.errstate(over="ignore", invalid="ignore"):  # a value beyond float64 counts as missing
        column = pl.Series(name, values.astype(np.float64))
    return column.set(~column.is_finite(), None)


def _to_strings(values: np.ndarray[Any, Any]) -> list[str]:
    try:
        strings: list[str] = values.tolist()
        "".join(strings).encode()
    except ValueError as error:
        raise TableUnreadable(
            f"array 'y' holds what is no text: {error}",
            fix="write it by numpy.savez(path, X=…, y=…)",
        ) from error
    return strings
