"""How many queries an audit makes at 1,000 hosts, and what judging costs: python -m tests.bench.metrics."""

from __future__ import annotations

import json
import resource
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from activities.metrics import gate
from activities.metrics.measure import measure
from deploy.simcloud.generate import generate
from tests.how.acting import observed
from tests.metrics.numbers import METRICS, NEEDS, strategy
from tests.metrics.serving import datasource, served

HOSTS = (100, 1000)
MOST_QUERIES = 10
FILE = Path("var/bench/metrics.jsonl")


def one(hosts: int, seed: int = 11) -> dict[str, Any]:
    cloud = generate(hosts, seed)
    cloud.advance(86_400)
    cluster = observed(cloud)
    moment = datetime.fromisoformat(cluster.collected_at)
    with served(cloud) as origin:
        cloud.journal.lines.clear()
        begun = time.perf_counter()
        usage = measure(datasource(origin), NEEDS, METRICS, cluster, now=moment)
        measured = time.perf_counter() - begun
        queries = sum("method" in line for line in cloud.journal.lines)
    begun = time.process_time()
    believed = gate.admitted(usage, NEEDS, strategy(), cluster, METRICS)
    return {
        "bench": "metrics",
        "hosts": hosts,
        "seed": seed,
        "instances": len(cluster.instances),
        "numbers": sum(len(believed.of(name)) for name in METRICS),
        "queries": queries,
        "most_queries": MOST_QUERIES,
        "measure_seconds": round(measured, 2),  # most of it is the simulator's, in this process
        "gate_cpu_seconds": round(time.process_time() - begun, 3),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main() -> int:
    rows = [one(hosts) for hosts in HOSTS]
    FILE.parent.mkdir(parents=True, exist_ok=True)
    with FILE.open("a") as file:
        for row in rows:
            print(json.dumps(row))
            file.write(json.dumps(row) + "\n")
    return 0 if all(row["queries"] <= MOST_QUERIES for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
