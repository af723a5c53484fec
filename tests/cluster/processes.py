"""Clusters whose nodes are processes of this machine, and actors, by the names that Ray gives."""

from __future__ import annotations

from typing import Any

import psutil

ACTOR = "ray::TrainingActor"


def list_actors() -> list[psutil.Process]:
    """The processes of training actors on this machine, oldest first."""
    running = psutil.process_iter(["cmdline", "create_time"])
    actors = [p for p in running if (p.info["cmdline"] or [""])[0].startswith(ACTOR)]
    return sorted(actors, key=lambda process: process.info["create_time"])


def count_actors() -> int:
    return len(list_actors())


def start_cluster(address: str | None = None) -> Any:
    """A head that trains nothing, at an address if one is given, and two nodes of one core.

    One of them has what Ray takes for a GPU, and a resource `fast`.
    """
    from ray.cluster_utils import Cluster

    head: dict[str, Any] = {"num_cpus": 0, "include_dashboard": False}
    if address is not None:
        head["gcs_server_port"] = int(address.rpartition(":")[2])
    started = Cluster(initialize_head=True, head_node_args=head)
    started.add_node(num_cpus=1)
    started.add_node(num_cpus=1, num_gpus=1, resources={"fast": 1})
    return started


def kill_head(cluster: Any) -> None:
    """End all processes of a cluster's head at once; its nodes' stay."""
    cluster.head_node.kill_all_processes(check_alive=False, allow_graceful=False)


def kill_node(cluster: Any) -> None:
    """End the one process that the driver needs of its node; the head, and the other nodes, stay."""
    cluster.head_node.kill_raylet(check_alive=False)


def kill_gcs(cluster: Any) -> None:
    """End the one process of a cluster's head that knows the cluster; the driver's node stays."""
    cluster.head_node.kill_gcs_server(check_alive=False)
