"""The processes of actors, found by the names that Ray gives them."""

from __future__ import annotations

import psutil

ACTOR = "ray::TrainingActor"


def list_actors() -> list[psutil.Process]:
    """The processes of training actors on this machine, oldest first."""
    running = psutil.process_iter(["cmdline", "create_time"])
    actors = [p for p in running if (p.info["cmdline"] or [""])[0].startswith(ACTOR)]
    return sorted(actors, key=lambda process: process.info["create_time"])


def count_actors() -> int:
    return len(list_actors())
