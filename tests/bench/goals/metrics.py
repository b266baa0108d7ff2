"""What a whole audit asks of a datasource: as often as it decides and measures its result, for any number of
hosts. The activities that an audit calls are called in its order, and the simulator's journal counts."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from temporalio.testing import ActivityEnvironment

from activities.memory.store import SnapshotStore
from activities.metrics import gate
from activities.metrics.measuring import Measuring
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.faults import ApiFault
from deploy.simcloud.generate import generate
from plan_schemas import admit, needs
from plan_schemas.catalog import load
from plan_schemas.model import Cluster
from plan_schemas.usage import Usage
from tests.bench.alone import Row
from tests.bench.jobs import Job
from tests.bench.table import Goal
from tests.how.acting import observed
from tests.metrics.serving import datasource, served

GOALS = [
    Goal("M first", "metric queries of a first decision", worst=10),
    Goal("M hold", "metric queries of a first decision with `hold`", worst=10),
    Goal("M result", "metric queries of an audit with `hold` and its result", worst=10),
    Goal(
        "M replans", "metric queries of an audit with `hold`, its result and the default `replans`", worst=10
    ),
]
NAMES = [goal.name for goal in GOALS]
SMALL = 100  # hosts, where ten seeds cost seconds
HOLD = 300.0  # seconds; a longer one is asked by as many queries, and costs the simulator more
PATIENCE = 900.0  # seconds for an answer: it is counted here how often is asked, whatever the machine does
BOTH = ["instance_cpu_usage", "instance_ram_usage"]  # for which the strategy needs all metrics there are
CATALOG = load()


def jobs(seeds: list[int], quick: bool) -> Iterator[Job]:
    """Three large clouds: their numbers differ, what is asked does not."""
    for seed in seeds:
        yield Job(measured, (SMALL, seed), _told, 8)
        yield Job(refused, (SMALL, seed), lambda row: [row], 12)
    for seed in () if quick else seeds[:3]:
        yield Job(measured, (1_000, seed), _told, 60)


def _told(row: Row) -> Iterator[Row]:
    counts = row.pop("counts")
    for goal in GOALS:
        yield {"goal": goal.name, **row, "ratio": counts[goal.name]}


class Audit:
    """One of a strategy that needs all metrics, on a simulated cloud that is a day old."""

    def __init__(self, cloud: Cloud, origin: str, directory: str) -> None:
        self._cloud, self._store = cloud, SnapshotStore(Path(directory))
        self._measuring = Measuring(CATALOG, self._store, [datasource(origin, timeout_seconds=PATIENCE)])
        self.cluster: Cluster = observed(cloud)
        self._seen = {"ref": self._store.put(self.cluster)}
        self.refuses_joined = False
        self.usage = Usage()  # the last that was measured

    def asks(self, hold: float, *, is_result: bool = False) -> int:
        """How many requests come of it when the usage is measured once, for a decision or as the result."""
        if self.refuses_joined:  # the first query is the one for all metrics
            self._cloud.faults.plant(ApiFault(effect="status", status=400, path="/prometheus", count=1))
        before = len(self._cloud.journal.lines)
        told = ActivityEnvironment().run(
            self._measuring.measure_usage, asked(hold), self._seen, is_result=is_result
        )
        self.usage = self._store.usage(told["ref"])
        return sum("method" in line for line in self._cloud.journal.lines[before:])

    def whole(self, hold: float) -> tuple[int, list[int], int]:
        """The same of an audit in the order of workflows/audit.py: of the decision, of each time that it
        plans again, as often as it may, and of the result."""
        replans = asked(hold)["execution"]["replans"]
        decision, again = self.asks(hold), [self.asks(hold) for _ in range(replans)]
        return decision, again, self.asks(hold, is_result=True)


def asked(hold: float) -> dict[str, Any]:
    """The audit's document as its workflow holds it."""
    document = {
        "ballast": "v1",
        "kind": "Audit",
        "name": "asking",
        "cloud": "simcloud",
        "strategy": "workload_stabilization",
        "parameters": {"metrics": BOTH, "hold": hold},
        "execution": {"mode": "auto", "on_drift": "replan"},
    }
    return admit.effective_audit(document, CATALOG)


def measured(hosts: int, seed: int) -> Row:
    """What a whole audit asks, part by part; what the first decision learned is judged."""
    cloud = generate(hosts, seed)
    cloud.advance(86_400)
    with served(cloud) as origin, tempfile.TemporaryDirectory() as directory:
        audit = Audit(cloud, origin, directory)
        begun = time.perf_counter()
        first = audit.asks(0.0)
        took = time.perf_counter() - begun
        usage = replace(audit.usage, at=audit.cluster.collected_at)  # the simulator has a clock of its own
        decision, again, result = audit.whole(HOLD)
    strategy = CATALOG.strategies["workload_stabilization"]
    wanted = needs.of(strategy, asked(0.0)["parameters"], CATALOG.metrics)
    begun = time.process_time()
    believed = gate.admitted(usage, wanted, strategy, audit.cluster, CATALOG.metrics)
    return {
        "hosts": hosts,
        "seed": seed,
        "instances": len(audit.cluster.instances),
        "metrics": len(wanted),
        "numbers": sum(len(believed.of(need.metric)) for need in wanted),
        "replans": len(again),
        "counts": dict(zip(NAMES, (first, decision, decision + result, decision + sum(again) + result))),
        "measure_seconds": round(took, 2),  # most of it is the simulator's, in this process
        "gate_cpu_seconds": round(time.process_time() - begun, 3),
    }


def refused(hosts: int, seed: int) -> Row:
    """The same audit where the query for all metrics is refused each time, and each is asked for alone."""
    cloud = generate(hosts, seed)
    cloud.advance(86_400)
    with served(cloud) as origin, tempfile.TemporaryDirectory() as directory:
        audit = Audit(cloud, origin, directory)
        audit.refuses_joined = True
        first, (decision, again, result) = audit.asks(0.0), audit.whole(HOLD)
    told = {"first": first, "hold": decision, "whole": decision + sum(again) + result}
    return {"queries_if_joined_is_refused": told, "hosts": hosts, "seed": seed, "replans": len(again)}
