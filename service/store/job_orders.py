"""The orders in which jobs are listed."""

from __future__ import annotations

from enum import StrEnum

from service.store.cursors import ListOrder
from service.store.schema import JobRow


class JobSort(StrEnum):
    """What a list of jobs is sorted by."""

    newest = "newest"
    oldest = "oldest"
    name = "name"


ORDERS = {
    JobSort.newest: ListOrder(JobRow.created_at, JobRow.id),
    JobSort.oldest: ListOrder(JobRow.created_at, JobRow.id, is_descending=False),
    JobSort.name: ListOrder(JobRow.name, JobRow.id, is_descending=False),
}
