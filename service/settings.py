"""Every LOWLOSS_* variable of the server and the worker, with its default and meaning."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from lowloss.errors import LowlossError
from lowloss.processes.address import DEFAULT_HOST, DEFAULT_PORT
from lowloss.processes.logs import LogFormat
from lowloss.tables.limits import TableLimits
from service.machine import measure_memory

PARSER_MEMORY_SHARE = 0.25
"""The part of the machine's memory that one parser may take; there are two at most."""


JOB_MEMORY_SHARE = 0.8
"""The part of the machine's memory that a running job may take."""

MIN_QUANTITY = 0.0001
"""Ray takes no quantity with more decimals (2.60)."""

RAY_SETTINGS = {
    "CPU": "LOWLOSS_RAY_CORES",
    "GPU": "LOWLOSS_RAY_GPUS",
    "memory": "LOWLOSS_RAY_MEMORY_BYTES",
    "object_store_memory": "Ray itself",
}
"""What sets Ray's resources of these names."""


class Limits(TableLimits):
    """Bounds on everything that clients send."""

    max_classes: Annotated[
        int, Field(gt=1, description="Classes of a target, or targets of a diagnosis.")
    ] = 100
    max_levels: Annotated[
        int, Field(gt=1, description="Levels of a categorical column that are told apart.")
    ] = 1000
    max_layers: Annotated[int, Field(gt=0, description="Hidden layers of a network.")] = 10
    max_width: Annotated[int, Field(gt=0, description="Units of a layer.")] = 4096
    max_batch_size: Annotated[int, Field(gt=0, description="Rows of a training batch.")] = 65_536
    max_epochs: Annotated[int, Field(gt=0, description="Epochs of a trial.")] = 10_000
    max_trials: Annotated[int, Field(gt=0, description="Trials of a job.")] = 10_000
    max_seconds: Annotated[float, Field(gt=0, description="Seconds of a job.")] = 7 * 24 * 3600
    max_predict_rows: Annotated[
        int, Field(gt=0, description="Rows of one request for predictions.")
    ] = 10_000


class ConnectionLimits(BaseModel):
    """Bounds on clients' connections: their number, and how long each may be silent."""

    model_config = ConfigDict(frozen=True)

    max_total: Annotated[
        int,
        Field(gt=0, description="Connections; fewer where the process may open fewer files."),
    ] = 4096
    max_peer: Annotated[
        int, Field(gt=0, description="Connections from one address, such as that of a proxy.")
    ] = 2048
    first_byte_seconds: Annotated[
        float, Field(gt=0, description="Time until the first byte of a connection.")
    ] = 10.0
    header_seconds: Annotated[
        float, Field(gt=0, description="Time from the first byte of a header to its end.")
    ] = 10.0
    body_seconds: Annotated[
        float, Field(gt=0, description="Time in which another 64 KiB of a body, or its end, come.")
    ] = 30.0
    idle_seconds: Annotated[
        int, Field(gt=0, description="Time between a response and the next request.")
    ] = 15
    write_seconds: Annotated[
        float, Field(gt=0, description="Time that a client may read nothing of its response.")
    ] = 60.0


