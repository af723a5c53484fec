"""What the API calls an option of reading, in the words of the form."""

from __future__ import annotations

import pytest

from service.dashboard.reading_form import use_form_words


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "give header=true if it names them",
            "choose “First line: names the columns” if it names them",
        ),
        ("name -999 in null_values if it does", "name -999 in “Also missing” if it does"),
        ("or say skip_rows or quote", "or fill in “Lines above the header” or “Quote”"),
        (
            "continue the job with the proposed space, insights.next_space.",
            "continue the job with the proposed space, which its report has.",
        ),
        ("set thousands to '.' if it is", "set “Between thousands” to '.' if it is"),
        ("check its quotes, or quote fields", "check its quotes, or quote fields"),
    ],
)
def test_options_have_the_labels_of_the_form(text: str, shown: str) -> None:
    assert use_form_words(text) == shown
