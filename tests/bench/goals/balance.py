"""P4 and the part of P6 on load: relief of hot hosts, an even load with few moves, and what both cost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from activities.strategies import workload_balance, workload_stabilization
from plan_schemas.audit import Scope, Situation
from plan_schemas.model import Cluster
from plan_schemas.plan import Proposal
from tests.bench.alone import Row, alone, peak_mb
from tests.bench.clouds import cloud, usage
from tests.bench.goals.consolidation import decided as repacked
from tests.bench.table import Goal

GOALS = [
    Goal("P4 relief", "moves / bound that relieve hosts above the 80th and 90th percentile", worst=1.0),
    Goal("P4 relief 85", "the same with 85 % of the memory allocated", worst=1.0),
    Goal("P4 relief 93", "the same with 93 % of the memory allocated", worst=1.1),
    Goal("P4 hot", "hosts relieved / hosts above the threshold", worst=1.0, better="higher"),
    Goal("P4 spread", "deviation taken / most that 1 % moves can take", worst=0.93, better="higher"),
    Goal("P4 spread con", "the same with zones, traits and groups", worst=0.90, better="higher"),
    Goal("P4 spread 85", "the same with 85 % of the memory allocated", worst=0.90, better="higher"),
    Goal("P4 spread 93", "the same with 93 % of the memory allocated", worst=0.90, better="higher"),
    Goal("P6 relief", "seconds of relief / of a full repack at 5,000 hosts", worst=0.125),
    Goal("P6 balance", "seconds of balance / of a full repack at 5,000 hosts", worst=0.125),
]
FILLS = {"": (0.35, 0.75), " 85": (0.85, 0.85), " 93": (0.93, 0.93)}
SIZES = (200, 1_000, 5_000)


def rows(seeds: list[int], quick: bool) -> Iterator[Row]:
    """Every fill, open and constrained; at 5,000 hosts each seed has one of the six."""
    kinds = [(fill, constrained) for fill in FILLS for constrained in (False, True)]
    for hosts in (200,) if quick else SIZES:
        for n, seed in enumerate(seeds):
            for fill, constrained in kinds if hosts < SIZES[-1] else [kinds[n % len(kinds)]]:
                yield from _told(alone(measured, hosts, seed, constrained, fill), fill, constrained)


def _told(row: Row, fill: str, constrained: bool) -> Iterator[Row]:
    given = {k: row[k] for k in ("hosts", "seed", "constrained", "peak_mb")} | {"fill": fill.strip()}
    for part in row["relief"]:
        yield given | {"goal": f"P4 relief{fill}", "ratio": part["moves"] / max(1, part["bound"])} | part
        yield given | {"goal": "P4 hot", "ratio": part["relieved"] / max(1, part["hot"])} | part
    spread = row["spread"]
    name = f"P4 spread{fill or (' con' if constrained else '')}"
    yield given | {"goal": name, "ratio": spread["captured"]} | spread
    if row["repack_seconds"]:
        seconds = max(part["seconds"] for part in row["relief"])
        yield given | {"goal": "P6 relief", "ratio": seconds / row["repack_seconds"], "seconds": seconds}
        yield given | {
            "goal": "P6 balance",
            "ratio": spread["seconds"] / row["repack_seconds"],
            "seconds": spread["seconds"],
        }


def measured(hosts: int, seed: int, constrained: bool, fill: str) -> Row:
    """Relief at two thresholds and an even load, of one cloud; the repack only where its cost is compared."""
    made = cloud(hosts, seed=seed, constrained=constrained, fill=FILLS[fill])
    situation = Situation(made, Scope().rules(made, ("live", "service")), usage(made, seed))
    loads = sorted(_loads(made, situation.usage.of("instance_cpu_usage")).values())
    relief = [_relief(situation, percent, loads[len(loads) * percent // 100]) for percent in (80, 90)]
    spread = _spread(situation, len(made.instances) // 100)
    peak = peak_mb()
    return {
        "hosts": hosts,
        "seed": seed,
        "constrained": constrained,
        "peak_mb": peak,
        "relief": relief,
        "spread": spread,
        "repack_seconds": repacked(made)[1] if hosts == SIZES[-1] and not fill else 0.0,
    }


def _loads(made: Cluster, percent: Any) -> dict[str, float]:
    found = dict.fromkeys(made.hosts, 0.0)
    for uuid, value in percent.items():
        one = made.instances[uuid]
        found[str(one.host)] += value * one.resources["VCPU"]
    return {h: v / made.hosts[h].inventory["VCPU"].total for h, v in found.items()}


def _relief(situation: Situation, percentile: int, threshold: float) -> Row:
    began = time.process_time()
    proposal = workload_balance.decide(situation, threshold=threshold)
    seconds = round(time.process_time() - began, 3)
    left, moves = _bound(proposal, "hosts_over_threshold"), _bound(proposal, "moves")
    hot = sum(
        v >= threshold for v in _loads(situation.cluster, situation.usage.of("instance_cpu_usage")).values()
    )
    return {
        "percentile": percentile,
        "hot": hot,
        "relieved": hot - int(left[1]),
        "hopeless": int(left[0]),
        "moves": int(moves[1]),
        "bound": int(moves[0]),
        "seconds": seconds,
    }


def _spread(situation: Situation, moves: int) -> Row:
    nothing = {"instance_cpu_usage": 0.0}
    start = _bound(
        workload_stabilization.decide(situation, thresholds=nothing, max_moves=0), "deviation_cpu"
    )[1]
    began = time.process_time()
    proposal = workload_stabilization.decide(situation, thresholds=nothing, max_moves=moves, margin=0.0)
    seconds = round(time.process_time() - began, 3)
    best, reached = _bound(proposal, "deviation_cpu")
    return {
        "moves": moves,
        "before": start,
        "value": reached,
        "bound": best,
        "captured": round((start - reached) / (start - best), 4),
        "seconds": seconds,
    }


def _bound(proposal: Proposal, name: str) -> tuple[float, float]:
    return next((b.bound, b.value) for b in proposal.bounds if b.name == name)
