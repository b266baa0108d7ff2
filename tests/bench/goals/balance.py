"""P4, P6 and P9 on load: relief of hot hosts, an even load with few moves, and what both cost.

The bounds are those that plans print. An integer program that shares no code with them finds the best plans
of clouds small enough for it: a bound that is above one ends the bench, as does a host that is said to be
hopeless and is not; `P4 fewest` and `P4 most` hold our plans against them. That of evenness knows no memory,
that of relief not all of it: where memory is nearly full the others of P4 also tell how loose they are. For
evenness of up to 100 hosts there is another bound (tests/bench/dual.py), too dear for plans, which knows
memory, zones and traits: the larger of both counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from activities.balancing import need, nowhere, spread
from activities.balancing.floor import Floor, scene
from activities.balancing.load import KINDS as LOADS
from activities.strategies import workload_balance, workload_stabilization
from plan_schemas.audit import Scope, Situation
from plan_schemas.model import Cluster
from plan_schemas.plan import Proposal
from tests.bench import dual, meter, optimum
from tests.bench.alone import Row, peak_mb
from tests.bench.clouds import cloud, usage
from tests.bench.costs import cost
from tests.bench.jobs import SIZES, Job
from tests.bench.table import Goal

GOALS = [
    Goal("P4 relief", "moves / bound that relieve hosts above the 80th and 90th percentile", worst=1.0),
    Goal("P4 relief 85", "the same with 85 % of the memory allocated", worst=1.0),
    Goal("P4 relief 93", "the same with 93 % of the memory allocated", worst=1.1),
    Goal("P4 hot", "hosts relieved / hot ones that are not proved hopeless", worst=1.0, better="higher"),
    Goal(
        "P4 fewest", "moves of relief / the fewest that do the same, 20 hosts, exact", median=1.0, worst=1.1
    ),
    Goal("P4 most", "deviation taken / most that 4 moves can, 20 hosts, exact", worst=0.9, better="higher"),
    Goal(
        "P4 spread",
        "deviation taken / most that 1 % moves can take, by the larger of the bounds",
        worst=0.93,
        better="higher",
    ),
    Goal("P4 spread con", "the same with zones, traits and groups", worst=0.90, better="higher"),
    *(
        Goal(
            f"P4 spread{fill}{con}",
            f"the same with{fill} % of the memory allocated{and_so}",
            worst=worst,
            better="higher",
        )
        for fill in (" 85", " 93")
        for con, worst, and_so in (("", 0.93, ""), (" con", 0.90, ", and so constrained"))
    ),
    Goal("P9 relief", "processor time of the bounds / of the decision", worst=0.05),
    Goal("P9 balance", "processor time of the bounds / of the decision", worst=0.05),
]
FILLS = {"": (0.35, 0.75), " 85": (0.85, 0.85), " 93": (0.93, 0.93)}
KINDS = [(fill, constrained) for fill in FILLS for constrained in (False, True)]
SMALL, FEW = 20, 4  # hosts and moves of what is solved exactly
COLD = (10, 20)  # percentiles of loads above which so many are hot that some of them are hopeless
PRICED = 100  # hosts, up to which evenness has its dearer bound
TIMED = ("", True)  # the kind that is measured at every size, as a full repack is
BOUNDS: dict[str, tuple[Callable[..., Any], ...]] = {
    "relief": (need.overloaded, nowhere.surcharge, nowhere.fewest_moves),
    "balance": (spread.least_deviation,),
}


def jobs(seeds: list[int], quick: bool) -> Iterator[Job]:
    """Every kind at every size; of 5,000 hosts one kind, for what it costs, and of the others two a seed."""
    fill, constrained = TIMED
    for hosts in SIZES[:3] if quick else SIZES:
        for seed in seeds:
            given = (hosts, seed, constrained, fill)
            yield Job(relieved, given, _relieved, 1.5 + hosts / 1000)
            yield Job(evened, given, _evened, 1.5 + hosts / 1000)
    for seed in seeds:
        for fill in FILLS:
            yield Job(exact, (seed, fill), _exactly, 2.0)
    others = [kind for kind in KINDS if kind != TIMED]
    for seed in seeds:
        for fill, constrained in others:
            yield Job(evened, (PRICED, seed, constrained, fill), _spread_rows, 7.0)
    for hosts in (400,) if quick else (400, 1_000, 5_000):
        for n, seed in enumerate(seeds):
            some = (others[2 * n % len(others)], others[(2 * n + 1) % len(others)])
            for fill, constrained in others if hosts < SIZES[-1] else some:
                yield Job(both, (hosts, seed, constrained, fill), _both, 1.5 + hosts / 500)


def _exactly(row: Row) -> Iterator[Row]:
    """A proof that could not be had in time is no row."""
    given = {"hosts": SMALL, "constrained": True, **{k: row[k] for k in ("seed", "fill")}}
    if row["fewest"]:
        ratio = {"ratio": round(row["moves"] / row["fewest"], 4)}
        yield {"goal": "P4 fewest", **given, "value": row["moves"], "bound": row["fewest"], **ratio}
    if row["least"] is not None:
        taken = (row["before"] - row["after"]) / (row["before"] - row["least"])
        figures = {"before": row["before"], "value": row["after"], "bound": row["least"]}
        yield {"goal": "P4 most", **given, **figures, "ratio": round(taken, 4)}


def exact(seed: int, fill: str) -> Row:
    """Relief and balance of a small constrained cloud beside the best plans that there are."""
    situation = _situation(SMALL, seed, True, fill)
    made, use = situation.cluster, situation.usage.of("instance_cpu_usage")
    cores = _cores(situation)
    bears = _loads(made, use)
    threshold = _above(bears, 80)
    proposal = workload_balance.decide(situation, threshold=threshold)
    stay = {r.subject for r in proposal.rejected}
    cool = {h for h, v in bears.items() if v >= threshold} - stay
    bound, moves = _bound(proposal, "moves")
    fewest = optimum.fewest_relieving(made, cores, threshold / 100, cool)
    if fewest is not None and bound > fewest:
        raise RuntimeError(f"seed {seed}: {bound} moves were said to be needed, {fewest} are enough")
    hopeless = sum(_hopeless(situation, cores, _above(bears, percent)) for percent in COLD)
    found, _ = _spread(situation, FEW)
    least = optimum.least_deviation(made, cores, FEW)
    if least is not None and found["bound"] > 100 * least + 0.02:
        raise RuntimeError(f"seed {seed}: {found['bound']} was said to be the least, not {100 * least}")
    end = {"before": found["before"], "after": found["value"]}
    told = {"seed": seed, "fill": fill, "moves": moves, "fewest": fewest, "hopeless": hopeless}
    return told | {"least": None if least is None else round(100 * least, 3)} | end


def _hopeless(situation: Situation, cores: dict[str, float], threshold: float) -> int:
    """How many hosts relief calls hopeless at this threshold: of each it is proved that no plan helps."""
    seen = scene(situation.cluster, situation.rules, situation.usage, [LOADS["instance_cpu_usage"]])
    floor = Floor(seen, seen.movable(seen.hosts()))
    found = [floor.hosts[t.host] for t in need.overloaded(floor, threshold / 100) if not t.least]
    told, _ = _bound(workload_balance.decide(situation, threshold=threshold), "hosts_over_threshold")
    if told != len(found):
        raise RuntimeError(f"{told} hosts were said to be hopeless, found are {found}")
    for host in found:
        if optimum.relievable(situation.cluster, cores, threshold / 100, host) is not False:
            raise RuntimeError(f"{host} was said to be hopeless above {threshold}: there is no proof of it")
    return len(found)


def _above(bears: dict[str, float], percentile: int) -> float:
    """A threshold between the loads of two hosts: at it itself rounding would decide."""
    ordered = sorted(bears.values())
    n = len(ordered) * percentile // 100
    return (ordered[n - 1] + ordered[n]) / 2


def _both(row: Row) -> Iterator[Row]:
    yield from _relief_rows(row["relief"])
    yield from _spread_rows(row["balance"])


def _relieved(row: Row) -> Iterator[Row]:
    yield from _relief_rows(row)
    yield from _costs("relief", row)


def _evened(row: Row) -> Iterator[Row]:
    yield from _spread_rows(row)
    yield from _costs("balance", row)


def _costs(of: str, row: Row) -> Iterator[Row]:
    yield cost(of, row)
    share = {"value": row["bound_seconds"], "bound": row["seconds"]}
    ratio = {"ratio": round(row["bound_seconds"] / row["seconds"], 4)}
    yield {"goal": f"P9 {of}", **_given(row), **share, **ratio}


def _given(row: Row) -> Row:
    return {k: row[k] for k in ("hosts", "seed", "constrained", "fill", "peak_mb")}


def _relief_rows(row: Row) -> Iterator[Row]:
    for part in row["relief"]:
        ratio = part["moves"] / part["bound"] if part["bound"] else 1.0
        yield _given(row) | {"goal": f"P4 relief{row['fill']}", "ratio": round(ratio, 4)} | part
        able = part["hot"] - part["hopeless"]
        ratio = part["relieved"] / able if able else 1.0
        yield _given(row) | {"goal": "P4 hot", "ratio": round(ratio, 4)} | part


def _spread_rows(row: Row) -> Iterator[Row]:
    name = f"P4 spread{row['fill']}{' con' if row['constrained'] else ''}"
    yield _given(row) | {"goal": name, "ratio": row["spread"]["captured"]} | row["spread"]


def both(hosts: int, seed: int, constrained: bool, fill: str) -> Row:
    found = (part(hosts, seed, constrained, fill) for part in (relieved, evened))
    return dict(zip(("relief", "balance"), found))


def relieved(hosts: int, seed: int, constrained: bool, fill: str) -> Row:
    """Relief at two thresholds; what is dearer of the two counts."""
    situation = _situation(hosts, seed, constrained, fill)
    bears = _loads(situation.cluster, situation.usage.of("instance_cpu_usage"))
    parts = []
    for percent in (80, 90):
        with meter.of(BOUNDS["relief"]) as spent:
            part = _relief(situation, percent, _above(bears, percent))
        parts.append(part | {"bound_seconds": spent.seconds})
    dearer = max(parts, key=lambda part: float(part["seconds"]))
    told = {"hosts": hosts, "seed": seed, "constrained": constrained, "fill": fill, "peak_mb": peak_mb()}
    return told | {"relief": parts, **{k: dearer[k] for k in ("seconds", "bound_seconds")}}


def evened(hosts: int, seed: int, constrained: bool, fill: str) -> Row:
    """An even load with moves for a hundredth of the instances."""
    situation = _situation(hosts, seed, constrained, fill)
    moves = len(situation.cluster.instances) // 100
    with meter.of(BOUNDS["balance"]) as spent:
        spread_, proposal = _spread(situation, moves)
    told = {"hosts": hosts, "seed": seed, "constrained": constrained, "fill": fill, "peak_mb": peak_mb()}
    if hosts <= PRICED:
        spread_ = _priced(situation, spread_, proposal)
    return told | {"spread": spread_, "seconds": spread_["seconds"], "bound_seconds": spent.seconds}


def _priced(situation: Situation, found: Row, proposal: Proposal) -> Row:
    """The same against the dearer bound, where that is the larger."""
    began, made = time.process_time(), situation.cluster
    plan = {str(c.parameters["instance"]): str(c.parameters["destination"]) for c in proposal.changes}
    priced = 100 * dual.least_deviation(made, _cores(situation), found["moves"], plan)
    if priced > found["value"] + 1e-3:
        raise RuntimeError(f"{priced} was said to be the least, {found['value']} is reached")
    bound = max(priced, found["printed"])
    told = {"priced": round(priced, 4), "priced_seconds": round(time.process_time() - began, 3)}
    return found | told | {"bound": bound, "captured": _captured(found, bound)}


def _captured(found: Row, bound: float) -> float:
    before, value = float(found["before"]), float(found["value"])
    return round((before - value) / (before - bound), 4)


def _cores(situation: Situation) -> dict[str, float]:
    """What each instance uses of its vcpus."""
    made, use = situation.cluster, situation.usage.of("instance_cpu_usage")
    return {u: v / 100 * made.instances[u].resources["VCPU"] for u, v in use.items()}


def _situation(hosts: int, seed: int, constrained: bool, fill: str) -> Situation:
    """The cloud to decide on, after one that is there to have everything loaded that is loaded once."""
    for size in (20, hosts):
        made = cloud(size, seed=seed, constrained=constrained, fill=FILLS[fill])
        situation = Situation(made, Scope().rules(made, ("live", "service")), usage(made, seed))
        if size != hosts:
            workload_balance.decide(situation)
            workload_stabilization.decide(situation)
    return situation


def _loads(made: Cluster, percent: Any) -> dict[str, float]:
    found = dict.fromkeys(made.hosts, 0.0)
    for uuid, value in percent.items():
        one = made.instances[uuid]
        found[str(one.host)] += value * one.resources["VCPU"]
    return {h: v / made.hosts[h].inventory["VCPU"].total for h, v in found.items()}


def _relief(situation: Situation, percentile: int, threshold: float) -> Row:
    began = time.process_time()
    proposal = workload_balance.decide(situation, threshold=threshold)
    seconds = round(time.process_time() - began, 5)
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


def _spread(situation: Situation, moves: int) -> tuple[Row, Proposal]:
    nothing = {"instance_cpu_usage": 0.0}
    start = _bound(
        workload_stabilization.decide(situation, thresholds=nothing, max_moves=0), "deviation_cpu"
    )[1]
    began = time.process_time()
    proposal = workload_stabilization.decide(situation, thresholds=nothing, max_moves=moves, margin=0.0)
    seconds = round(time.process_time() - began, 5)
    best, reached = _bound(proposal, "deviation_cpu")
    row = {"moves": moves, "before": start, "value": reached, "bound": best, "printed": best}
    told = {"captured": _captured(row, best), "captured_printed": _captured(row, best), "seconds": seconds}
    return row | told, proposal


def _bound(proposal: Proposal, name: str) -> tuple[float, float]:
    return next((b.bound, b.value) for b in proposal.bounds if b.name == name)
