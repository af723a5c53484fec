"""Finds rows that are totals or means of others: left out at both ends, told among the rows."""

from __future__ import annotations

import re

import polars as pl

from lowloss.results import TableWarning
from lowloss.results.datasets import MAX_EXAMPLE
from lowloss.tables.numbered import NumberedRows, make_row_warning
from lowloss.tables.summaries import drop_summaries, has_texts
from lowloss.wording import counted

MIN_ROWS = 5
"""How many other rows tell that one is a total, at least."""
WORDS = (
    r"total|totals|totale|totali|totaal|totalt|totales|totaux|summe|sum|suma|somma|soma|somme|summa"
    r"|gesamt|insgesamt|ergebnis|razem|ogółem|celkem|összesen|toplam|yhteensä|i alt|итого|всего"
    r"|合计|总计|小计|合計|小計|総計|합계|소계|총계"
)
MEANS = (
    r"average|mean|median|std\.? ?dev\.?|standard deviation|mittelwert|durchschnitt|ø|moyenne"
    r"|médiane|promedio|mediana|gemiddelde|medelvärde|gjennomsnitt|gennemsnit|průměr|átlag"
    r"|keskiarvo|ortalama|среднее|平均|평균"
)
"""None that is a level, too, as `Media` and `mittel` are."""
PREFIX = r"(?:grand|sub|sous|zwischen|gesamt|end|overall)"
TOTAL = (
    rf"(?i)^\s*(?:(?:{PREFIX}[- ]?)?-?(?:{WORDS})|totale? g[eé]n[eé]ral[e]?|suma total|sum total"
    rf"|(?:(?:{PREFIX}|class|course|group)[- ])?(?:{MEANS}))\s*:?\s*$"
)
"""The label of a total or a mean."""
BALANCE = (
    r"(?i)^\s*(?:(?:closing|opening|final|end|ending|starting) balance"
    r"|(?:end|anfangs|schluss|abschluss)saldo|(?:neuer|alter) (?:konto)?(?:saldo|stand)"
    r"|saldo (?:finale?|iniziale|inicial|końcowe|początkowe)|solde (?:final|initial)"
    r"|eindsaldo|beginsaldo)\s*:?\s*$"
)
"""The label of an account's balance, below or above its payments, where they have a date."""
GROUP = r"(?i)^(.*\S)\s+(?:total|ergebnis|summe)$"
"""The label of a group's total, with the name of the group: `North Total`."""
LEADING_GROUP = r"(?i)^(?:sub[- ]?)?(?:total|summe|somme)\s+(\S.*)$"
"""The same with the name behind: `Total North`."""
MAX_EMPTY = 20
"""How many empty rows may stand below a total."""
MAX_SHARE = 0.5
"""The share of the rows that may be totals of others."""


def drop_totals(rows: NumberedRows, warnings: list[TableWarning]) -> NumberedRows:
    """Drop first and last rows that alone say they are totals or means; tell of those among."""
    rows = _drop_empty_end(rows)
    for index in (-1, 0):
        rows = drop_summaries(rows, warnings, is_total=_is_total, at_end=index == -1)
        while (shorter := _drop_end(rows, index, warnings)).height < rows.height:
            rows = shorter
    _tell_among(rows, warnings)
    return rows


def _is_total(label: str) -> bool:
    return re.search(TOTAL, label) is not None


def _drop_empty_end(rows: NumberedRows) -> NumberedRows:
    """Drop the last rows if they are empty: a total may stand above them."""
    height = rows.height
    last = [rows.strings.row(row) for row in range(max(0, height - MAX_EMPTY), height)]
    count = 0
    while count < len(last) and not any(cell and cell.strip() for cell in last[-1 - count]):
        count += 1
    if not 0 < count < height:
        return rows
    return rows.drop(pl.int_range(height, eager=True) >= height - count)


def _drop_end(rows: NumberedRows, index: int, warnings: list[TableWarning]) -> NumberedRows:
    """Drop the first row, or the last one, if it alone says that it is a total."""
    strings = rows.strings
    if not _has_labels(strings):
        return rows
    cells = strings.row(index)
    label = next((cell.strip() for cell in cells if cell and cell.strip()), "")
    column = strings.to_series(
        next((p for p, cell in enumerate(cells) if cell and cell.strip()), 0)
    )
    is_balance = re.search(BALANCE, label) is not None and not (cells[0] or "").strip()
    if not is_balance and not _is_total(label):
        return rows
    if (column.str.strip_chars() == label).sum() > 1:
        return rows
    row = index % strings.height
    warnings.append(make_row_warning(cells, rows.number(row), f"says {label!r}"))
    return rows.drop(pl.int_range(strings.height, eager=True) == row)


def _tell_among(rows: NumberedRows, warnings: list[TableWarning]) -> None:
    """Tell of rows that say they are totals, of all or of a named group.

    They say so in the first column of texts, or among the numbers of one before it.
    """
    strings = rows.strings
    if not _has_labels(strings):
        return
    # One call for all columns: there may be thousands.
    has_letters = strings.select(pl.all().str.contains(r"\pL").any()).row(0)
    for labels in (strings.to_series(p) for p, has_any in enumerate(has_letters) if has_any):
        is_total = labels.str.contains(TOTAL).fill_null(value=False)
        is_total |= _names_group(labels, rows.strings)
        if 0 < is_total.sum() <= MAX_SHARE * len(labels):
            warnings.append(_make_totals_warning(rows, labels, is_total))
            return
        if has_texts(labels):
            return


def _names_group(labels: pl.Series, strings: pl.DataFrame) -> pl.Series:
    """Return which labels are totals of a group that a cell of any column names."""
    groups = labels.str.extract(GROUP).fill_null(labels.str.extract(LEADING_GROUP))
    is_group = pl.repeat(value=False, n=len(labels), eager=True)
    if groups.null_count() < len(groups):
        for column in strings:
            is_group |= groups.is_in(column.implode()).fill_null(value=False)
    return is_group


def _make_totals_warning(
    rows: NumberedRows, labels: pl.Series, is_total: pl.Series
) -> TableWarning:
    numbers, label = rows.find(is_total), str(labels.filter(is_total)[0])
    count = int(is_total.sum())
    return TableWarning(
        code="totals_among_rows",
        column=labels.name,
        count=count,
        rows=numbers,
        example=label,
        detail=f"{counted(count, 'row')}, such as {label[:MAX_EXAMPLE]!r} in row "
        f"{numbers[0]}, may be totals of others: they stay",
        fix="take them out of the file if they are sums or means of other rows",
    )


def _has_labels(strings: pl.DataFrame) -> bool:
    return strings.height > MIN_ROWS and strings.width > 1
