"""What a job needs of the worker that takes it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lowloss.spec.parameters import Number
from lowloss.spec.parts import Spec, wrong_value

ExecutorName = Literal["local", "ray"]
MAX_CORES, MAX_BYTES, MAX_ACTORS = 2**31 - 1, 2**63 - 1, 10_000


class Needs(Spec):
    """What a worker has that takes the job: so many cores, so much memory, where it trains.

    Cores and memory are those of the worker's machine; a Ray cluster's are not counted. Null: any.
    So many `actors` of a Ray cluster train the job; as many as there is room for where it is null.
    """

    cores: Annotated[int, Field(ge=1, le=MAX_CORES), Number] | None = None
    memory_bytes: Annotated[int, Field(ge=1, le=MAX_BYTES), Number] | None = None
    executor: ExecutorName | None = None
    actors: Annotated[int, Field(ge=1, le=MAX_ACTORS), Number] | None = None

    @model_validator(mode="after")
    def _check_actors(self) -> Self:
        if self.actors is not None and self.executor != "ray":
            raise wrong_value(
                "actors_without_ray",
                "only a Ray cluster has actors",
                fix='set executor to "ray", or leave actors out',
                field="actors",
            )
        return self
