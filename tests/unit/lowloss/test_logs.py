"""Entries of the log: text for people, JSON for programs, with the ids that are bound."""

from __future__ import annotations

import json
import logging
import threading

from lowloss.processes.logs import JsonLines, TextLines, about, find_field, logging_about
from worker.execution.beside import run_beside


def an_entry(
    message: str = "it failed: %s", *values: object, **fields: object
) -> logging.LogRecord:
    values = values or ("so",)
    extra = about(**fields)
    return logging.getLogger("test").makeRecord(
        "test", logging.WARNING, __file__, 1, message, values, None, extra=extra
    )


def test_text_has_the_ids_at_its_end_and_none_where_none_are_bound() -> None:
    plain = TextLines().format(an_entry())
    with logging_about(job="job_1"), logging_about(attempt=2):
        bound = TextLines().format(an_entry(trial=7))

    assert plain.endswith("WARNING test: it failed: so")
    assert bound.endswith("WARNING test: it failed: so [job=job_1 attempt=2 trial=7]")


def test_json_is_one_line_whatever_the_message_and_the_error_hold() -> None:
    try:
        raise ValueError("a\nb")
    except ValueError as error:
        record = an_entry("%s", 'one\n"two"')
        record.exc_info = (ValueError, error, error.__traceback__)
    with logging_about(job="job_1"):
        line = JsonLines().format(record)

    assert "\n" not in line
    entry = json.loads(line)
    assert (entry["message"], entry["job"], entry["level"]) == ('one\n"two"', "job_1", "warning")
    assert entry["error"].endswith("ValueError: a\nb")


def test_ids_end_with_their_block_and_are_of_one_thread() -> None:
    seen: list[object] = []

    with logging_about(job="job_1"):
        with logging_about(job="job_2"):
            assert find_field("job") == "job_2"
        thread = threading.Thread(target=lambda: seen.append(find_field("job")))
        thread.start()
        thread.join()
        assert find_field("job") == "job_1"

    assert (find_field("job"), seen) == (None, [None])


def test_computation_beside_a_job_logs_with_its_ids() -> None:
    with logging_about(job="job_1"):
        assert run_beside(lambda: find_field("job"), lambda: None) == "job_1"
