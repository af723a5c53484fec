"""The page of a trial, and a job's curves of chosen trials."""

from __future__ import annotations

import html
import json
import re

import pytest
from fastapi.testclient import TestClient

from lowloss.results import Curve, JobState, TrialState
from lowloss.spec import JobSpec
from service.store.database import Database
from service.store.jobs import record_outcome
from service.store.queue import finish_job
from service.store.trials import TrialEnd, finish_trial
from tests.builders.facts import some_insights
from tests.builders.live_server import counted_statements
from tests.builders.store import (
    a_claim,
    a_dataset,
    a_job,
    a_job_of,
    a_spec,
    a_trial,
    some_hyperparameters,
)


def test_trial_is_shown_as_keras_code(client: TestClient, store: Database) -> None:
    job = a_job(store)
    a_trial(store, a_claim(store).fence, 1)

    text = client.get(f"/jobs/{job}/trials/1").text

    code = html.unescape(text.split("<pre", 1)[1].split(">", 1)[1].split("</pre>")[0])
    compile(code, "train.py", "exec")
    layer = 'keras.layers.Dense(8, activation="relu", kernel_initializer="he_normal")'
    assert layer in code
    assert "keras.optimizers.Adam(learning_rate=0.001)" in code


def test_code_of_a_trial_needs_its_table(client: TestClient, store: Database) -> None:
    job = a_job(store)
    fence = a_claim(store).fence
    a_trial(store, fence, 1)
    with store.transaction() as session:
        finish_job(session, fence, state=JobState.cancelled)
    dataset = client.get(f"/v1/jobs/{job}").json()["dataset"]
    assert "Keras code" in client.get(f"/jobs/{job}/trials/1").text

    client.delete(f"/v1/datasets/{dataset}")

    assert "Keras code" not in client.get(f"/jobs/{job}/trials/1").text


@pytest.mark.parametrize(
    ("name", "child"),
    [
        ("first", "first, continued"),
        ("first, continued", "first, continued"),
        ("", "Search of y, continued"),
        ("n" * 200, "n" * 188 + "…, continued"),
    ],
)
def test_lists_tell_a_job_from_the_one_that_it_continues(
    client: TestClient, store: Database, name: str, child: str
) -> None:
    job = a_job(store, name=name)
    fence = a_claim(store).fence
    a_trial(store, fence, 1)
    with store.transaction() as session:
        finish_job(session, fence, state=JobState.cancelled)

    text = client.get(f"/jobs/{job}").text

    (changes,) = re.findall(r'data-copied="([^"]+)"', text)
    assert json.loads(html.unescape(changes)) == {"name": child}
    continued = client.post(f"/v1/jobs/{job}/continue", json={"name": child})
    assert continued.status_code == 202
    trial = html.unescape(client.get(f"/jobs/{job}/trials/1").text)
    assert "around trial 1" in trial
    assert "trial 1 again" in trial


def test_job_names_those_that_it_learns_from(client: TestClient, store: Database) -> None:
    teachers = [a_job(store), a_job(store)]
    job = a_job(store, warm_start_from=teachers)

    text = client.get(f"/jobs/{job}").text

    for teacher in teachers:
        short = teacher.removeprefix("job_")[:8]
        assert f'<a href="/jobs/{teacher}" title="{teacher}">job {short}…</a>' in text
    assert "that it continues" not in text


def test_trials_that_are_not_there_are_no_table(client: TestClient, store: Database) -> None:
    job = a_job(store)
    address = f"/jobs/{job}/trials"

    assert "There are no trials yet" in client.get(address).text
    a_trial(store, a_claim(store).fence, 1)
    assert "No trial fits" in client.get(f"{address}?state=failed").text
    text = client.get(address).text
    assert 'href="?order=seconds"' in text
    assert "page 1 of 1" not in text


def test_search_goes_on_beyond_the_ends_that_its_best_trials_lie_at(
    client: TestClient, store: Database
) -> None:
    job = a_job(store, name="first")
    fence = a_claim(store).fence
    a_trial(store, fence, 1)
    space = {
        "patience": {"min": 15, "max": 25, "scale": "linear"},
        "batch_size": {"choices": [32, 64]},
        "layers": 2,
    }
    insights = some_insights(next_space=space).model_dump(mode="json")
    remark = "Continue the job with the proposed space, insights.next_space."
    with store.transaction() as session:
        record_outcome(session, fence, phase=None, insights=insights, remarks=[remark])
    # No button is drawn while it runs, so none is named.
    assert remark in client.get(f"/jobs/{job}").text
    with store.transaction() as session:
        finish_job(session, fence, state=JobState.cancelled)

    text = html.unescape(client.get(f"/jobs/{job}").text)

    assert "Continue the job with the proposed space, by the button below." in text
    assert "Continue with patience from 15 to 25, batch size 32 or 64, layers 2<" in text
    changes = json.dumps({"search_space": space, "name": "first, continued"})
    assert changes in text
    assert client.post(f"/v1/jobs/{job}/continue", json=json.loads(changes)).status_code == 202


