"""The benchmark of diagnoses: its programs, and what counts as found."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks.diagnosis.__main__ import results
from benchmarks.diagnosis.page import table_of, write_page
from benchmarks.diagnosis.programs import FAULTS, Half, Kind, Program, programs
from benchmarks.diagnosis.records import (
    Cache,
    Injected,
    Record,
    RecordedFinding,
    fingerprint,
    relative,
)
from benchmarks.diagnosis.run import checked_setting
from benchmarks.diagnosis.score import (
    Harm,
    Label,
    bests,
    by_measuring,
    by_rules,
    estimate,
    harm_of,
    label_of,
    precision,
    reached,
    recall,
    recall_with_alternatives,
    summarise,
    truths_of,
)
from benchmarks.diagnosis.scripts import has_reached
from benchmarks.diagnosis.sound import sound_recipe
from benchmarks.diagnosis.tables import TABLES
from lowloss.results import Cause, Severity
from lowloss.spec import Task

INSTALLED = {"diabetes", "friedman", "fourth power", "iris", "wine", "breast cancer", "digits"}
INSTALLED |= {"two moons", "69 classes"}
"""Tables that need no package of the benchmarks."""


def of_kind(kind: Kind) -> list[Program]:
    return [program for program in programs() if program.kind is kind]


def an_injected(cause: Cause = Cause.wrong_output, **given: Any) -> Injected:
    values: dict[str, Any] = {"name": cause.value, "accepted": {cause}, "is_silent": False}
    return Injected(cause=cause, **values | {"loss": 0.9, "without": 0.2} | given)


def a_finding(cause: Cause, severity: Severity = Severity.major, **given: Any) -> RecordedFinding:
    return RecordedFinding(cause=cause, severity=severity, **given)


def a_record(*faults: Injected, findings: tuple[RecordedFinding, ...] = (), **given: Any) -> Record:
    values: dict[str, Any] = {
        "name": "a program",
        "kind": (Kind.control, Kind.single, Kind.pair)[len(faults)],
        "half": Half.report,
        "table": "friedman",
        "loss": 0.9,
        "remedied": 0.2,
        "best": 0.2,
        "sound": 0.2,
        "rules": (),
        "seconds": 5.0,
    }
    return Record(faults=faults, findings=findings, **values | given)


def test_there_are_enough_programs_of_each_kind() -> None:
    counts = Counter(program.kind for program in programs())

    assert counts[Kind.control] >= 100
    assert counts[Kind.single] >= 40
    assert counts[Kind.pair] >= 20
    assert counts[Kind.forum] >= 27
    assert counts[Kind.mended] >= 19


def test_every_program_has_a_name_of_its_own() -> None:
    names = [program.name for program in programs()]

    assert len(set(names)) == len(names)


def test_every_cause_is_injected_but_those_that_no_fault_makes() -> None:
    injected = {fault.cause for fault in FAULTS.values()}

    # The tables' labels are texts, which are encoded in any case.
    assert set(Cause) - injected == {
        Cause.augmentation_missing,
        Cause.harmful_layers,
        Cause.labels_not_encoded,
    }


@pytest.mark.parametrize("kind", [Kind.control, Kind.single, Kind.pair])
def test_halves_are_of_about_the_same_size(kind: Kind) -> None:
    halves = Counter(program.half for program in of_kind(kind))

    assert abs(halves[Half.tune] - halves[Half.report]) <= len(of_kind(kind)) / 10


def test_every_cause_with_two_programs_is_in_both_halves() -> None:
    halves: dict[Cause, set[Half]] = {}
    counts = Counter(program.faults[0].cause for program in of_kind(Kind.single))
    for program in of_kind(Kind.single):
        halves.setdefault(program.faults[0].cause, set()).add(program.half)

    assert all(len(halves[cause]) == 2 for cause, count in counts.items() if count > 1)


def test_questions_of_forums_are_not_among_those_for_tuning() -> None:
    assert {program.half for program in of_kind(Kind.forum)} == {Half.report}


def test_each_mended_question_has_another_recipe_than_the_question() -> None:
    asked = {(p.table.name, p.faults[0].name): p for p in of_kind(Kind.forum)}

    pairs = [(asked[p.table.name, p.faults[0].name], p) for p in of_kind(Kind.mended)]

    assert all(question.setting.recipe != mended.setting.recipe for question, mended in pairs)
    assert all(question.sound.recipe == mended.setting.recipe for question, mended in pairs)


def test_fresh_rows_of_a_question_have_its_columns_and_mostly_other_values() -> None:
    drawn = []
    for table in {p.table.name: p.table for p in of_kind(Kind.mended)}.values():
        if table.fresh is not None:
            frame, fresh = table.load(), table.fresh()
            assert frame.schema == fresh.schema
            drawn.append(not frame.equals(fresh))

    # The others are whole ranges of numbers.
    assert sum(drawn) >= 10


def test_a_setting_of_one_target_has_its_unit_of_the_output() -> None:
    setting = next(p.setting for p in of_kind(Kind.forum) if len(p.table.targets) > 1)

    one = setting.of_target(setting.targets[1])

    assert one.targets == (setting.targets[1],)
    assert setting.target not in one.frame.columns
    assert one.recipe.output.units == 1


def test_a_mended_question_counts_where_its_cause_is_blamed_again() -> None:
    blamed = a_record(an_injected(), findings=(a_finding(Cause.wrong_output),), kind=Kind.mended)
    other = a_record(an_injected(), findings=(a_finding(Cause.optimizer),), kind=Kind.mended)

    summary = results([a_record(), blamed, other])

    assert summary["mended"] == {"programs": 2, "diagnosis": 1, "rules": 0}
    assert summary["groups"]["all"]["labels"]["sound"] == 1
    assert sum(summary["groups"]["all"]["labels"].values()) == 1


def test_a_script_reaches_the_fix_where_its_loss_is_about_as_low() -> None:
    assert has_reached(0.104, 0.1)
    assert has_reached(0.009, 0.0001)
    assert not has_reached(0.12, 0.1)
    assert not has_reached(float("nan"), 0.1)


def test_both_tasks_have_faulty_programs() -> None:
    tasks = Counter(program.table.task is Task.regression for program in of_kind(Kind.single))

    assert min(tasks.values()) >= 30


def test_a_fault_changes_the_recipe_or_the_table() -> None:
    changed = [
        program.setting.recipe != sound_recipe(program.table, program.number)
        or any(fault.table is not None for fault in program.faults)
        for program in programs()
        if program.faults and program.table.name in INSTALLED
    ]

    assert all(changed)


def test_a_program_is_the_same_each_time_it_is_made() -> None:
    chosen = [p for p in programs() if p.table.name in INSTALLED and p.kind is Kind.pair]

    again = [fingerprint(program.setting) for program in chosen]

    assert again == [fingerprint(program.setting) for program in chosen]
    assert len(set(again)) == len(again)


def test_every_program_passes_the_check_of_diagnoses() -> None:
    for program in programs():
        if program.table.name in INSTALLED:
            _, _, checked = checked_setting(program.setting, seconds=10)

            assert checked.task is program.table.task


def test_the_table_is_as_its_description_says() -> None:
    for name in INSTALLED:
        table = TABLES[name]
        frame = table.load()

        assert frame.height == table.rows
        assert table.classes in {0, frame[table.target].n_unique()}


def test_the_clean_program_has_labels_that_no_recipe_can_mend() -> None:
    (program,) = [p for p in programs() if p.name == "two moons: labels of 30 % changed"]

    labels = program.setting.frame["target"]

    assert (labels != program.clean.frame["target"]).mean() == pytest.approx(0.3, abs=0.01)
    assert (labels == program.sound.frame["target"]).all()


def test_a_fault_does_harm_where_loss_rises_by_a_tenth_and_by_some_of_the_constant() -> None:
    assert harm_of(an_injected(loss=0.30, without=0.20)) is Harm.harmful
    assert harm_of(an_injected(loss=0.021, without=0.01)) is Harm.slight
    assert harm_of(an_injected(loss=0.94, without=0.90)) is Harm.slight
    assert harm_of(an_injected(loss=0.205, without=0.20)) is Harm.harmless
    assert harm_of(an_injected(loss=0.1, without=0.2)) is Harm.harmless
    assert harm_of(an_injected(is_silent=True)) is Harm.silent


def test_a_program_is_labelled_by_the_worst_of_its_faults() -> None:
    harmless = an_injected(loss=0.2)

    assert label_of(a_record()) is Label.sound
    assert label_of(a_record(harmless)) is Label.harmless
    assert label_of(a_record(harmless, an_injected())) is Label.harmful


def test_a_control_that_another_of_its_table_beats_by_far_is_not_sound() -> None:
    control, other = a_record(sound=0.3), a_record(sound=0.2)

    best = bests([control, other, a_record(an_injected(), sound=0.01)])

    assert best == {"friedman": 0.2}
    assert label_of(control, best["friedman"]) is Label.improvable
    assert label_of(other, best["friedman"]) is Label.sound


def test_recall_is_of_as_many_faults_as_could_be_found() -> None:
    record = a_record(
        an_injected(Cause.wrong_output),
        an_injected(Cause.l2_too_strong),
        findings=(
            a_finding(Cause.l2_too_strong),
            a_finding(Cause.too_simple),
            a_finding(Cause.wrong_output),
        ),
    )
    told = by_measuring(record)

    assert recall(record, told, 1) == 1.0
    assert recall(record, told, 2) == 0.5
    assert recall(record, told, 3) == 1.0
    assert precision(record, told, 3) == pytest.approx(2 / 3)


def test_a_harmless_fault_need_not_be_found() -> None:
    record = a_record(
        an_injected(Cause.wrong_output),
        an_injected(Cause.l2_too_strong, loss=0.2),
        findings=(a_finding(Cause.wrong_output), a_finding(Cause.l2_too_strong, Severity.none)),
    )

    assert truths_of(record) == [frozenset({Cause.wrong_output})]
    assert recall(record, by_measuring(record), 1) == 1.0


def test_a_finding_that_is_called_harmless_finds_nothing() -> None:
    record = a_record(an_injected(), findings=(a_finding(Cause.wrong_output, Severity.none),))

    assert recall(record, by_measuring(record), 3) == 0.0
    assert precision(record, by_measuring(record), 3) is None


def test_the_cause_of_an_alternative_counts_only_where_it_is_said_to() -> None:
    found = a_finding(Cause.too_simple, alternatives=(Cause.wrong_output,))
    record = a_record(an_injected(), findings=(found,))
    told = by_measuring(record)

    assert recall(record, told, 1) == 0.0
    assert recall_with_alternatives(record, told, 1) == 1.0


def test_improvement_counts_no_loss_for_more_than_the_constant_answers() -> None:
    record = a_record(an_injected(), loss=500.0, remedied=0.6, sound=0.2)

    assert reached(record) == pytest.approx(0.5)


def test_no_improvement_is_asked_for_where_a_sound_recipe_brings_none() -> None:
    assert reached(a_record(an_injected(), loss=0.9, sound=0.88)) is None
    assert reached(a_record(an_injected(), loss=500.0, sound=1.0)) is None


def test_an_interval_holds_its_mean_and_leaves_out_what_is_not_known() -> None:
    found = estimate([1.0, 0.0, None, 1.0, 1.0])

    assert found is not None
    assert found.mean == 0.75
    assert found.programs == 4
    assert found.low <= found.mean <= found.high
    assert estimate([None]) is None


def test_a_summary_tells_false_alarms_of_sound_programs() -> None:
    blamed = a_record(findings=(a_finding(Cause.outliers, Severity.minor),))
    harmless = a_record(findings=(a_finding(Cause.outliers, Severity.none),))

    summary = summarise([blamed, harmless, a_record(), a_record(rules=(Cause.outliers,))], {})

    assert summary["labels"]["sound"] == 4
    assert summary["systems"]["diagnosis"]["false_alarms"]["mean"] == 0.25
    assert summary["systems"]["rules"]["false_alarms"]["mean"] == 0.25


def test_a_silent_fault_has_only_to_be_named() -> None:
    fault = an_injected(Cause.leaked_column, is_silent=True)
    record = a_record(fault, findings=(a_finding(Cause.leaked_column, Severity.none),))

    summary = summarise([record], {})

    assert summary["systems"]["diagnosis"]["silent_named"]["mean"] == 1.0
    assert summary["systems"]["rules"]["silent_named"]["mean"] == 0.0


def test_a_table_is_printed_of_groups_without_some_labels() -> None:
    groups = {"report": summarise([a_record(an_injected())], {})}

    printed = table_of({"groups": groups})

    assert "report: 1 harmful" in printed
    assert "| sound programs that are blamed | none | none |" in printed


def test_a_page_is_written_of_what_was_measured(tmp_path: Path) -> None:
    records = [
        a_record(),
        a_record(an_injected(), findings=(a_finding(Cause.wrong_output),)),
        a_record(an_injected(Cause.leaked_column, is_silent=True)),
        a_record(an_injected(Cause.l2_too_strong), name="forgotten"),
        a_record(an_injected(Cause.wrong_loss), kind=Kind.forum, name="asked"),
    ]
    machine = {"cores": 2, "commit": "abc"}
    terms = {"machine": machine, "seconds": 10.0, "is_cpu_time": False, "workers": 2}
    script = {"name": "asked", "script": [0.5, 0.25], "fix": [0.4, 0.25], "commit": "def"}

    scripts = [script | {"reached": [False, True]}]
    write_page(results(records, scripts=scripts, **terms), tmp_path / "page.md")

    page = (tmp_path / "page.md").read_text()
    assert "1 have no fault" in page
    assert "| `wrong_output` | 1 | 100% | 100% | 0% | 0% |" in page
    assert "| `leaked_column` | 1 | named 0% |  | named 0% |  |" in page
    assert "| forgotten | l2_too_strong | nothing |" in page
    assert "| asked | wrong_loss | nothing |" in page
    assert "in 1 of 2 trainings,\n50%" in page
    assert "| asked | 0.5, 0.25 | 0.4, 0.25 | 1 of 2 |" in page


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    record = a_record(an_injected(), findings=(a_finding(Cause.outliers),), rules=(Cause.outliers,))
    Cache(tmp_path).add_record(record)
    Cache(tmp_path).add_losses({"a": 0.5})
    Cache(tmp_path).add_script_result({"name": "a", "reached": [False]})
    Cache(tmp_path).add_script_result({"name": "a", "reached": [True]})

    again = Cache(tmp_path)

    assert again.records() == [record]
    assert again.script_results() == [{"name": "a", "reached": [True]}]
    assert again.losses == {"a": 0.5}
    assert by_rules(record).harmful == (Cause.outliers,)


def test_a_diverged_loss_is_as_bad_as_can_be() -> None:
    assert relative(None, 2.0) == relative(1e9, 2.0) == 1e3
    assert relative(1.0, 2.0) == 0.5
