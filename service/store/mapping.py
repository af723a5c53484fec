"""What all tables share: their base class, its types of columns, and parts of them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Float, ForeignKey, MetaData, String
from sqlalchemy.orm import DeclarativeBase, mapped_column

from lowloss.spec import DEFAULT_PROJECT
from service.store.database import Json, UtcDateTime

Document = dict[str, Any]


class MappedTable(DeclarativeBase):
    """The base class of every table."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy's own protocol
        str: String(),
        float: Float(53),
        datetime: UtcDateTime(),
        Document: Json,
    }


def one_of(column: str, states: type[StrEnum]) -> CheckConstraint:
    """Build the constraint that a column holds one of some states."""
    values = ", ".join(f"'{state}'" for state in states)
    return CheckConstraint(f"{column} IN ({values})", name=f"{column}_known")


def project_column(*, is_key: bool = False) -> Any:
    """Build the column of the project that a row is of."""
    return mapped_column(
        String(63),
        ForeignKey("projects.name"),
        server_default=DEFAULT_PROJECT,
        primary_key=is_key,
    )
