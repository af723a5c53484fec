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
        (
            "continue the job with the proposed space, insights.next_space.",
            "continue the job with the proposed space, by the button below.",
        ),
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
        ("take it out of the file, its header is decimal", None),
    ],
)
def test_message_leads_to_the_field_that_it_names(text: str, field: str | None) -> None:
    assert find_reading_field(text) == field