@pytest.mark.parametrize(
    ("state", "is_told"), [(TrialState.pruned, False), (TrialState.completed, True)]
)
def test_far_worse_trials_are_told_below_dots_only_where_one_is_a_dot(
    client: TestClient, store: Database, *, state: TrialState, is_told: bool
) -> None:
    job = a_job(store)
    fence = a_claim(store).fence
    for number in range(1, 13):
        a_trial(store, fence, number, score=1 + number / 100, learning_rate=number / 1000)
    a_trial(store, fence, 13, state=state, score=1e6)

    text = client.get(f"/jobs/{job}").text

    assert "far worse trials to scale" in text
    assert "Each dot is a completed trial" in text
    assert ("completed trial. Far worse ones stand at the edge." in text) == is_told


def test_job_says_of_which_dataset_it_is(client: TestClient, store: Database) -> None:
    dataset = a_dataset(store, name="houses.csv")
    job = a_job_of(store, a_spec(dataset))

    assert ">houses.csv</a>" in client.get(f"/jobs/{job}").text
    client.post(f"/v1/jobs/{job}/cancel")
    client.delete(f"/v1/datasets/{dataset}")
    assert "of a table that was deleted" in client.get(f"/jobs/{job}").text


def test_repeat_is_a_job_of_the_trial_alone(client: TestClient, store: Database) -> None:
    job = a_job(store, seed=7, algorithm="hyperband")
    fence = a_claim(store).fence
    a_trial(store, fence, 1)
    with store.transaction() as session:
        finish_job(session, fence, state=JobState.cancelled)
    text = client.get(f"/jobs/{job}/trials/1").text
    _, changes = re.findall(r'data-copied="([^"]+)"', text)

    child = client.post(f"/v1/jobs/{job}/continue", json=json.loads(html.unescape(changes)))

    spec = JobSpec.model_validate(child.json()["spec"])
    values = some_hyperparameters().model_dump(exclude={"widths"})
    kept = {name: values.pop(name) for name in ("scale_features", "select_features")}
    assert spec.search_space.model_dump() == values | {"width": 8}
    assert spec.preprocessing.model_dump(include=set(kept)) == kept
    assert (spec.seed, spec.budget.max_trials, spec.pruning) == (7, 1, None)


def test_job_that_has_ended_shows_the_curves_of_chosen_trials(
    client: TestClient, store: Database
) -> None:
    job = a_job(store)
    fence = a_claim(store).fence
    for number in range(1, 7):
        a_trial(store, fence, number, score=float(number), learning_rate=0.01 * number)
    with store.transaction() as session:
        finish_job(session, fence, state=JobState.cancelled)

    best = client.get(f"/jobs/{job}").text
    with counted_statements(store) as statements:
        chosen = client.get(f"/jobs/{job}?log=True&curve=2&curve=3").text

    def drawn(text: str) -> list[str]:
        return re.findall(r'value="(\d+)" aria-label="Draw the curve of trial \d+" checked', text)

    assert (drawn(best), drawn(chosen)) == (["1"], ["2", "3"])
    assert len(re.findall('class="line colour', chosen)) == 2 * len(
        re.findall('class="line colour', best)
    )
    assert "curve=2&amp;curve=3&amp;pruned=False" in chosen
    assert "Score against learning rate" in chosen
    assert len(statements) <= 3


def test_few_trials_have_no_charts_of_hyperparameters(client: TestClient, store: Database) -> None:
    job = a_job(store)
    fence = a_claim(store).fence
    for number in range(1, 6):
        a_trial(store, fence, number, score=float(number), learning_rate=0.01 * number)
    few = client.get(f"/jobs/{job}").text
    a_trial(store, fence, 6, score=0.5, learning_rate=0.5)

    text = client.get(f"/jobs/{job}").text

    sentence, chart = "drawn from 6 completed trials on", "Score against learning rate"
    assert (sentence in few, chart in few) == (True, False)
    assert (sentence in text, chart in text) == (False, True)


