"""All pages: what they cost, that they are whole and safe, and how errors look."""

from __future__ import annotations

import gzip
import re
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from fastapi.testclient import TestClient

from lowloss.charts.inline import script_source
from lowloss.results import (
    NOT_A_FEATURE,
    Column,
    ColumnKind,
    Histogram,
    Importance,
    JobState,
    Level,
    PredictionSummary,
    TableWarning,
)
from service.dashboard import job_pages
from service.dashboard.static_files import load_static_files
from service.store.artifacts import NewArtifact, add_artifact
from service.store.database import Database
from service.store.jobs import record_outcome
from service.store.queue import finish_job
from tests.builders.live_server import counted_statements
from tests.builders.store import (
    a_blob,
    a_claim,
    a_dataset,
    a_diagnosis_job,
    a_job,
    a_trial,
    add_diagnosis,
)

HOSTILE = "<img src=x onerror=alert(1)>'\"&{{7*7}}"
MAX_PAGE_BYTES = 300_000


def a_hostile_dataset(store: Database) -> str:
    """A dataset whose names and values would run a script where they were not escaped."""
    profile = (
        Column(name="y", kind=ColumnKind.numeric, missing=0, distinct=50, mean=0.0, sd=1.0),
        Column(
            name=HOSTILE,
            kind=ColumnKind.categorical,
            missing=1,
            distinct=2,
            levels=(Level(value=HOSTILE, rows=20), Level(value="b", rows=29)),
        ),
    )
    warning = TableWarning(
        code="c", column=HOSTILE, count=1, rows=(1,), example=HOSTILE, detail=HOSTILE, fix=HOSTILE
    )
    return a_dataset(store, name=HOSTILE, profile=profile, warnings=(warning,))


def filled_pages(store: Database) -> list[str]:
    """The addresses of all pages, with something to see on each."""
    job = a_job(store, name=HOSTILE)
    fence = a_claim(store).fence
    for number in range(1, 5):
        a_trial(store, fence, number)
    add_diagnosis(store, fence)
    with store.transaction() as session:
        finish_job(session, fence, state=JobState.cancelled)
    running = a_job(store, name="runs")
    a_trial(store, a_claim(store).fence, 1)
    waiting = a_diagnosis_job(store, name=HOSTILE)
    queued = a_job(store, name="queued", search_space={"width": {"choices": [8, 16]}})
    dataset = a_hostile_dataset(store)
    return [
        *("/", "/?q=%3Cb%3E&state=queued&kind=", "/queue", "/datasets", "/diagnose", "/docs"),
        f"/jobs/{job}",
        f"/jobs/{running}?log=true&pruned=false&outliers=true",
        f"/jobs/{waiting}",
        *(f"/jobs/{queued}", f"/jobs/{queued}/trials", "/access"),
        f"/new?from={queued}",
        "/compare?job=" + "&job=".join([job, running] * 5),
        f"/jobs/{job}/trials?" + "&".join(f"curve={number}" for number in range(30)),
        f"/jobs/{job}/diagnosis",
        f"/jobs/{job}/history",
        f"/jobs/{job}/trials",
        f"/jobs/{job}/trials?order=number&state=&curve=1&curve=2",
        f"/jobs/{job}/trials/2",
        f"/jobs/{job}/predict",
        f"/compare?job={job}&job={running}",
        f"/datasets/{dataset}",
        f"/new?dataset={dataset}",
        f"/new?dataset={dataset}&target=y",
        f"/new?from={job}",
        f"/diagnose?dataset={dataset}&target=y",
    ]


class Checker(HTMLParser):
    """Collects what a page's policy would refuse, and elements that were not closed."""

    VOID = frozenset({"meta", "link", "input", "br", "img", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.faults.append(f"{tag} {name}={value}")
            if name in {"src", "href", "action"} and not (value or "/").startswith(("/", "?", "#")):
                self.faults.append(f"{tag} {name}={value}")
        if tag == "script" and not dict(attrs).get("src"):
            self.faults.append("a script in the page")
        if tag == "img":
            self.faults.append("an image of a user")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}>")


def test_every_page_is_whole_and_obeys_its_policy(client: TestClient, store: Database) -> None:
    for address in filled_pages(store):
        answer = client.get(address)

        checker = Checker()
        checker.feed(answer.text)
        assert answer.status_code == 200, (address, answer.text[-2000:])
        assert (address, checker.faults, checker.open) == (address, [], [])
        assert "{{" not in answer.text.replace("{{7*7}}", "")
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]


