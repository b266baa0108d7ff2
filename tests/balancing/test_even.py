"""workload_stabilization: how even load becomes, what is never made worse, nested levels, true bounds."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from activities.balancing.floor import Floor, scene
from activities.balancing.load import CPU as CPU_KIND
from activities.balancing.spread import Prices, least_deviation
from activities.strategies import workload_stabilization
from plan_schemas.audit import Scope, Situation
from plan_schemas.model import Cluster
from plan_schemas.plan import Proposal
from tests.balancing.test_relief import destinations
from tests.bench import optimum
from tests.bench.clouds import cloud, usage

CPU = {"instance_cpu_usage": 0.0}


def even_out(cluster: Cluster, seed: int, **parameters: Any) -> Proposal:
    rules = Scope().rules(cluster, ("live", "service"))
    return workload_stabilization.decide(Situation(cluster, rules, usage(cluster, seed)), **parameters)


def bound(proposal: Proposal, name: str) -> tuple[float, float]:
    return next((b.bound, b.value) for b in proposal.bounds if b.name == name)


@pytest.mark.parametrize("constrained", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_a_few_moves_take_most_of_what_they_can(seed: int, constrained: bool) -> None:
    """One move per hundred instances goes three quarters of the way to what no such plan can better."""
    made = cloud(200, seed=seed, constrained=constrained)
    start = bound(even_out(made, seed, max_moves=0, thresholds=CPU), "deviation_cpu")[1]
    proposal = even_out(made, seed, max_moves=len(made.instances) // 100, thresholds=CPU, margin=0)
    best, reached = bound(proposal, "deviation_cpu")
    assert best <= reached < start
    assert start - reached >= 0.75 * (start - best)


@pytest.mark.parametrize("seed", range(6))
def test_each_level_makes_all_moves_of_the_one_below(seed: int) -> None:
    """Nothing that a careful level moves is left alone by a bolder one."""
    made = cloud(40, seed=seed, constrained=bool(seed % 2), fill=(0.93, 0.93) if seed % 3 else (0.35, 0.75))
    levels = [
        destinations(even_out(made, seed, aggressiveness=n, thresholds=CPU, max_moves=(25, 9)[seed % 2]))
        for n in range(1, 6)
    ]
    assert all(one.items() <= next_.items() for one, next_ in pairwise(levels))
    assert levels[0]


def margin_refusals(proposal: Proposal) -> list[str]:
    return [r.text for r in proposal.rejected if r.code == "margin"]


@pytest.mark.parametrize("level", [5, 2])
def test_moves_below_the_margin_are_listed_also_where_a_level_leaves_others_out(level: int) -> None:
    """With the points that each would bring the two nearer, which are less than the margin as things end."""
    proposal = even_out(cloud(40, seed=2), 2, thresholds=CPU, margin=6, aggressiveness=level)
    assert bool([r for r in proposal.rejected if r.code == "aggressiveness"]) == (level == 2)
    told = margin_refusals(proposal)
    assert told
    points = [float(text.split(" would bring the two ")[1].split()[0]) for text in told]
    assert points == sorted(points, reverse=True)
    assert max(points) <= 6
    assert all(text.endswith("less than the margin of 6") for text in told)


def test_a_pair_below_the_margin_is_listed_with_the_other_of_it() -> None:
    """Where there is no room for one alone, and both together are not worth it."""
    made = cloud(40, seed=1, fill=(0.93, 0.93))
    pairs = [t for t in margin_refusals(even_out(made, 1, thresholds=CPU, margin=20)) if ", for which " in t]
    assert pairs
    assert all(" would go to " in text and "nearer to each other per move, " in text for text in pairs)


def test_of_two_that_belong_together_the_first_names_the_other() -> None:
    """It comes to where the first was. That it makes room would be untrue where there is room enough."""
    made = cloud(40, seed=1, fill=(0.93, 0.93))
    changes = even_out(made, 1, thresholds=CPU, max_moves=20).changes
    pairs = [one for one in pairwise(changes) if one[0].reason.startswith("evens out with ")]
    assert pairs
    for first, second in pairs:
        other, place = made.instances[second.parameters["instance"]].name, first.parameters["source"]
        assert first.reason.startswith(f"evens out with {other}, which comes to {place} instead: ")
        assert second.parameters["destination"] == place


def test_it_stops_where_every_metric_is_low_enough() -> None:
    """Two metrics, both above their thresholds: it goes on until neither is, and no further."""
    made = cloud(60, seed=2)
    metrics = ["instance_cpu_usage", "instance_ram_usage"]
    wanted = {"instance_cpu_usage": 0.08, "instance_ram_usage": 0.09}
    proposal = even_out(made, 2, metrics=metrics, thresholds=wanted)
    assert bound(proposal, "deviation_cpu")[1] <= 8.0
    assert bound(proposal, "deviation_ram")[1] <= 9.0
    fewer = even_out(made, 2, metrics=metrics, thresholds=wanted, max_moves=len(proposal.changes) - 1)
    assert any(bound(fewer, f"deviation_{k}")[1] > most for k, most in (("cpu", 8.0), ("ram", 9.0)))
    again = even_out(made, 2, metrics=metrics, thresholds=dict.fromkeys(metrics, 0.5))
    assert again.changes == ()
    assert "even enough" in again.summary


@pytest.mark.parametrize("seed", range(12))
def test_no_plan_within_zones_beats_the_bound_that_knows_them(seed: int) -> None:
    """Load that cannot leave its zone keeps the zones apart, and even so the bound is below every plan."""
    made = cloud(6, per_host=3, seed=seed, constrained=True)
    rules = Scope().rules(made, ("live", "service"))
    seen = scene(made, rules, usage(made, seed), [CPU_KIND])
    floor = Floor(seen, seen.movable(seen.hosts()))
    cores = dict(zip(seen.roll.uuids, seen.loads[0].tolist()))
    found = least_deviation(floor, 0, 2)
    best = optimum.least_deviation(made, cores, 2)
    assert best is not None
    assert found <= best + 2e-3
    assert found > 0


@pytest.mark.parametrize("seed", range(30))
def test_no_plan_beats_the_bound(seed: int) -> None:
    """On clouds small enough to try every plan of so many moves, none leaves loads closer together."""
    dice = np.random.default_rng(seed)
    size = dice.choice([1.0, 2.0], 3) if seed % 2 else np.ones(3)
    loads = dice.exponential(0.12, (3, 3)) * size[:, None]
    own = dice.uniform(0, 0.3, 3)
    start = own + loads.sum(axis=1) / size
    mean = float((start * size).sum() / size.sum())
    moves = 1 + seed % 2
    best = _least(loads, size, start - mean, moves, frozenset())
    found = Prices(start - mean, size, -np.sort(-loads, axis=1)).best(moves)
    assert found <= best + 1e-9


def _least(loads: Any, size: Any, away: Any, moves: int, gone: frozenset[tuple[int, int]]) -> float:
    """The least sum of squares after at most so many moves, by trying all."""
    least = float((away * away).sum())
    if not moves:
        return least
    for host, one in np.ndindex(loads.shape):
        for other in range(len(size)):
            if other == host or (host, one) in gone:
                continue
            after = away.copy()
            after[host] -= loads[host, one] / size[host]
            after[other] += loads[host, one] / size[other]
            least = min(least, _least(loads, size, after, moves - 1, gone | {(host, one)}))
    return least
