"""MLflow's server and optuna-dashboard, from an environment of their own, under the same load.

Both ask for other versions than the service has, so the benchmark makes `.peers/` for them.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.builders.processes import free_port, wait_for

ENVIRONMENT = Path(".peers")
PACKAGES = ("mlflow==3.17.2", "optuna-dashboard==0.21.0")
CLIENTS, SECONDS = 8, 10.0
RUNS, VALUES = 20, 100
START_SECONDS = 180
STUDY = """
import sys, optuna
optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.create_study(storage=sys.argv[1], study_name="study")
study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=100)
"""
"""A study of as many trials as the job of lowloss has."""


def make_environment() -> Path:
    """Return the folder of the peers' programs; made once."""
    programs = ENVIRONMENT / "bin"
    if not (programs / "optuna-dashboard").exists():
        uv = str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, ENVIRONMENT], check=True)
        install = [uv, "pip", "install", "-q", "--python", str(programs / "python")]
        subprocess.run([*install, *PACKAGES], check=True)
    return programs.resolve()


def measure_peers(folder: Path) -> dict[str, dict[str, float]]:
    """Return the closed-loop figures of both peers, each with its own default settings."""
    programs = make_environment()
    storage = f"sqlite:///{folder}/optuna.db"
    subprocess.run([programs / "python", "-c", STUDY, storage], check=True)
    store = f"sqlite:///{folder}/mlflow.db"
    mlflow: list[str | Path] = [programs / "mlflow", "server", "--backend-store-uri", store]
    dashboard: list[str | Path] = [programs / "optuna-dashboard", storage]
    figures = {}
    mlflow += ["--artifacts-destination", folder / "files"]
    with _serving(mlflow, folder) as (pid, port):
        run = _fill_mlflow(port)
        figures["mlflow_run"] = measure_rate(pid, port, f"/api/2.0/mlflow/runs/get?run_id={run}")
        body = json.dumps({"experiment_ids": ["0"], "max_results": RUNS})
        path = "/api/2.0/mlflow/runs/search"
        figures["mlflow_list"] = measure_rate(pid, port, path, body)
    with _serving(dashboard, folder) as (pid, port):
        figures["optuna_dashboard_study"] = measure_rate(pid, port, "/api/studies/1?after=0")
        figures["optuna_dashboard_list"] = measure_rate(pid, port, "/api/studies")
    return figures


def measure_rate(pid: int, port: int, path: str, body: str | None = None) -> dict[str, float]:
    """Ask one path from several clients, each after its last response; return the figures."""
    began = time.perf_counter()

    def ask(_: int) -> list[float]:
        connection, seconds = http.client.HTTPConnection("127.0.0.1", port, timeout=60), []
        while (started_at := time.perf_counter()) < began + SECONDS:
            _request(connection, path, body)
            seconds.append(time.perf_counter() - started_at)
        connection.close()
        return seconds

    before, own_before = processor_seconds(pid), time.process_time()
    with ThreadPoolExecutor(CLIENTS) as clients:
        # A client's error ends the measurement: without it, the server would look slow.
        latencies = sorted(s for seconds in clients.map(ask, range(CLIENTS)) for s in seconds)
    # Requests that began in time end later.
    elapsed, count = time.perf_counter() - began, len(latencies)
    return {
        "requests_a_second": round(count / elapsed, 1),
        "p99_ms": round(1000 * latencies[int(0.99 * len(latencies))], 1),
        "server_processor_ms_a_request": round(1000 * (processor_seconds(pid) - before) / count, 2),
        "clients_processor_s": round(time.process_time() - own_before, 2),
    }


def processor_seconds(pid: int) -> float:
    """Return the processor time of a process and those that it has started."""
    process = psutil.Process(pid)
    family = (process, *process.children(recursive=True))
    times = [member.cpu_times() for member in family]
    return float(sum(spent.user + spent.system for spent in times))


def _request(connection: http.client.HTTPConnection, path: str, body: str | None = None) -> bytes:
    headers = {} if body is None else {"Content-Type": "application/json"}
    connection.request("GET" if body is None else "POST", path, body, headers)
    response = connection.getresponse()
    content = response.read()
    if response.status != http.client.OK:
        raise RuntimeError(f"{path}: {response.status} {content[:200]!r}")
    return content


def _fill_mlflow(port: int) -> str:
    """Log some runs of many values; return the id of the last."""
    connection, run = http.client.HTTPConnection("127.0.0.1", port, timeout=60), ""
    for _ in range(RUNS):
        created = _request(
            connection, "/api/2.0/mlflow/runs/create", json.dumps({"experiment_id": "0"})
        )
        run = json.loads(created)["run"]["info"]["run_id"]
        values = [
            {"key": f"loss_{step}", "value": 1.0 / (1 + step), "timestamp": step, "step": step}
            for step in range(VALUES)
        ]
        batch = json.dumps({"run_id": run, "metrics": values})
        _request(connection, "/api/2.0/mlflow/runs/log-batch", batch)
    connection.close()
    return run


@contextmanager
def _serving(command: list[str | Path], folder: Path) -> Iterator[tuple[int, int]]:
    """Run a peer on a free port until the block ends; yield its process and port."""
    port = free_port()
    with (folder / "peers.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port)], stdout=log, stderr=log, env=os.environ
        )

    def is_up() -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status < http.client.BAD_REQUEST
        except OSError:
            return False
        finally:
            connection.close()

    try:
        wait_for(is_up, seconds=START_SECONDS, what=str(command[0]))
        yield process.pid, port
    finally:
        children = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        _, alive = psutil.wait_procs([*children, psutil.Process(process.pid)], timeout=10)
        for child in alive:
            child.kill()
        process.wait()
