"""LOWLOSS_BLOB_STORE, which names an object store."""

from __future__ import annotations

import pytest

from lowloss.errors import LowlossError
from service.settings import read_settings


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("s3://models/lowloss/", "s3://models/lowloss"),
        ("s3://models", "s3://models"),
        ("", None),
    ],
)
def test_setting_names_a_bucket_and_a_prefix(
    monkeypatch: pytest.MonkeyPatch, value: str, read: str | None
) -> None:
    monkeypatch.setenv("LOWLOSS_BLOB_STORE", value)

    assert read_settings().blob_store == read


@pytest.mark.parametrize(
    "value", ["models", "gs://models", "s3://", "s3://Models", "s3://a b", "s3://m/../n"]
)
def test_setting_that_is_none_is_refused_with_an_example(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("LOWLOSS_BLOB_STORE", value)

    with pytest.raises(LowlossError, match=r"LOWLOSS_BLOB_STORE: .*s3://BUCKET/PREFIX, such as"):
        read_settings()
