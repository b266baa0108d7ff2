"""P1, P2, P3, P6 and P9 on consolidations: hosts, freed hosts, moves, cost, and the bounds' share of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from activities.packing import program
from activities.strategies import vm_workload_consolidation as strategy
from plan_schemas.audit import Scope, Situation
from plan_schemas.model import Cluster
from plan_schemas.plan import Proposal
from tests.bench import best_fit, limits, meter
from tests.bench.alone import Row, peak_mb
from tests.bench.clouds import cloud
from tests.bench.costs import REPACK, cost
from tests.bench.jobs import SIZES, Job
from tests.bench.landing import landed
from tests.bench.table import Goal

GOALS = [
    Goal("P1", "hosts after / bound at 1,000 and 5,000 hosts", median=1.005, worst=1.01),
    Goal("P1 small", "hosts after less the bound, up to 200 hosts", worst=1),
    Goal("P2", "hosts freed / most that can be, within a budget of moves", worst=0.99, better="higher"),
    Goal("P3", "moves / bound of a full repack at 1,000 hosts and more", worst=1.12),
    Goal("P6 time", "full repack of 5,000 hosts / one best-fit pass", worst=8),
    Goal("P6 seconds", "processor seconds of a full repack of 5,000 hosts"),
    Goal("P6 yardstick", "microseconds of the best-fit pass per instance", worst=25),
    Goal("P6 memory", "peak MB of a full repack of 5,000 hosts", worst=300),
    Goal("P9 packing", "processor time of the bounds / of the decision", worst=0.05),
]
SMALL, LARGE = (20, 50, 100, 200), SIZES[2:]
BUDGETS = (1, 5, 10, 20, 30)  # per cent of the instances
BOUNDS = (program.fewest_hosts, program.fewest_moves)


def jobs(seeds: list[int], quick: bool) -> Iterator[Job]:
    """Full repacks of every size, small ones many at a time, and repacks within a budget."""
    for hosts in SIZES[:3] if quick else SIZES:
        for seed in seeds:
            yield Job(repack, (hosts, seed, True), _repacked, 1.5 + hosts / 300)
    for seed in seeds:
        yield Job(small, (seed, SMALL[:3] if quick else SMALL), _small, 3)
    for hosts in LARGE[:1] if quick else LARGE:
        for seed in seeds:
            for constrained in (False, True):
                yield Job(budgets, (hosts, seed, constrained), _budgets, 2 + hosts / 300)


def _repacked(row: Row) -> Iterator[Row]:
    yield cost(REPACK, row)
    yield _row("P9 packing", row, row["bound_seconds"], row["seconds"])
    if row["hosts"] in LARGE:
        yield _row("P1", row, row["hosts_after"], row["hosts_bound"])
        yield _row("P3", row, row["moves"], row["moves_bound"])
    if row["hosts"] == LARGE[-1]:
        yield _row("P6 time", row, row["seconds"], row["pass_seconds"])
        yield _row("P6 seconds", row, row["seconds"], 1)
        yield _row("P6 yardstick", row, 1e6 * row["pass_seconds"], row["instances"])
        yield _row("P6 memory", row, row["peak_mb"], 1)


def _small(row: Row) -> Iterator[Row]:
    for one in row["repacks"]:
        yield _row("P1 small", one, one["hosts_after"], one["hosts_bound"], difference=True)


def _budgets(row: Row) -> Iterator[Row]:
    for one in row["budgets"]:
        yield _row("P2", one, one["freed"], one["freed_bound"]) | {"budget": one["budget"]}


def _row(goal: str, row: Row, value: float, bound: float, *, difference: bool = False) -> Row:
    ratio = value - bound if difference else value / bound if bound else 1.0
    told: Row = {k: row[k] for k in ("hosts", "seed", "constrained", "seconds", "peak_mb") if k in row}
    figures = {"value": round(value, 3), "bound": round(bound, 3), "ratio": round(ratio, 4)}
    return {"goal": goal, **told, **figures}


def repack(hosts: int, seed: int, constrained: bool) -> Row:
    """A full repack: what it reaches, its bounds, and its cost beside a best-fit pass in the same process."""
    decided(cloud(SMALL[0], constrained=True))  # what is read and made once in a process belongs to no size
    made = cloud(hosts, seed=seed, constrained=constrained)
    with meter.of(BOUNDS) as spent:
        proposal, seconds = decided(made)
    peak = peak_mb()  # before the checks of this bench need memory of their own
    end = landed(made, proposal)
    return {
        "hosts": hosts,
        "seed": seed,
        "constrained": constrained,
        "instances": len(made.instances),
        "hosts_after": end.hosts,
        "hosts_bound": limits.fewest_hosts(made),
        "moves": end.moves,
        "moves_bound": limits.fewest_moves(made, end.freed),
        "seconds": round(seconds, 4),
        "bound_seconds": spent.seconds,
        "pass_seconds": min(best_fit.seconds(made)[0] for _ in range(2)),
        "peak_mb": peak,
    }


def small(seed: int, sizes: list[int]) -> Row:
    """Full repacks of small clouds, open and constrained."""
    return {"repacks": [repack(hosts, seed, constrained) for hosts in sizes for constrained in (False, True)]}


def budgets(hosts: int, seed: int, constrained: bool) -> Row:
    """A cloud repacked within every budget of moves."""
    made = cloud(hosts, seed=seed, constrained=constrained)
    least = limits.fewest_hosts(made)
    given = {"hosts": hosts, "seed": seed, "constrained": constrained}
    return {"budgets": [given | within(made, budget, least) for budget in BUDGETS]}


def within(made: Cluster, budget: int, least: int) -> Row:
    """A repack with at most so many per cent of the instances moved."""
    most = len(made.instances) * budget // 100
    proposal, seconds = decided(made, max_moves=most)
    end = landed(made, proposal)
    if end.moves > most:
        raise RuntimeError(f"{end.moves} moves were proposed of {most} allowed")
    bound = limits.most_freed(made, most, least)
    return {"budget": budget, "seconds": round(seconds, 3), "freed": end.freed, "freed_bound": bound}


def decided(made: Cluster, **parameters: Any) -> tuple[Proposal, float]:
    """The strategy's proposal and the processor time that it took."""
    situation = Situation(made, Scope().rules(made, ("live", "service")))
    began = time.process_time()
    return strategy.decide(situation, **parameters), time.process_time() - began
