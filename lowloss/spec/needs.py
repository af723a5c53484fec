"""What a job needs of the worker that takes it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lowloss.spec.parameters import Number
from lowloss.spec.parts import Spec

ExecutorName = Literal["local", "ray"]
MAX_CORES, MAX_BYTES = 2**31 - 1, 2**63 - 1


class Needs(Spec):
    """What a worker has that takes the job: so many cores, so much memory, where it trains.

    Cores and memory are those of the worker's machine; a Ray cluster's are not counted. Null: any.
    """

    cores: Annotated[int, Field(ge=1, le=MAX_CORES), Number] | None = None
    memory_bytes: Annotated[int, Field(ge=1, le=MAX_BYTES), Number] | None = None
    executor: ExecutorName | None = None
