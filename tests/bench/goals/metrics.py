"""What an audit asks of a datasource: a query per metric for the whole scope, for any number of hosts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

from activities.metrics import gate
from activities.metrics.measure import measure
from deploy.simcloud.generate import generate
from tests.bench.alone import Row
from tests.bench.jobs import Job
from tests.bench.table import Goal
from tests.how.acting import observed
from tests.metrics.numbers import METRICS, NEEDS, strategy
from tests.metrics.serving import datasource, served

GOALS = [Goal("M queries", "metric queries of an audit at 1,000 hosts", worst=10)]


def jobs(seeds: list[int], quick: bool) -> Iterator[Job]:
    """Three clouds: their numbers differ, what is asked does not."""
    for seed in seeds[:3]:
        yield Job(measured, (100 if quick else 1_000, seed), _told, 12)


def _told(row: Row) -> Iterator[Row]:
    yield {"goal": "M queries", **row, "ratio": row["queries"]}


def measured(hosts: int, seed: int) -> Row:
    """All metrics of a simulated cloud that is a day old, by its own Prometheus API, and judged."""
    cloud = generate(hosts, seed)
    cloud.advance(86_400)
    cluster = observed(cloud)
    moment = datetime.fromisoformat(cluster.collected_at)
    with served(cloud) as origin:
        cloud.journal.lines.clear()
        begun = time.perf_counter()
        usage = measure(datasource(origin), NEEDS, METRICS, cluster, now=moment)
        took = time.perf_counter() - begun
        queries = sum("method" in line for line in cloud.journal.lines)
    begun = time.process_time()
    believed = gate.admitted(usage, NEEDS, strategy(), cluster, METRICS)
    return {
        "hosts": hosts,
        "seed": seed,
        "instances": len(cluster.instances),
        "numbers": sum(len(believed.of(name)) for name in METRICS),
        "queries": queries,
        "measure_seconds": round(took, 2),  # most of it is the simulator's, in this process
        "gate_cpu_seconds": round(time.process_time() - begun, 3),
    }
