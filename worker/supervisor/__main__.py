"""`python -m worker.supervisor` runs one worker."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading

from lowloss.errors import LowlossError, NotReady
from lowloss.processes.logs import set_up_logs
from lowloss.processes.parent import PREDECESSOR, watch_parent
from service.settings import read_settings
from service.store.database import Database
from worker.supervisor.folders import reap_regularly
from worker.supervisor.loop import Supervisor
from worker.supervisor.presence import Presence, describe_process


def main() -> None:
    """Run one worker until SIGTERM, SIGINT or the end of its parent."""
    try:
        settings = read_settings()
        set_up_logs(settings.log_format, level=logging.INFO)
        logging.getLogger("alembic").setLevel(logging.WARNING)
        database = Database(settings.url, blob_store=settings.blob_store)
        database.prepare()
    except LowlossError as error:
        sys.exit(f"lowloss: {error}")
    name = settings.worker_name or _name_of(os.getpid())
    supervisor = Supervisor(database, settings, name)
    process = describe_process(name, supervisor.offer)
    presence = Presence(database, process, find_activity=lambda: supervisor.activity)
    if predecessor := os.environ.get(PREDECESSOR):
        supervisor.take_over(settings.worker_name or _name_of(predecessor))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: supervisor.stop())
    watch_parent(supervisor.stop)
    threading.Thread(target=reap_regularly, name="reaper", daemon=True).start()
    presence.start()
    try:
        supervisor.work()
    except NotReady as error:
        sys.exit(f"lowloss: {error}")
    finally:
        presence.end()
        database.close()


def _name_of(pid: int | str) -> str:
    return f"{socket.gethostname()}-{pid}"


if __name__ == "__main__":
    main()
