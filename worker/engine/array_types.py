"""Types of the arrays that an engine works on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
RowNumbers = NDArray[np.int64]
