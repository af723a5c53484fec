"""Runs `make demo`, a job from end to end: upload, search, download, predict."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2

from lowloss.cli.builtin import TARGET, builtin_csv
from lowloss.cli.rendering.results import plain_console, show_summary
from lowloss.cli.rendering.watch import watch_job
from lowloss.client.client import Client
from lowloss.errors import LowlossError, ServerUnreachable
from lowloss.processes.parent import PARENT_PIPE
from lowloss.processes.serve import STOP_SECONDS
from lowloss.results import Job, JobState
from lowloss.wording import format_bytes, format_percent

BUDGET = {"max_trials": 100, "max_seconds": 75}
START_SECONDS = 60.0
ROWS = 3

TABLE = "breast_cancer"
"""Raw columns from 0.002 to 4,000: a first network on them has a high loss."""

PREDICT = """
import json, sys
import keras, numpy as np
model = keras.models.load_model(sys.argv[1], safe_mode=True)
rows = json.load(sys.stdin)
inputs = {name: np.array(values, dtype="float32")[:, None] for name, values in rows.items()}
print(json.dumps(model.predict(inputs, verbose=0).tolist()))
"""
"""A script that a user of the model would write: stock Keras, raw columns in, probabilities out."""

out = plain_console()


def main() -> int:
    """Run the demo and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data-dir", type=Path, default=Path("demo-data"), help="the folder to fill"
    )
    folder: Path = parser.parse_args().data_dir
    # SIGTERM acts like Ctrl-C: all processes of the demo are stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            folder.mkdir(parents=True, exist_ok=True)
            url = stack.enter_context(run_server(folder))
            return run(stack.enter_context(Client(url)), folder)
    except LowlossError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


@contextmanager
def run_server(folder: Path) -> Iterator[str]:
    """Run a server and a worker on a free port, and stop them at the end; they write to a log."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "lowloss", "serve", "--port", str(port)]
    log = folder / "serve.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, "--data-dir", str(folder)],
            env=make_environment(),
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        out.print(f"starting `lowloss serve` on {url}, data in {folder}", soft_wrap=True)
        wait_until_ready(url, process, log)
        yield url
    finally:
        process.terminate()
        process.wait(STOP_SECONDS * 2)


def make_environment() -> dict[str, str]:
    """Return the environment without LOWLOSS settings: the demo must not fill another database."""
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith("LOWLOSS_")
    }
    # The server watches the pipe, and so ends however this process ends.
    return variables | {PARENT_PIPE: "1"}


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until /readyz reports success; raise ServerUnreachable."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerUnreachable(f"the server did not start:\n{log.read_text()[-2000:]}")
        try:
            if httpx2.get(f"{url}/readyz", timeout=5).is_success:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    raise ServerUnreachable(f"the server did not start within {START_SECONDS:.0f} s")


def run(client: Client, folder: Path) -> int:
    """Upload a table, search, download the model and predict; return the exit code."""
    table = folder / f"{TABLE}.csv"
    table.write_bytes(builtin_csv(TABLE))
    dataset = client.upload(table, name=TABLE)
    out.print(f"uploaded scikit-learn's table of breast cancers, unscaled: {dataset.rows} rows")
    spec: dict[str, object] = {
        "name": "demo",
        "dataset": dataset.id,
        "target": TARGET,
        "budget": BUDGET,
    }
    job = client.submit(spec)
    out.print(f"submitted {job.id}: the whole default search space")
    out.print(f"to look at it in a browser: {client.url}/jobs/{job.id}\n", soft_wrap=True)

    job = watch_job(client, job.id, out)
    show_summary(job, out)
    if job.state is not JobState.succeeded:
        return 1
    model = client.download(job.id, folder / "model.keras")
    size = model.stat().st_size
    message = f"downloaded {model} ({format_bytes(size)}); loaded by stock Keras, it predicts:"
    out.print(f"\n{message}", soft_wrap=True)
    show_predictions(table, model)
    show_curl(client.url, table, spec, job)
    return 0


def show_predictions(table: Path, model: Path) -> None:
    """Predict some raw rows with stock Keras, in a process without lowloss."""
    header, *lines = table.read_text().splitlines()
    rows = [dict(zip(header.split(","), line.split(","), strict=True)) for line in lines[:ROWS]]
    truths = [row.pop(TARGET) for row in rows]
    labels = sorted({line.rpartition(",")[2] for line in lines})
    columns = {name: [float(row[name]) for row in rows] for name in rows[0]}
    process = subprocess.run(
        [sys.executable, "-c", PREDICT, str(model)],
        input=json.dumps(columns),
        capture_output=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"},
        check=False,
        text=True,
    )
    if process.returncode != 0:
        raise LowlossError(f"stock Keras could not use the model:\n{process.stderr[-2000:]}")
    predictions = json.loads(process.stdout)
    for number, (truth, shares) in enumerate(zip(truths, predictions, strict=True), 1):
        share, label = max(zip(shares, labels, strict=True))
        probability = format_percent(share, is_precise=True)
        out.print(f"  row {number}: {label} with a probability of {probability}; true: {truth}")


def show_curl(url: str, table: Path, spec: dict[str, object], job: Job) -> None:
    """Print the same steps as commands of curl."""
    lines = [
        f"curl -X POST --data-binary @{table} '{url}/v1/datasets?name={TABLE}&format=csv'",
        f"curl -X POST -H 'Content-Type: application/json' {url}/v1/jobs \\\n"
        f"     -d '{json.dumps(spec)}'",
        f"curl '{url}{job.links.self}?wait=60'",
        f"curl -o model.keras {url}{job.links.best_model}",
    ]
    out.print("\nthe same by hand:")
    for line in lines:
        out.print(f"  {line}", soft_wrap=True)
    port = url.rpartition(":")[2]
    command = f"lowloss serve --port {port} --data-dir {table.parent}"
    out.print(f"\nthe server stops now; `.venv/bin/{command}` starts it again", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
