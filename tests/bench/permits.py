"""`python -m tests.bench.permits`: permits per second and the wait for a grant, with many plans at once.

Each plan is a workflow with a plan's own Leave and Liaison that asks, starts nothing and gives back (see
tests/bench/bidder.py): what is measured is the permits and their signals, on a real dev server.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker

from activities.others.holders import Holders
from activities.others.neighbours import Neighbours
from deploy.local.stack import read_pid
from tests.bench.bidder import Bidder
from tests.bench.server import temporal
from workflows.permits import Permits
from workflows.start import connect

QUEUE = "bench"


def cpu(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(client: Client, server: int, plans: int, rounds: int, hosts: int) -> dict[str, Any]:
    """All plans at once; the figures of all their grants. On a busy machine only the CPU seconds tell."""
    worker = Worker(
        client,
        task_queue=QUEUE,
        workflows=[Bidder, Permits],
        activities=[*Neighbours(client).all(), *Holders(client).all()],
    )
    async with worker:
        await client.start_workflow(Permits.run, {"cloud": "bench"}, id="permits/bench", task_queue=QUEUE)
        while (await client.get_workflow_handle("permits/bench").query("status"))["state"] != "OPEN":
            await asyncio.sleep(0.1)
        begun, used = time.monotonic(), (cpu(server), time.process_time())
        handles = [
            await client.start_workflow(
                Bidder.run,
                args=[n, rounds, hosts],
                id=f"bidder-{n}",
                task_queue=QUEUE,
                execution_timeout=timedelta(minutes=10),
            )
            for n in range(plans)
        ]
        took = sorted(t for found in await asyncio.gather(*(h.result() for h in handles)) for t in found)
        seconds = time.monotonic() - begun
        used = (cpu(server) - used[0], time.process_time() - used[1])
    return {
        "bench": "permits",
        "plans": plans,
        "grants": len(took),
        "hosts": hosts,
        "seconds": round(seconds, 2),
        "server_cpu_ms_per_grant": round(1000 * used[0] / len(took), 1),
        "worker_cpu_ms_per_grant": round(1000 * used[1] / len(took), 1),
        "permits_per_second": round(len(took) / seconds, 1),
        "grant_p50_ms": round(1000 * took[len(took) // 2]),
        "grant_p95_ms": round(1000 * took[int(len(took) * 0.95)]),
    }


async def bench(plans: int, rounds: int, hosts: int) -> dict[str, Any]:
    with temporal() as stack:
        server = read_pid(stack.directory / "temporal.pid") or 0
        return await measure(await connect(stack.address), server, plans, rounds, hosts)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.permits", description=__doc__)
    parser.add_argument("--plans", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--hosts", type=int, default=200)
    given = parser.parse_args()
    print(json.dumps(asyncio.run(bench(given.plans, given.rounds, given.hosts))))


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)
