"""P1, P2, P3, P6 and P9 on consolidations: hosts, freed hosts, moves, cost, and the bounds' share of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from math import log
from typing import Any

from activities.packing import program
from activities.strategies import vm_workload_consolidation as strategy
from plan_schemas.audit import Scope, Situation
from plan_schemas.model import Cluster
from plan_schemas.plan import Proposal
from tests.bench import best_fit, limits, meter
from tests.bench.alone import Row, alone, peak_mb
from tests.bench.clouds import cloud
from tests.bench.landing import landed
from tests.bench.table import Goal

GOALS = [
    Goal("P1", "hosts after / bound at 1,000 and 5,000 hosts", median=1.005, worst=1.01),
    Goal("P1 small", "hosts after less the bound, up to 200 hosts", worst=1),
    Goal("P2", "hosts freed / most that can be, within a budget of moves", worst=0.99, better="higher"),
    Goal("P3", "moves / bound of a full repack at 1,000 hosts and more", worst=1.12),
    Goal("P6 time", "full repack of 5,000 hosts / one best-fit pass", worst=8),
    Goal("P6 yardstick", "microseconds of the best-fit pass per instance", worst=25),
    Goal("P6 memory", "peak MB of a full repack of 5,000 hosts", worst=300),
    Goal("P6 growth", "growth exponent of seconds from 100 to 5,000 hosts", worst=1.8),
    Goal("P9", "processor time of the bounds / of the decision", worst=0.05),
]
SMALL, GROWING, LARGE = (20, 50, 100, 200), (100, 400), (1_000, 5_000)
BUDGETS = (1, 5, 10, 20, 30)  # per cent of the instances
BOUNDS = (program.fewest_hosts, program.fewest_moves)


def rows(seeds: list[int], quick: bool) -> Iterator[Row]:
    """Full repacks and repacks within a budget; what is small needs no process of its own."""
    large = LARGE[:1] if quick else LARGE
    seconds: dict[tuple[int, int], float] = {}
    for hosts in large:
        for seed in seeds:
            row = alone(repack, hosts, seed, True)
            seconds[hosts, seed] = row["seconds"]
            yield from _large(row)
    for hosts in (20, 100) if quick else SMALL:
        for seed in seeds:
            for constrained in (False, True):
                row = repack(hosts, seed, constrained)
                yield _row("P1 small", row, row["hosts_after"], row["hosts_bound"], difference=True)
                if hosts == 100 and constrained:
                    yield _row("P9", row, row["bound_seconds"], row["seconds"])
    sizes = (*GROWING, *large)
    for seed in seeds:
        for hosts in GROWING:
            seconds[hosts, seed] = alone(repack, hosts, seed, True)["seconds"]
        growth = _slope([(log(n), log(seconds[n, seed])) for n in sizes])
        row = {"hosts": sizes[-1], "seed": seed, "constrained": True}
        yield _row("P6 growth", row, growth, 1) | {"sizes": list(sizes)}
    yield from _budgets(seeds, large, quick)


def _budgets(seeds: list[int], sizes: tuple[int, ...], quick: bool) -> Iterator[Row]:
    """At 5,000 hosts each seed has one budget, so that every budget has two clouds."""
    for hosts in sizes:
        for n, seed in enumerate(seeds):
            for budget in BUDGETS if hosts == sizes[0] and not quick else (BUDGETS[n % len(BUDGETS)],):
                row = alone(within, hosts, seed, n % 2 == 1, budget)
                yield _row("P2", row, row["freed"], row["freed_bound"]) | {"budget": budget}


def _large(row: Row) -> Iterator[Row]:
    yield _row("P1", row, row["hosts_after"], row["hosts_bound"])
    yield _row("P3", row, row["moves"], row["moves_bound"])
    yield _row("P9", row, row["bound_seconds"], row["seconds"])
    if row["hosts"] == LARGE[-1]:
        yield _row("P6 time", row, row["seconds"], row["pass_seconds"])
        yield _row("P6 yardstick", row, 1e6 * row["pass_seconds"], row["instances"])
        yield _row("P6 memory", row, row["peak_mb"], 1)


def _slope(points: list[tuple[float, float]]) -> float:
    """Of the straight line that is nearest to the points."""
    x, y = (sum(p[k] for p in points) / len(points) for k in (0, 1))
    return sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points)


def _row(goal: str, row: Row, value: float, bound: float, *, difference: bool = False) -> Row:
    ratio = value - bound if difference else value / bound if bound else 1.0
    told: Row = {k: row[k] for k in ("hosts", "seed", "constrained", "seconds", "peak_mb") if k in row}
    figures = {"value": round(value, 3), "bound": round(bound, 3), "ratio": round(ratio, 4)}
    return {"goal": goal, **told, **figures}


def repack(hosts: int, seed: int, constrained: bool) -> Row:
    """A full repack: what it reaches, its bounds, and its cost beside a best-fit pass in the same process."""
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
        "seconds": round(seconds, 3),
        "bound_seconds": spent.seconds,
        "pass_seconds": min(best_fit.seconds(made)[0] for _ in range(2)),
        "peak_mb": peak,
    }


def within(hosts: int, seed: int, constrained: bool, budget: int) -> Row:
    """A repack with at most so many per cent of the instances moved."""
    made = cloud(hosts, seed=seed, constrained=constrained)
    most = len(made.instances) * budget // 100
    proposal, seconds = decided(made, max_moves=most)
    end = landed(made, proposal)
    if end.moves > most:
        raise RuntimeError(f"{end.moves} moves were proposed of {most} allowed")
    return {
        "hosts": hosts,
        "seed": seed,
        "constrained": constrained,
        "seconds": round(seconds, 3),
        "freed": end.freed,
        "freed_bound": limits.most_freed(made, most, limits.fewest_hosts(made)),
    }


def decided(made: Cluster, **parameters: Any) -> tuple[Proposal, float]:
    """The strategy's proposal and the processor time that it took."""
    situation = Situation(made, Scope().rules(made, ("live", "service")))
    began = time.process_time()
    return strategy.decide(situation, **parameters), time.process_time() - began
