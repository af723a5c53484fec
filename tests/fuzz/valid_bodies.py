"""Hooks of schemathesis: half of the requests that can be are ones that the service accepts."""

from __future__ import annotations

import hashlib
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, HookContext

from lowloss.results import TableFormat
from lowloss.spec import DEFAULT_PROJECT
from service.store.datasets import dataset_id
from tests.builders.diagnoses import a_recipe

TABLE = b"x,y\n" + b"".join(b"%d,%d\n" % (row, row * row % 17) for row in range(40))
DATASET = dataset_id(DEFAULT_PROJECT, hashlib.sha256(TABLE).hexdigest(), TableFormat.csv, {})
"""The id of `TABLE`, whoever uploads it."""
BODIES: dict[str, Any] = {
    "GET /v1/datasets": None,
    "GET /v1/jobs": None,
    "POST /v1/datasets": TABLE,
    "POST /v1/jobs": {"dataset": DATASET, "target": "y"},
    "POST /v1/jobs/{job_id}/continue": {},
    "POST /v1/diagnoses": {
        "dataset": DATASET,
        "target": "y",
        "recipe": a_recipe().model_dump(mode="json"),
    },
}


@schemathesis.hook
def before_generate_case(
    context: HookContext, strategy: st.SearchStrategy[Case[Any]]
) -> st.SearchStrategy[Case[Any]]:
    """Mix what schemathesis makes with requests without options, whose body is accepted."""
    label = context.operation.label if context.operation else ""
    if label not in BODIES:
        return strategy

    def make_acceptable(case: Case[Any]) -> Case[Any]:
        case.query.clear()
        if BODIES[label] is not None:
            case.body = BODIES[label]
        return case

    return st.one_of(strategy, strategy.map(make_acceptable))
