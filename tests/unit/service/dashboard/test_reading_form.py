"""What the API calls an option of reading, in the words of the form."""

from __future__ import annotations

import pytest

from service.dashboard.reading_form import find_reading_field, use_form_words


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "give header=true if it names them",
            "choose “First line: names the columns” if it names them",
        ),
        ("name -999 in null_values if it does", "name -999 in “Also missing” if it does"),
        ("or give skip_rows if the", "or fill in “Lines above the header” if the"),
        ("give date_format=%M:%S if 4:30", "fill in “Dates are” with %M:%S if 4:30"),
        ("to_json(path, date_format='iso')", "to_json(path, date_format='iso')"),
        ("give date_format if they are", "fill in “Dates are” if they are"),
        ("set date_format to %d/%m/%Y if", "set “Dates are” to %d/%m/%Y if"),
        ("give skip_rows=2 if it is", "fill in “Lines above the header” with 2 if it is"),
        ("or header=false if they are rows", "or choose “First line: is a row” if they are rows"),
        ("give header=false if it is data", "choose “First line: is a row” if it is data"),
        (
            "or say quote, or skip_rows=1 if the table",
            "or choose “Quote”, or fill in “Lines above the header” with 1 if the table",
        ),
        ("give encoding=cp1250 if 'ž'", "fill in “Encoding” with cp1250 if 'ž'"),
        ("give delimiter=, if there are", "fill in “Delimiter” with a comma if there are"),
        (
            "give delimiter if the lines have one, such as delimiter=:",
            "fill in “Delimiter” if the lines have one, such as :",
        ),
        ("set the column's type to category", "set “Column … is” to category"),
        ("set thousands to '.' if it is", "set “Between thousands” to '.' if it is"),
        ("give encoding if letters look wrong", "fill in “Encoding” if letters look wrong"),
        ("set its type to number if it is", "set “Column … is” to number if it is"),
        ("its time was up (budget.max_seconds)", "its time was up (“Seconds of search”)"),
        ("gained too little (budget.min_expected_improvement; null for all)", "gained too little"),
        ("check its quotes, or quote fields", "check its quotes, or quote fields"),
    ],
)
def test_options_have_the_labels_of_the_form(text: str, shown: str) -> None:
    assert use_form_words(text) == shown


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("give header=true if it names them", "header"),
        ("name -999 in null_values if it does", "null_values"),
        ("set date_format to %d/%m/%Y if it is the other way", "date_format"),
        ("set its type to number if it is a quantity", "type"),
        ("quote fields, or give skip_rows", "skip_rows"),
        ("give date_format=%M:%S if 4:30", "date_format"),
        ("to_json(path, date_format='iso'), or set its type to number", "type"),
        ("mend them, or set the column's type to category", "type"),
        ("take it out of the file, its header is decimal", None),
    ],
)
def test_message_leads_to_the_field_that_it_names(text: str, field: str | None) -> None:
    assert find_reading_field(text) == field
