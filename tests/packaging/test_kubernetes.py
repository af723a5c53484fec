"""The files for Kubernetes: its own kinds are valid, and their parts fit together.

The kinds of KubeRay and KEDA are not Kubernetes' own: of these the names alone are compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from service.settings import Settings
from service.store.database import Database
from service.store.totals import read_measures

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
VERSION = "1.37"
KINDS_OF_OTHERS = {"RayCluster", "ScaledObject"}


def read_all() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(FOLDER.glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            yield f"{path.name}: {document['kind']} {document['metadata']['name']}", document


DOCUMENTS = dict(read_all())
OWN = {name: d for name, d in DOCUMENTS.items() if d["kind"] not in KINDS_OF_OTHERS}
DEPLOYMENTS = {d["metadata"]["name"]: d for d in OWN.values() if d["kind"] == "Deployment"}


@pytest.mark.parametrize("name", OWN)
def test_kind_of_kubernetes_is_valid(name: str) -> None:
    kubernetes_validate.validate(OWN[name], VERSION, strict=True)


def test_other_kinds_are_those_that_are_said_not_to_be_validated() -> None:
    others = {d["kind"] for d in DOCUMENTS.values()} - {d["kind"] for d in OWN.values()}

    assert others == KINDS_OF_OTHERS
    for path in FOLDER.glob("*.yaml"):
        kinds = {d["kind"] for d in yaml.safe_load_all(path.read_text())}
        assert ("were not validated here" in path.read_text()) == bool(kinds & KINDS_OF_OTHERS)


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_deployment_selects_its_own_pods_and_sets_real_settings(name: str) -> None:
    spec = DEPLOYMENTS[name]["spec"]
    labels = spec["template"]["metadata"]["labels"]
    (container,) = spec["template"]["spec"]["containers"]

    assert spec["selector"]["matchLabels"].items() <= labels.items()
    set_here = {v["name"] for v in container["env"] if v["name"].startswith("LOWLOSS_")}
    assert {v.removeprefix("LOWLOSS_").lower() for v in set_here} <= set(Settings.model_fields)
    assert "LOWLOSS_DATABASE_URL" in set_here
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in spec["template"]["spec"]["volumes"]}


def test_service_and_policies_and_budget_select_the_pods_of_the_server() -> None:
    server = DEPLOYMENTS["lowloss-server"]["spec"]["template"]["metadata"]["labels"]
    selectors = {
        "Service": lambda d: d["spec"]["selector"],
        "PodDisruptionBudget": lambda d: d["spec"]["selector"]["matchLabels"],
        "NetworkPolicy": lambda d: d["spec"]["podSelector"]["matchLabels"],
    }

    chosen = [d for d in OWN.values() if d["kind"] in selectors]

    assert {d["kind"] for d in chosen} == set(selectors)
    for document in chosen:
        assert selectors[document["kind"]](document).items() <= server.items()


def test_policy_lets_nobody_talk_to_workers_and_leaves_the_cluster_alone() -> None:
    policies = {
        d["metadata"]["name"]: d["spec"] for d in OWN.values() if d["kind"] == "NetworkPolicy"
    }
    closed = policies["lowloss"]["podSelector"]["matchLabels"]

    pods = {name: d["spec"]["template"]["metadata"]["labels"] for name, d in DEPLOYMENTS.items()}
    selected = {name for name, labels in pods.items() if closed.items() <= labels.items()}
    assert policies["lowloss"]["ingress"] == []
    assert selected == {"lowloss-server", "lowloss-worker"}


def test_workers_scale_by_a_metric_that_the_server_has(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'lowloss.sqlite3'}")
    database.prepare()
    with database.reading() as session:
        states = {state.value for state in read_measures(session).jobs}
    database.close()
    (scaled,) = [d for d in DOCUMENTS.values() if d["kind"] == "ScaledObject"]
    (trigger,) = scaled["spec"]["triggers"]

    assert scaled["spec"]["scaleTargetRef"]["name"] in DEPLOYMENTS
    named = re.findall(r'lowloss_jobs\{state=~"([a-z|]+)"\}', trigger["metadata"]["query"])
    assert [set(one.split("|")) <= states for one in named] == [True]
