"""The orders in which jobs are listed."""

from __future__ import annotations

from lowloss.results import JobSort
from service.store.cursors import ListOrder
from service.store.schema import JobRow

ORDERS = {
    JobSort.newest: ListOrder(JobRow.created_at, JobRow.id),
    JobSort.oldest: ListOrder(JobRow.created_at, JobRow.id, is_descending=False),
    JobSort.name: ListOrder(JobRow.name, JobRow.id, is_descending=False),
}
