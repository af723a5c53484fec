"""The options of parsing a table, as parameters of a query."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import TypeAdapter, ValidationError

from lowloss.errors import InvalidRequest
from lowloss.spec import Text
from lowloss.tables.options import (
    Decimal,
    Delimiter,
    ParseOptions,
    Quote,
    SkipRows,
    Thousands,
    Types,
)

DETECTED = "Of a table of texts; detected."
TYPES: TypeAdapter[Types] = TypeAdapter(Types)


DelimiterParameter = Annotated[Delimiter | None, Query(description=DETECTED, examples=[";"])]
DecimalParameter = Annotated[Decimal | None, Query(description=DETECTED, examples=[","])]
ThousandsParameter = Annotated[Thousands | None, Query(description=DETECTED, examples=["."])]
EncodingParameter = Annotated[
    Text | None, Query(max_length=40, description=DETECTED, examples=["cp1252"])
]
HeaderParameter = Annotated[
    bool | None,
    Query(description="Whether the first line names the columns; detected.", examples=[False]),
]
QuoteParameter = Annotated[Quote | None, Query(description="Around fields.", examples=["'"])]
SkipParameter = Annotated[
    SkipRows | None, Query(description="Lines above the header.", examples=[3])
]
CommentParameter = Annotated[
    Text | None,
    Query(min_length=1, max_length=10, description="Begins lines that are none.", examples=["#"]),
]
DateParameter = Annotated[
    Text | None,
    Query(min_length=2, max_length=100, description="Of strptime.", examples=["%d/%m/%Y"]),
]
NullParameter = Annotated[
    list[Text] | None,
    Query(max_length=100, description="More cells that are missing.", examples=[["-999"]]),
]
TypesParameter = Annotated[
    Text | None,
    Query(
        # The whole line of a request has 64 KiB.
        max_length=30_000,
        description="Kinds of columns as JSON: number, category, boolean, date or duration.",
        examples=['{"zip": "category"}'],
    ),
]


SheetParameter = Annotated[
    Text | None,
    Query(min_length=1, max_length=100, description="Of a workbook; the first.", examples=["2024"]),
]


async def parse_options(
    *,
    delimiter: DelimiterParameter = None,
    decimal: DecimalParameter = None,
    thousands: ThousandsParameter = None,
    encoding: EncodingParameter = None,
    header: HeaderParameter = None,
    quote: QuoteParameter = None,
    skip_rows: SkipParameter = None,
    comment: CommentParameter = None,
    date_format: DateParameter = None,
    null_values: NullParameter = None,
    types: TypesParameter = None,
    sheet: SheetParameter = None,
) -> ParseOptions:
    """Collect the options by which a table of texts is parsed."""
    return ParseOptions(
        delimiter=delimiter,
        decimal=decimal,
        thousands=thousands,
        encoding=encoding,
        header=header,
        quote=quote,
        skip_rows=skip_rows,
        comment=comment,
        date_format=date_format,
        null_values=tuple(null_values) if null_values else None,
        types=None if types is None else _read_types(types),
        sheet=sheet,
    )


def _read_types(text: str) -> Types:
    try:
        return TYPES.validate_json(text)
    except ValidationError as error:
        fault = error.errors()[0]
        raise InvalidRequest(
            f"types is not a JSON object from columns to kinds: {fault['msg']}",
            field="types",
            fix='give {"column": "category"}, or number, boolean, date or duration',
        ) from error