def test_no_page_takes_more_than_three_statements(client: TestClient, store: Database) -> None:
    first: dict[str, int] = {}
    again: dict[str, int] = {}
    for address in filled_pages(store):
        for taken in (first, again):
            with counted_statements(store) as statements:
                client.get(address)
            taken[address] = len(statements)

    assert {address: count for address, count in again.items() if count > 3} == {}
    assert again["/"] >= 1
    # Whose the job is, a server asks once.
    assert {address for address in first if first[address] > again[address] + 1} == set()


def test_job_of_a_thousand_trials_is_a_small_page(client: TestClient, store: Database) -> None:
    job = a_job(store)
    fence = a_claim(store).fence
    for number in range(1, 1001):
        varied: dict[str, Any] = {
            "learning_rate": 0.0001 * number,
            "l2": 1e-7 * number,
            "dropout": number / 2001,
            "patience": 5 + number % 25,
            "widths": (16 + number % 16,),
            "batch_size": 32 * (1 + number % 4),
            "activation": ("relu", "tanh")[number % 2],
            "optimizer": ("adam", "sgd")[number % 2],
        }
        a_trial(store, fence, number, score=1.0 + 1 / number, **varied)

    for address in (f"/jobs/{job}", f"/jobs/{job}/trials"):
        assert len(client.get(address).content) < MAX_PAGE_BYTES, address


def test_long_lists_have_pages(
    client: TestClient, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_pages, "JOBS_PER_PAGE", 2)
    for name in ("alpha", "beta", "gamma"):
        a_job(store, name=name)

    first = client.get("/").text
    (more,) = re.findall(r'href="(\?[^"]*cursor=[^"]+)"', first)
    second = client.get(f"/{unescape(more)}").text

    assert ("gamma" in first, "alpha" in first) == (True, False)
    assert ("gamma" in second, "alpha" in second) == (False, True)


def test_jobs_are_found_by_a_part_of_their_name(client: TestClient, store: Database) -> None:
    for name in ("Houses 100%", "houses", "cars_1", "carsx1"):
        a_job(store, name=name)

    def names(q: str) -> set[str]:
        found = client.get("/v1/jobs", params={"name": q}).json()["items"]
        page = client.get("/", params={"q": q}).text
        assert all(job["id"] in page for job in found)
        return {job["name"] for job in found}

    assert names("HOUSE") == {"Houses 100%", "houses"}
    assert names("100%") == {"Houses 100%"}
    assert names("cars_") == {"cars_1"}


@pytest.mark.parametrize(
    ("address", "status", "text"),
    [
        ("/jobs/nowhere", 404, "There is no job"),
        ("/datasets/nowhere", 404, "There is no dataset"),
        ("/jobs/nowhere/trials/1", 404, "There is no job"),
        ("/?state=odd", 422, "State: "),
        ("/compare?job=nowhere", 404, "There is no job"),
        ("/compare", 422, "tick two searches"),
        ("/jobs/JOB/trials?curve=99999999999999999999", 422, "Curve.0"),
    ],
)
def test_errors_are_pages(
    client: TestClient, store: Database, *, address: str, status: int, text: str
) -> None:
    answer = client.get(address.replace("JOB", a_job(store)))

    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert text in answer.text


def test_datasets_are_searched_by_name(client: TestClient, store: Database) -> None:
    a_dataset(store, b"x,y\n1,2\n", name="Houses 100%.csv")
    a_dataset(store, b"x,y\n1,3\n", name="wines.csv")

    page = client.get("/datasets?q=hOUSES+100%25").text

    assert "Houses 100%.csv" in page
    assert "wines.csv" not in page
    assert "No dataset fits" in client.get("/datasets?q=h_uses").text
    assert "<b>" not in client.get("/datasets?q=%3Cb%3E").text


@pytest.mark.parametrize("address", ["/nowhere", "/jobs/job_1/nothing", "/v1"])
def test_browser_that_is_lost_gets_a_page(client: TestClient, address: str) -> None:
    page = client.get(address, headers={"Accept": "text/html,*/*;q=0.8"})
    document = client.get(address, headers={"Accept": "*/*"})

    assert (page.status_code, document.status_code) == (404, 404)
    assert "There is nothing at this address." in page.text
    assert 'href="/"' in page.text
    assert document.json()["code"] == "route_not_found"


def test_program_at_a_wrong_address_of_the_api_gets_a_document(client: TestClient) -> None:
    answer = client.get("/v1/nowhere", headers={"Accept": "text/html"})

    assert answer.json()["code"] == "route_not_found"