class Settings(BaseSettings):
    """The settings of the server and the worker.

    Each is read from the environment variable `LOWLOSS_<NAME>`; a limit from
    `LOWLOSS_LIMITS__<NAME>`, a bound on connections from `LOWLOSS_CONNECTIONS__<NAME>`.
    """

    model_config = SettingsConfigDict(
        env_prefix="LOWLOSS_", env_nested_delimiter="__", frozen=True, extra="ignore"
    )

    data_dir: Annotated[
        Path, Field(description="Folder of the SQLite database and of temporary uploads.")
    ] = Path("lowloss-data")
    database_url: Annotated[
        str | None,
        Field(description="`postgresql://…` or `sqlite:///…`; SQLite in the data folder if unset."),
    ] = None
    blob_store: Annotated[
        str | None,
        Field(
            description="Object store of new datasets, artifacts and checkpoints, "
            "`s3://BUCKET/PREFIX`; the database if unset. It needs `lowloss[s3]` and `AWS_…`."
        ),
    ] = None
    host: Annotated[str, Field(description="Address that the server binds to.")] = DEFAULT_HOST
    port: Annotated[int, Field(ge=0, le=65535, description="Port of the server.")] = DEFAULT_PORT
    tokens: Annotated[
        tuple[SecretStr, ...],
        NoDecode,
        Field(
            description="Bearer tokens of admins, comma-separated. Without any token, of `lowloss "
            "tokens` neither, the server is loopback-only."
        ),
    ] = ()
    allow_anonymous: Annotated[
        Literal["", "yes-i-mean-it"],
        Field(
            description="`yes-i-mean-it` lets a server without tokens listen beyond loopback: "
            "whoever reaches it is an admin."
        ),
    ] = ""
    audit_days: Annotated[
        float, Field(gt=0, description="Days after which an entry of the audit log is deleted.")
    ] = 90.0
    log_format: Annotated[
        LogFormat, Field(description="`json` for a JSON object a line, with ids; else `text`.")
    ] = "text"
    access_log: Annotated[
        bool, Field(description="`true` logs each request of the server, in a line.")
    ] = False
    max_upload_bytes: Annotated[int, Field(gt=0, description="Size of an upload.")] = 2 * 1024**3
    max_body_bytes: Annotated[
        int, Field(gt=0, description="Size of every other request's body.")
    ] = 1024**2
    max_predict_bytes: Annotated[
        int, Field(gt=0, description="Size of a body of rows to predict, as JSON.")
    ] = 2 * 1024**2
    max_predict_file_bytes: Annotated[
        int, Field(gt=0, description="Size of a table's file of rows to predict.")
    ] = 16 * 1024**2
    max_recipe_bytes: Annotated[
        int, Field(gt=0, description="Size of a Keras model to read a recipe from.")
    ] = 64 * 1024**2
    cached_models: Annotated[
        int, Field(gt=0, description="Models that the server keeps loaded for predictions.")
    ] = 32
    cached_model_bytes: Annotated[
        int, Field(gt=0, description="Size of those models' files together.")
    ] = 512 * 1024**2
    parse_memory_bytes: Annotated[
        int | None,
        Field(gt=0, description="Memory of a parser; a quarter of the machine's if unset."),
    ] = None
    parse_seconds: Annotated[
        float, Field(gt=0, description="Time that parsing an upload may take.")
    ] = 300.0
    lease_seconds: Annotated[
        float, Field(gt=0, description="Life of a worker's lease unless it is renewed.")
    ] = 30.0
    renew_seconds: Annotated[float, Field(gt=0, description="Time between two renewals.")] = 10.0
    poll_seconds: Annotated[
        float, Field(gt=0, description="Time between two looks at the queue by an idle worker.")
    ] = 0.5
    max_attempts: Annotated[
        int,
        Field(
            gt=0,
            description="Failures without a trial that ended in between, after which a job fails.",
        ),
    ] = 5
    retry_seconds: Annotated[
        float,
        Field(
            ge=0,
            description="First wait before a retry; it doubles with each failure or lost cluster.",
        ),
    ] = 2.0
    full_disk_seconds: Annotated[
        float,
        Field(
            ge=0,
            description="First wait of a job whose worker had no room for its files; it doubles.",
        ),
    ] = 60.0
    silence_seconds: Annotated[
        float, Field(gt=0, description="Silence after which a worker's child is ended.")
    ] = 300.0
    hang_seconds: Annotated[
        float,
        Field(gt=0, description="Silence, without processor time used, after which it is ended."),
    ] = 45.0
    stop_seconds: Annotated[
        float, Field(gt=0, description="Time that a stopping child gets before it is killed.")
    ] = 20.0
    child_jobs: Annotated[
        int, Field(gt=0, description="Jobs after which a worker's child is replaced.")
    ] = 20
    child_memory_bytes: Annotated[
        int,
        Field(
            gt=0,
            description="Memory, without pages of files, above which an idle child is replaced.",
        ),
    ] = 2 * 1024**3
    job_memory_bytes: Annotated[
        int | None,
        Field(
            gt=0,
            description="Memory of a running job, without pages of files; "
            "four fifths of the machine's if unset.",
        ),
    ] = None
    ray_address: Annotated[
        str | None,
        Field(
            description="Ray cluster that trains, `HOST:PORT` of its head, or `auto` for that of "
            "this machine's node; this machine alone if unset."
        ),
    ] = None
    ray_cores: Annotated[
        float,
        Field(
            ge=MIN_QUANTITY,
            allow_inf_nan=False,
            description="Cores of an actor that trains on the Ray cluster; with `0.5`, two actors "
            "share one.",
        ),
    ] = 2
    ray_gpus: Annotated[
        float,
        Field(
            ge=0.0,
            allow_inf_nan=False,
            description="GPUs of an actor: a whole number, or less than 1, a part of one.",
        ),
    ] = 0
    ray_memory_bytes: Annotated[
        int | None,
        Field(
            gt=0,
            description="Memory of an actor, which Ray sets aside for it; if unset it sets none "
            "aside, and the actor goes by its cores' share of its node's.",
        ),
    ] = None
    ray_resources: Annotated[
        dict[str, Annotated[float, Field(ge=MIN_QUANTITY)]],
        NoDecode,
        Field(
            description="What else an actor needs of its node, by the names that `ray start "
            '--resources` was given, such as `{"fast": 1}`.'
        ),
    ] = {}
    ray_actors: Annotated[
        int | None,
        Field(
            gt=0,
            description="Actors of a job on the Ray cluster; as many as its nodes have room for if "
            "unset. A cluster that scales itself grows to what is set here.",
        ),
    ] = None
    worker_name: Annotated[str, Field(description="Name of this worker in leases.")] = ""
    connections: ConnectionLimits = ConnectionLimits()
    limits: Limits = Limits()

    @field_validator("tokens", mode="before")
    @classmethod
    def _split_tokens(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(token for part in value.split(",") if (token := part.strip()))

    @field_validator("blob_store")
    @classmethod
    def _check_blob_store(cls, value: str | None) -> str | None:
        if not value:
            return None
        if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]+(/\w[\w.-]*)*/?", value, re.ASCII):
            raise ValueError(f"{value} is not s3://BUCKET/PREFIX, such as s3://models/lowloss")
        return value.rstrip("/")

    @field_validator("ray_gpus")
    @classmethod
    def _check_gpus(cls, value: float) -> float:
        if 0 < value < MIN_QUANTITY or (value > 1 and not value.is_integer()):
            raise ValueError(f"{value} is neither a whole number of GPUs nor a part of one")
        return value

    @field_validator("ray_resources", mode="before")
    @classmethod
    def _read_resources(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError as error:
            raise ValueError(f'{value} is not JSON, such as {{"fast": 1}}') from error

    @field_validator("ray_resources")
    @classmethod
    def _check_resources(cls, value: dict[str, float]) -> dict[str, float]:
        if names := sorted(set(value) & set(RAY_SETTINGS)):
            raise ValueError(f"{names[0]} is set by {RAY_SETTINGS[names[0]]}")
        return value

    @property
    def url(self) -> str:
        """The URL of the database: the configured one, or SQLite in the data folder."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'lowloss.sqlite3').absolute()}"

    @property
    def parser_bytes(self) -> int:
        """The memory of one parser in bytes."""
        return self.parse_memory_bytes or int(PARSER_MEMORY_SHARE * measure_memory())

    @property
    def job_bytes(self) -> int:
        """The memory of a running job's process in bytes."""
        return self.job_memory_bytes or int(JOB_MEMORY_SHARE * measure_memory())

    @property
    def machine_bytes(self) -> int:
        """The memory that training goes by: of a machine on which a job may take `job_bytes`.

        It is no more than this machine has.
        """
        return min(int(self.job_bytes / JOB_MEMORY_SHARE), measure_memory())


def read_settings() -> Settings:
    """Read the settings of this process; raise a LowlossError that names a wrong variable."""
    try:
        return Settings()
    except ValidationError as error:
        fault = error.errors()[0]
        name = "__".join(map(str, fault["loc"])).upper()
        message = fault["msg"].removeprefix("Value error, ")
        raise LowlossError(f"LOWLOSS_{name}: {message}") from error
