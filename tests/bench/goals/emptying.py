"""P6 and P9 of the strategies that empty hosts one after the other, basic and node_resource_consolidation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from activities.packing import program
from activities.strategies import basic, node_resource_consolidation
from plan_schemas.audit import Scope, Situation
from plan_schemas.plan import Proposal
from tests.bench import meter
from tests.bench.alone import Row, peak_mb
from tests.bench.clouds import cloud, usage
from tests.bench.costs import cost
from tests.bench.jobs import SIZES, Job
from tests.bench.landing import landed
from tests.bench.table import Goal

GOALS = [Goal("P9 emptying", "processor time of the bounds / of the decision", worst=0.05)]
DECIDING: dict[str, Callable[..., Proposal]] = {
    "basic": basic.decide,
    "node_resource": node_resource_consolidation.decide,
}
BOUNDS = (program.fewest_hosts, program.fewest_moves)


def jobs(seeds: list[int], quick: bool) -> Iterator[Job]:
    """Clouds of each size, by each strategy."""
    for hosts in SIZES[:2] if quick else SIZES:
        for seed in seeds:
            for name in DECIDING:
                yield Job(emptied, (name, hosts, seed), _told, 3 + hosts**1.6 / 5_000)


def emptied(name: str, hosts: int, seed: int) -> Row:
    """What one strategy costs; the hosts that it frees beside the most that can be."""
    for size in (20, hosts):  # the first has everything loaded that is loaded once
        made = cloud(size, seed=seed, constrained=True)
        situation = Situation(made, Scope().rules(made, ("live", "service")), usage(made, seed))
        with meter.of(BOUNDS) as spent:
            began = time.process_time()
            proposal = DECIDING[name](situation)
            seconds = time.process_time() - began
    peak = peak_mb()
    end = landed(made, proposal)
    told = {"name": name, "hosts": hosts, "seed": seed, "constrained": True, "seconds": round(seconds, 4)}
    reached = {"hosts_after": end.hosts, "moves": end.moves}
    return told | {"peak_mb": peak, "bound_seconds": spent.seconds, **reached}


def _told(row: Row) -> Iterator[Row]:
    ratio = round(row["bound_seconds"] / row["seconds"], 4)
    yield {"goal": "P9 emptying", **row, "ratio": ratio}
    yield cost(row["name"], row) | {"hosts_after": row["hosts_after"], "moves": row["moves"]}