def test_fault_of_the_server_is_a_page_too(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(job_pages, "list_jobs", fail)

    answer = client.get("/")

    assert answer.status_code == 500
    assert answer.headers["content-type"].startswith("text/html")
    assert "secret" not in answer.text


def test_static_files_are_small_and_stay(client: TestClient) -> None:
    address = load_static_files().address_of("pages.js")

    plain = client.get(address, headers={"Accept-Encoding": "identity"})
    packed = client.get(address, headers={"Accept-Encoding": "gzip"})

    assert "immutable" in plain.headers["cache-control"]
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    own = [f for name, f in load_static_files().by_name.items() if "swagger" not in name]
    assert sum(len(gzip.compress(file.content)) for file in own) < 30_000
    assert client.get(address.replace("pages.js", "none.js")).status_code == 404


def test_job_shows_how_its_model_predicts_and_what_stands_out(
    client: TestClient, store: Database
) -> None:
    job = a_job(store)
    fence = a_claim(store).fence
    summary = PredictionSummary(
        labels=(HOSTILE, "b"),
        confusion=((8, 2), (1, 9)),
        residuals=Histogram(edges=(0.0, 1.0), counts=(4,)),
    )
    importance = Importance(column=HOSTILE, increase=0.5, sd=0.1)
    with store.transaction() as session:
        record_outcome(
            session,
            fence,
            phase=None,
            test_predictions=summary.model_dump(),
            importances=[importance.model_dump()],
            remarks=[f"The model overfits {HOSTILE}."],
        )
    a_trial(store, fence, 1)

    text = client.get(f"/jobs/{job}").text

    assert "The model overfits &lt;img" in text
    assert "<img" not in text
    assert "0 to 1: 4 rows" in text
    assert "predicted as b: 2 rows, 20 %" in text
    assert "0.50 ± 0.10" in text


def test_job_says_which_model_its_score_is_of(client: TestClient, store: Database) -> None:
    job = a_job(store)
    fence = a_claim(store).fence
    a_trial(store, fence, 1)
    with store.transaction() as session:
        metrics = {"rmse": 1.0}
        record_outcome(session, fence, phase=None, test_metrics=metrics, all_rows_refit="cut_short")

    text = client.get(f"/jobs/{job}").text

    assert "The model that is handed out is the one that was scored" in text


def test_report_is_shown_where_it_can_do_nothing(client: TestClient, store: Database) -> None:
    job = a_job(store)
    fence = a_claim(store).fence
    report = a_blob(store, b"<h1>report</h1>")
    with store.transaction() as session:
        add_artifact(session, fence, NewArtifact("report.html", "text/html", report, 15))
    with store.transaction() as session:
        finish_job(session, fence, state=JobState.cancelled)

    answer = client.get(f"/jobs/{job}/files/report.html")

    assert answer.text == "<h1>report</h1>"
    policy = answer.headers["content-security-policy"].split("; ")
    assert policy[:2] == ["sandbox allow-scripts", "default-src 'none'"]
    assert [rule for rule in policy if rule.startswith("script")] == [
        f"script-src {script_source()}"
    ]
    assert client.get(f"/jobs/{job}/files/model.keras").status_code == 404


def test_diagnosis_begins_at_its_dataset_and_shows_its_warnings(
    client: TestClient, store: Database
) -> None:
    warning = TableWarning(
        code="c", count=1, rows=(1,), detail="one cell is odd", fix="name it in null_values"
    )
    news = warning.model_copy(update={"code": NOT_A_FEATURE, "detail": "left out of models"})
    dataset = a_dataset(store, warnings=(warning, news))

    of_dataset = client.get(f"/datasets/{dataset}").text
    form = client.get(f"/diagnose?dataset={dataset}&target=y").text

    assert f'href="/diagnose?dataset={dataset}"' in of_dataset
    assert "name it in “Also missing”" in form.replace("Name it", "name it")
    assert "left out of models" not in form
    assert f'data-action="/v1/datasets/{dataset}/reread"' in form


def test_warning_names_its_column_once(client: TestClient, store: Database) -> None:
    named = TableWarning(code="c", column="Bib", count=1, detail="1 column ('Bib') counts", fix="f")
    other = named.model_copy(update={"column": "Age", "detail": "one cell is odd"})
    dataset = a_dataset(store, warnings=(named, other))

    text = client.get(f"/datasets/{dataset}").text

    assert "<li>1 column (&#39;Bib&#39;) counts." in text
    assert "<li><b>Age</b>: one cell is odd." in text
