"""LOWLOSS_RAY_*: what an actor on a Ray cluster needs."""

from __future__ import annotations

import pytest

from lowloss.errors import LowlossError
from service.settings import read_settings


def test_settings_name_parts_of_cores_and_gpus_and_other_resources(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOWLOSS_RAY_CORES", "0.5")
    monkeypatch.setenv("LOWLOSS_RAY_GPUS", "0.25")
    monkeypatch.setenv("LOWLOSS_RAY_RESOURCES", '{"fast": 1}')

    settings = read_settings()

    assert (settings.ray_cores, settings.ray_gpus) == (0.5, 0.25)
    assert settings.ray_resources == {"fast": 1.0}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("RAY_GPUS", "1.5", "RAY_GPUS: 1.5 is neither a whole number of GPUs nor a part of one"),
        (
            "RAY_GPUS",
            "0.00001",
            "RAY_GPUS: 1e-05 is neither a whole number of GPUs nor a part of one",
        ),
        ("RAY_CORES", "inf", "RAY_CORES: "),
        (
            "RAY_RESOURCES",
            '{"object_store_memory": 1}',
            "RAY_RESOURCES: object_store_memory is set",
        ),
        ("RAY_RESOURCES", "fast=1", "RAY_RESOURCES: fast=1 is not JSON, such as"),
        ("RAY_RESOURCES", '{"GPU": 1}', "RAY_RESOURCES: GPU is set by LOWLOSS_RAY_GPUS"),
        ("RAY_RESOURCES", '{"fast": 0}', "RAY_RESOURCES__FAST: "),
    ],
)
def test_what_ray_would_refuse_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"LOWLOSS_{name}", value)

    with pytest.raises(LowlossError, match=f"LOWLOSS_{said}"):
        read_settings()