def test_trial_shows_its_place_in_each_range(client: TestClient, store: Database) -> None:
    job = a_job(store)
    fence = a_claim(store).fence
    a_trial(store, fence, 1, score=0.5, dropout=0.0)
    alone = client.get(f"/jobs/{job}/trials/1").text
    a_trial(store, fence, 2, score=0.25, dropout=0.4)

    text = client.get(f"/jobs/{job}/trials/2").text

    assert "Its place among the trials" not in alone
    charts = re.findall(r'<svg[^>]*aria-label="Score against ([^"]*)".*?</svg>', text, re.DOTALL)
    assert charts == ["dropout"]
    assert "trial 2: 0.25" in text
    assert "trial 1: 0.5" not in text.partition("Its place among the trials")[2]


def test_large_dot_of_a_pruned_trial_is_told_from_completed_ones(
    client: TestClient, store: Database
) -> None:
    job = a_job(store)
    fence = a_claim(store).fence
    for number, dropout in ((1, 0.0), (2, 0.4)):
        a_trial(store, fence, number, dropout=dropout)
    a_trial(store, fence, 3, state=TrialState.running, dropout=0.2)
    end = TrialEnd(
        number=3,
        state=TrialState.pruned,
        reason=None,
        score=0.7,
        metrics={},
        best_epoch=1,
        seconds=0.1,
        program="keras_fit",
    )
    with store.transaction() as session:
        finish_trial(session, fence, end, Curve(loss=(1.0,), val_loss=(0.7,)))

    texts = [client.get(f"/jobs/{job}/trials/{number}").text for number in (1, 3)]

    assert all("Each small dot is a completed trial." in text for text in texts)
    assert ["the large dot its score where it was pruned." in text for text in texts] == [
        False,
        True,
    ]


def test_chosen_trials_stand_side_by_side_with_what_differs(
    client: TestClient, store: Database
) -> None:
    job = a_job(store)
    fence = a_claim(store).fence
    for number, dropout in ((1, 0.0), (2, 0.4), (3, 0.2)):
        a_trial(store, fence, number, score=1 / number, dropout=dropout)

    two = client.get(f"/jobs/{job}/trials?curve=1&curve=2").text
    one = client.get(f"/jobs/{job}/trials?curve=1").text

    table = two.partition("These trials side by side")[2].partition("</details>")[0]
    rows = re.findall(r'<th scope="row" class="stays">([^<]*)</th>(.*?)</tr>', table)
    cells = {name: re.findall(r"<td[^>]*>([^<]*)<", row) for name, row in rows}
    assert cells == {"score": ["0.5", "1"], "dropout": ["0.4", "0"]}
    assert re.findall(r">trial (\d)<", table) == ["2", "1"]
    assert "side by side" not in one


def test_best_epoch_of_folds_is_said_to_be_their_median(
    client: TestClient, store: Database
) -> None:
    folds = a_job(store, validation={"strategy": "kfold", "folds": 5})
    a_trial(store, a_claim(store).fence, 1)
    holdout = a_job(store)
    a_trial(store, a_claim(store).fence, 1)

    of_folds = client.get(f"/jobs/{folds}/trials/1").text
    of_holdout = client.get(f"/jobs/{holdout}/trials/1").text

    assert "the median of the best epochs of its 5 folds is" in of_folds
    assert "at its best validation loss, and its last training loss; the faint line" in of_folds
    assert (
        "the mean of 5 folds; one that has stopped stays at its best validation loss."
        in client.get(f"/jobs/{folds}").text
    )
    assert "the best was number" in of_holdout
    assert "the faint line marks its best epoch." in of_holdout
    assert "best epoch of 5 folds" in client.get(f"/jobs/{folds}/trials").text


@pytest.mark.parametrize("page", ["", "/trials", "/trials/1"])
def test_score_of_folds_is_said_to_lie_off_its_curve(
    client: TestClient, store: Database, page: str
) -> None:
    note = "Each fold is scored at its own best epoch: a trial&#39;s score, the mean, need not be"
    folds = a_job(store, validation={"strategy": "kfold", "folds": 5})
    a_trial(store, a_claim(store).fence, 1)
    holdout = a_job(store)
    a_trial(store, a_claim(store).fence, 1)

    texts = [client.get(f"/jobs/{job_id}{page}?curve=1").text for job_id in (folds, holdout)]

    assert [note in text for text in texts] == [True, False]


def test_job_without_trials_has_nothing_to_toggle(client: TestClient, store: Database) -> None:
    empty = a_job(store, state=JobState.failed)
    filled = a_job(store)
    a_trial(store, a_claim(store).fence, 1)

    assert 'class="toggle"' not in client.get(f"/jobs/{empty}").text
    assert "All trials" not in client.get(f"/jobs/{empty}").text
    assert 'class="toggle"' in client.get(f"/jobs/{filled}").text
