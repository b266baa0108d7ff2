"""The judge's moments: arrivals, departures and chains in every order that the edges allow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import judge, worlds
from tests.judge.hand import Row, move, plan, rules
from tests.judge.moments import Move, crowded, predecessors
from tests.judge.picture import Picture

CIRCLE = (
    move("m1", "z", "c", "b", freed_by=["m0"]),
    move("m2", "x", "a", "c", freed_by=["m1"]),
    move("m3", "y", "d", "a", needs=["m0"], freed_by=["m2"]),
    move("m0", "y", "b", "d"),
)


def round_the_circle() -> Row:
    world = worlds.named("tight")
    world["hosts"].append(
        {"name": "d", "uuid": "rp-d", "service": "s-d", "inventory": {"VCPU": {"total": 4}}}
    )
    return world


def test_an_exchange_over_a_bypass_is_legal() -> None:
    """Three guests change places round a circle, one of them over a spare host, each when there is room."""
    assert judge.plan(round_the_circle(), plan(*CIRCLE)) == []


@pytest.mark.parametrize(
    ("dropped", "expected"),
    [("m1", {"anti_affinity"}), ("m2", {"capacity"}), ("m3", {"capacity"})],
)
def test_a_missing_edge_is_a_moment_without_room(dropped: str, expected: set[str]) -> None:
    """Without the edge that frees its space an arrival may come too early, and the judge says when."""
    actions = [{**a, "freed_by": []} if a["id"] == dropped else a for a in deepcopy(CIRCLE)]
    found = judge.plan(round_the_circle(), plan(*actions))
    assert {v.rule for v in found} == expected
    assert all(dropped in v.moment for v in found)


def test_an_instance_holds_both_ends_while_it_moves() -> None:
    """A departure frees its host only when it has ended, so an exchange without a spare host is refused."""
    world = worlds.named("tight")
    swap = plan(move("m1", "x", "a", "b"), move("m2", "y", "b", "a"))
    assert rules(world, swap) == {"capacity"}


def test_a_host_too_full_from_the_start_is_judged_at_arrivals() -> None:
    """An overcommitted host is no fault of the plan, until the plan adds to it."""
    world = worlds.named("tight")
    world["hosts"][0]["claimed"] = {"VCPU": 1}
    assert rules(world, plan(move("m", "y", "b", "c"))) == {"anti_affinity"}
    assert rules(world, plan(move("m", "z", "c", "a"))) == {"capacity"}


CHAINS = [
    ([move("m1", "z", "b", "a")], {"chain", "capacity"}),
    ([move("m1", "x", "a", "d"), move("m2", "x", "c", "a", needs=["m1"])], {"chain"}),
    ([move("m1", "x", "a", "d"), move("m2", "x", "d", "a", freed_by=["m1"])], {"chain"}),
    ([move("m1", "x", "a", "d"), move("m2", "x", "d", "a", needs=["m1"])], set()),
    ([move("m1", "z", "c", "c")], {"no_effect"}),
]


@pytest.mark.parametrize(("actions", "expected"), CHAINS)
def test_chained_moves_go_on_from_where_they_ended(actions: list[Row], expected: set[str]) -> None:
    """The second move of an instance starts where the first ended, and needs it."""
    assert rules(round_the_circle(), plan(*actions)) == expected


def moments(actions: Sequence[Row]) -> Iterator[tuple[frozenset[str], frozenset[str]]]:
    """Every reachable pair (started, ended), by plain search: the judge's shortcut must agree with it."""
    waits = {a["id"]: {*a.get("needs", ()), *a.get("freed_by", ())} for a in actions}
    todo = [(frozenset[str](), frozenset[str]())]
    seen = set(todo)
    while todo:
        started, ended = todo.pop()
        yield started, ended
        following = [(started | {i}, ended) for i in waits if i not in started and waits[i] <= ended]
        following += [(started, ended | {i}) for i in started - ended]
        todo += [f for f in following if f not in seen]
        seen.update(following)


@st.composite
def little_plans(draw: st.DrawFn) -> tuple[Row, list[Row]]:
    """Up to six moves among three hosts, with any edges to earlier ones, chains of an instance included."""
    hosts, sizes = ["a", "b", "c"], draw(st.lists(st.integers(1, 3), min_size=1, max_size=5))
    at = {f"i{n}": draw(st.sampled_from(hosts)) for n in range(len(sizes))}
    instances = [{"uuid": u, "host": h, "resources": {"VCPU": s}} for (u, h), s in zip(at.items(), sizes)]
    actions: list[Row] = []
    last: dict[str, str] = {}
    for n in range(draw(st.integers(1, 6))):
        uuid = draw(st.sampled_from(sorted(at)))
        to = draw(st.sampled_from([h for h in hosts if h != at[uuid]]))
        earlier = [a["id"] for a in actions]
        edges = draw(st.lists(st.sampled_from(earlier), unique=True, max_size=3)) if earlier else []
        needs = [last[uuid]] if uuid in last else []
        actions.append(move(f"m{n}", uuid, at[uuid], to, needs=needs, freed_by=edges))
        at[uuid], last[uuid] = to, f"m{n}"
    start = draw(st.integers(1, 6))
    rows = [{"name": h, "inventory": {"VCPU": {"total": start + 2 * n}}} for n, h in enumerate(hosts)]
    members = draw(st.lists(st.sampled_from(sorted(at)), unique=True))
    group = {"uuid": "g", "name": "g", "policy": "anti-affinity", "members": members}
    return {"hosts": rows, "instances": instances, "groups": [group]}, actions


@settings(max_examples=300, deadline=None)
@given(little_plans())
def test_the_fullest_moment_is_the_one_that_search_finds(drawn: tuple[Row, list[Row]]) -> None:
    """On small plans the judge's flow and an exhaustive walk through all interleavings agree by host."""
    world, actions = drawn
    picture = Picture(world)
    trips = [Move(a["id"], **a["parameters"]) for a in actions]
    before = predecessors(actions, "needs", "freed_by")
    assert before is not None
    by_flow = {(v.rule, v.subject) for v in crowded(picture, trips, before)}
    assert by_flow == {broken for moment in moments(actions) for broken in crowding_at(world, trips, moment)}


def crowding_at(
    world: Row, trips: list[Move], moment: tuple[frozenset[str], frozenset[str]]
) -> Iterator[tuple[str, str]]:
    """What is too full at one moment, where a started arrival has a part in it."""
    started, ended = moment
    start = {i["uuid"]: i["host"] for i in world["instances"]}
    size = {i["uuid"]: i["resources"]["VCPU"] for i in world["instances"]}
    members = world["groups"][0]["members"]
    for host in world["hosts"]:
        name = host["name"]
        came = [t.instance for t in trips if t.id in started and t.destination == name]
        there = [u for u, h in start.items() if h == name] + came
        for gone in [t.instance for t in trips if t.id in ended and t.source == name]:
            there.remove(gone)
        if came and sum(size[u] for u in there) > host["inventory"]["VCPU"]["total"]:
            yield "capacity", name
        if set(came) & set(members) and len([u for u in there if u in members]) > 1:
            yield "anti_affinity", name
