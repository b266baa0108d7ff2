"""workload_balance: every destination stays cool, few moves, nested levels, and bounds that are true."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise
from typing import Any

import pytest

from activities.strategies import workload_balance
from activities.words import beside
from plan_schemas.audit import Scope, Situation
from plan_schemas.model import Cluster, build
from plan_schemas.plan import Proposal
from tests.bench import optimum
from tests.bench.clouds import cloud, usage

FILLS = ((0.35, 0.75), (0.85, 0.85), (0.93, 0.93))


def relieve(cluster: Cluster, seed: int, **parameters: Any) -> Proposal:
    rules = Scope().rules(cluster, ("live", "service"))
    return workload_balance.decide(Situation(cluster, rules, usage(cluster, seed)), **parameters)


def loads(cluster: Cluster, seed: int, moved: dict[str, str]) -> dict[str, float]:
    """Of each host in percent, with some instances elsewhere."""
    found = dict.fromkeys(cluster.hosts, 0.0)
    for uuid, percent in usage(cluster, seed).of("instance_cpu_usage").items():
        one = cluster.instances[uuid]
        found[moved.get(uuid, str(one.host))] += percent * one.resources["VCPU"]
    return {h: v / cluster.hosts[h].inventory["VCPU"].total for h, v in found.items()}


def above(found: dict[str, float], number: int) -> float:
    """A threshold that so many hosts are below, and none is at but for rounding."""
    ordered = sorted(found.values())
    return (ordered[number - 1] + ordered[number]) / 2


def destinations(proposal: Proposal) -> dict[str, str]:
    return {c.parameters["instance"]: c.parameters["destination"] for c in proposal.changes}


def bounds(proposal: Proposal) -> dict[str, tuple[float, float]]:
    return {b.name: (b.bound, b.value) for b in proposal.bounds}


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("seed", range(4))
def test_hot_hosts_become_cool_and_no_other_becomes_hot(fill: tuple[float, float], seed: int) -> None:
    """Each host is below the threshold afterwards, but for those that stay hot and are told with why."""
    made = cloud(60, seed=seed, constrained=bool(seed % 2), fill=fill)
    before = loads(made, seed, {})
    threshold = above(before, 51)
    proposal = relieve(made, seed, threshold=threshold)
    after = loads(made, seed, destinations(proposal))
    hot = {h for h, v in after.items() if v >= threshold}
    assert hot == {r.subject for r in proposal.rejected}
    assert hot <= {h for h, v in before.items() if v >= threshold}
    assert len(hot) == bounds(proposal)["hosts_over_threshold"][1]
    least, moves = bounds(proposal)["moves"]
    assert least <= moves == len(proposal.changes)


@pytest.mark.parametrize("seed", range(6))
def test_each_level_makes_all_moves_of_the_one_below(seed: int) -> None:
    """Whatever the budget, nothing that a careful level moves is left alone by a bolder one."""
    made = cloud(50, seed=seed, constrained=bool(seed % 2), fill=FILLS[seed % 3])
    threshold = above(loads(made, seed, {}), 38)
    most = (None, 4, 7)[seed % 3]
    levels = [
        destinations(relieve(made, seed, threshold=threshold, aggressiveness=n, max_moves=most))
        for n in range(1, 6)
    ]
    assert all(one.items() <= next_.items() for one, next_ in pairwise(levels))
    assert levels[0]
    assert all(len(level) <= (most or 999) for level in levels)


@pytest.mark.parametrize("seed", range(6))
def test_no_choice_of_moves_is_smaller_than_the_least(seed: int) -> None:
    """The hosts that became cool needed as many moves: fewer of their instances are never enough."""
    made = cloud(20, seed=seed)
    threshold = above(loads(made, seed, {}), 16)
    proposal = relieve(made, seed, threshold=threshold)
    cooled = {h for h, v in loads(made, seed, {}).items() if v >= threshold}
    cooled -= {r.subject for r in proposal.rejected}
    fewest = sum(_fewest(made, seed, host, threshold) for host in cooled)
    least, moves = bounds(proposal)["moves"]
    assert fewest <= least <= moves <= 1.5 * least


def _fewest(cluster: Cluster, seed: int, host: str, threshold: float) -> int:
    """The least number of its instances without which a host is cool, wherever they could go."""
    values = usage(cluster, seed).of("instance_cpu_usage")
    cores = cluster.hosts[host].inventory["VCPU"].total
    own = [values[i.uuid] * i.resources["VCPU"] / cores for i in cluster.on(host)]
    return next(
        n for n in range(len(own) + 1) for some in combinations(own, n) if sum(own) - sum(some) < threshold
    )


def test_a_host_within_the_margin_stays_and_is_told_with_its_numbers() -> None:
    """Hosts whose relief gains less per move are named with what it would gain."""
    made = cloud(40, seed=9)
    threshold = above(loads(made, 9, {}), 30)
    proposal = relieve(made, 9, threshold=threshold, margin=5.0)
    told = [r for r in proposal.rejected if r.code == "margin"]
    assert told
    assert all("points per move are below the margin of 5" in r.text for r in told)
    assert all(c.numbers["gain_points_per_move"] >= 5.0 for c in proposal.changes)


def test_the_best_moves_come_first() -> None:
    """What a move takes off hot hosts never grows along the plan, so a budget takes the best of them."""
    made = cloud(80, seed=3)
    threshold = above(loads(made, 3, {}), 60)
    gains = [c.numbers["gain_points_per_move"] for c in relieve(made, 3, threshold=threshold).changes]
    assert gains == sorted(gains, reverse=True)
    few = relieve(made, 3, threshold=threshold, max_moves=5)
    assert [c.numbers["gain_points_per_move"] for c in few.changes] == gains[: len(few.changes)]


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("seed", range(3))
def test_the_bound_is_below_the_best_plan_and_that_below_ours(fill: tuple[float, float], seed: int) -> None:
    """An integer program finds the fewest moves that cool the same hosts: between our bound and our plan."""
    made = cloud(12, seed=seed, constrained=bool(seed % 2), fill=fill)
    before = loads(made, seed, {})
    threshold = above(before, 9)
    proposal = relieve(made, seed, threshold=threshold)
    cool = {h for h, v in before.items() if v >= threshold} - {r.subject for r in proposal.rejected}
    cores = {
        u: v / 100 * made.instances[u].resources["VCPU"]
        for u, v in usage(made, seed).of("instance_cpu_usage").items()
    }
    fewest = optimum.fewest_relieving(made, cores, threshold / 100, cool)
    least, moves = bounds(proposal)["moves"]
    assert fewest is not None
    assert least <= fewest <= moves <= 1.5 * fewest


@pytest.mark.parametrize(("seed", "hosts", "cool"), [(3, 12, 7), (4, 16, 9)])
def test_the_bound_knows_instances_for_which_another_must_make_room(seed: int, hosts: int, cool: int) -> None:
    """It is above the moves off hot hosts alone where the largest fit nowhere, never above the best plan."""
    made = cloud(hosts, seed=seed, constrained=bool(seed), fill=FILLS[1])
    before = loads(made, seed, {})
    threshold = above(before, cool)
    proposal = relieve(made, seed, threshold=threshold)
    relieved = {h for h, v in before.items() if v >= threshold} - {r.subject for r in proposal.rejected}
    cores = {
        u: v / 100 * made.instances[u].resources["VCPU"]
        for u, v in usage(made, seed).of("instance_cpu_usage").items()
    }
    fewest = optimum.fewest_relieving(made, cores, threshold / 100, relieved)
    assert fewest is not None
    alone = sum(_fewest(made, seed, host, threshold) for host in relieved)
    assert alone < bounds(proposal)["moves"][0] <= fewest


@pytest.mark.parametrize("seed", [10, 12, 13])
def test_an_instance_that_fits_nowhere_is_not_counted_on_and_others_leave(seed: int) -> None:
    """Every hot host is relieved by the fewest moves, also the one whose largest instance no host takes."""
    made = cloud(20, seed=seed)
    before = loads(made, seed, {})
    threshold = above(before, 15)
    proposal = relieve(made, seed, threshold=threshold)
    assert not proposal.rejected
    cores = {
        u: v / 100 * made.instances[u].resources["VCPU"]
        for u, v in usage(made, seed).of("instance_cpu_usage").items()
    }
    hot = {h for h, v in before.items() if v >= threshold}
    assert len(proposal.changes) == optimum.fewest_relieving(made, cores, threshold / 100, hot)


def test_a_host_that_is_out_of_reach_is_named_all_the_same() -> None:
    """A disabled host above the threshold stands in the summary and among what is left alone."""
    made = cloud(12, seed=1)
    before = loads(made, 1, {})
    hottest = max(before, key=lambda h: before[h])
    hosts = [replace(h, status="disabled") if h.name == hottest else h for h in made.hosts.values()]
    closed = build(made.cloud, made.collected_at, hosts, list(made.instances.values()))
    proposal = relieve(closed, 1, threshold=before[hottest] - 0.01)
    assert f"out of reach and at {before[hottest] - 0.01:g} % or above too: {hottest}" in proposal.summary
    assert [(r.code, r.subject) for r in proposal.rejected] == [("disabled", hottest)]


def test_a_load_just_below_the_threshold_is_not_told_as_if_it_were_at_it() -> None:
    assert [beside(v, 25) for v in (24.98, 24.996, 25.0, 25.02, 12.34)] == [
        "24.98",
        "24.996",
        "25.0",
        "25.0",
        "12.3",
    ]
