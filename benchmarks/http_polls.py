"""Clients that each poll a job once a second."""

from __future__ import annotations

import asyncio
import time

from tests.builders.server_process import ServerProcess

CLIENTS = 64


async def poll_steadily(server: ServerProcess, job_id: str, *, seconds: int) -> dict[str, float]:
    """Poll once a second each, for so many seconds; return latencies and the server's cores."""
    request = f"GET /v1/jobs/{job_id} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    latencies: list[float] = []

    async def poll(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.sleep(number / CLIENTS)
        for _ in range(seconds):
            started_at = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r")[0])
            await reader.readexactly(length)
            latencies.append(time.perf_counter() - started_at)
            await asyncio.sleep(max(0.0, 1.0 - latencies[-1]))
        writer.close()

    before, started_at = server.processor_seconds(), time.perf_counter()
    await asyncio.gather(*(poll(number) for number in range(CLIENTS)))
    elapsed = time.perf_counter() - started_at
    latencies.sort()
    return {
        "p50_ms": round(1000 * latencies[len(latencies) // 2], 1),
        "p99_ms": round(1000 * latencies[int(0.99 * len(latencies))], 1),
        "server_cores": round((server.processor_seconds() - before) / elapsed, 3),
    }
