"""Whether a job or a dataset is of a caller's project: each id out of an address is checked here.

An id never changes its project and is never used again, so that a job that was of a project once
need not be looked up again. What is not of it is looked up each time, like what does not exist:
neither the response nor its delay tells the two apart.
"""

from __future__ import annotations

from collections import OrderedDict

from anyio import to_thread

from lowloss.errors import DatasetNotFound, JobNotFound
from service.store.database import Database
from service.store.projects import owns_dataset, owns_job

MAX_JOBS = 4096


class Ownership:
    """Checks ids; remembers the jobs that were asked for last, so that polls need no database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def check_job(self, project: str, job_id: str) -> None:
        """Raise JobNotFound for a job that is not of a project."""
        if self.has_checked(project, job_id):
            return
        if not await to_thread.run_sync(self._owns_job, project, job_id):
            raise JobNotFound.of(job_id)
        self._jobs[project, job_id] = None
        if len(self._jobs) > MAX_JOBS:
            self._jobs.popitem(last=False)

    def has_checked(self, project: str, job_id: str) -> bool:
        """Return whether a job was found to be of a project already."""
        if (project, job_id) not in self._jobs:
            return False
        self._jobs.move_to_end((project, job_id))
        return True

    async def check_dataset(self, project: str, dataset_id: str) -> None:
        """Raise DatasetNotFound for a dataset that is not of a project."""
        if not await to_thread.run_sync(self._owns_dataset, project, dataset_id):
            raise DatasetNotFound.of(dataset_id)

    def _owns_job(self, project: str, job_id: str) -> bool:
        with self._database.reading() as session:
            return owns_job(session, project, job_id)

    def _owns_dataset(self, project: str, dataset_id: str) -> bool:
        with self._database.reading() as session:
            return owns_dataset(session, project, dataset_id)
