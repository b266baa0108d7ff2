"""The planner: ids, order, edges that hold in every interleaving, bounds, the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.planner import bounds, inverse, schedule
from activities.planner import plan as planner
from activities.planner.verify import verify
from activities.rules.occupancy import Occupancy
from activities.strategies import actuator
from plan_schemas import schema
from plan_schemas.audit import Audit, Rules, Situation
from plan_schemas.catalog import load
from plan_schemas.frozen import FrozenDict
from plan_schemas.model import Cluster, Host, Instance, Inventory, ServerGroup, build
from plan_schemas.plan import Action, Execution, Limits, Plan, Refused, Touches, to_document
from tests.deciding.crowds import crowd, exchanged, replay

ALLOW = ("live", "cold", "service")


def make(cluster: Cluster, actions: Sequence[dict[str, Any]], limits: Limits | None = None) -> Plan:
    """The plan of given actions."""
    rules = Rules(frozenset(cluster.hosts), allow=frozenset(ALLOW))
    execution = Execution(allow=ALLOW, limits=limits or Limits())
    audit = Audit("given", cluster.cloud, "actuator", "unclassified", execution=execution)
    proposal = actuator.decide(Situation(cluster, rules), actions=actions)
    return planner.make(audit, cluster, rules, proposal, load(), created_at="2026-01-01T00:00:00Z")


def move(instance: str, source: str, destination: str, **more: Any) -> dict[str, Any]:
    parameters = {"instance": instance, "source": source, "destination": destination, "kind": "live"}
    return {"type": "migrate", "parameters": parameters, **more}


def service(host: str, state: str, **more: Any) -> dict[str, Any]:
    parameters = {"host": host, "state": state, "reason": "ballast: test"}
    return {"type": "change_nova_service_state", "parameters": parameters, **more}


def row(*vcpus: tuple[str, str, int], hosts: str = "abc", room: int = 4) -> Cluster:
    """Hosts with so much room in a row, and instances (name, host, VCPU)."""
    inventory = FrozenDict({"VCPU": Inventory(room)})
    return build(
        "row",
        "2026-01-01T00:00:00Z",
        [Host(h, f"rp-{h}", f"s-{h}", inventory=inventory) for h in hosts],
        [Instance(n, n, h, resources=FrozenDict({"VCPU": v})) for n, h, v in vcpus],
    )


def action(plan: Plan, id: str) -> Action:
    return {a.id: a for a in plan.actions}[id]


def edges(plan: Plan) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    return {a.id: (a.needs, a.freed_by) for a in plan.actions}


def test_an_arrival_waits_for_the_departure_that_makes_room() -> None:
    """Exactly the departure that frees the space is waited for, and it comes first in the plan."""
    cluster = row(("x", "a", 4), ("y", "b", 3), ("z", "b", 1))
    plan = make(cluster, [move("x", "a", "b"), move("y", "b", "c"), move("z", "b", "c")])
    assert edges(plan)["migrate-x"] == ((), ("migrate-y", "migrate-z"))
    assert [a.id for a in plan.actions][-1] == "migrate-x"


def test_a_member_of_a_group_waits_for_the_one_that_leaves() -> None:
    """Anti-affinity holds at every moment: the arriving member waits until the other is gone."""
    cluster = row(("y", "b", 1), ("z", "a", 1))
    together = {u: replace(i, server_group="g") for u, i in cluster.instances.items()}
    group = ServerGroup("g", "g", "anti-affinity", ("y", "z"))
    cluster = replace(cluster, instances=FrozenDict(together), groups=FrozenDict({"g": group}))
    plan = make(cluster, [move("z", "a", "b"), move("y", "b", "c")])
    assert edges(plan)["migrate-z"] == ((), ("migrate-y",))


def test_two_that_change_places_go_over_a_third_host() -> None:
    """A cycle is broken by a detour of two actions, the second of which needs the first."""
    plan = make(row(("x", "a", 4), ("y", "b", 4)), [move("x", "a", "b"), move("y", "b", "a")])
    assert [a.id for a in plan.actions] == ["migrate-x-via", "migrate-y", "migrate-x"]
    assert edges(plan)["migrate-x"] == (("migrate-x-via",), ("migrate-y",))
    assert action(plan, "migrate-x").expects["host"] == "c"
    assert plan.forecast["instance_migrations_count"] == 3
    assert "1 instance goes over a third host" in plan.reason


def test_a_cycle_without_a_third_host_is_refused_by_name() -> None:
    """Both moves are left out, and each refusal names the other one."""
    plan = make(row(("x", "a", 4), ("y", "b", 4), hosts="ab"), [move("x", "a", "b"), move("y", "b", "a")])
    assert plan.actions == ()
    assert [(r.code, r.subject) for r in plan.rejected] == [("cycle", "migrate-x"), ("cycle", "migrate-y")]
    assert "migrate-y" in plan.rejected[0].text


def test_moves_out_of_a_host_need_its_closing_just_in_time() -> None:
    """A host that the plan closes is closed before it is emptied, and not before that is about to begin."""
    cluster = row(("x", "a", 1), ("y", "a", 1))
    plan = make(cluster, [move("x", "a", "b"), service("a", "disabled"), move("y", "a", "b")])
    assert edges(plan)["migrate-x"] == (("disable-a",), ())
    assert edges(plan)["migrate-y"] == (("disable-a",), ())
    assert action(plan, "disable-a").just_in_time
    assert not action(plan, "migrate-x").just_in_time


def test_nothing_moves_into_a_host_that_the_plan_closes() -> None:
    """Such a move is refused, unless a person ordered the closing after it."""
    cluster = row(("x", "a", 1))
    refused = make(cluster, [move("x", "a", "b"), service("b", "disabled")])
    assert [r.code for r in refused.rejected] == ["disabled"]
    ordered = make(cluster, [move("x", "a", "b", id="m"), service("b", "disabled", needs=["m"])])
    assert [a.id for a in ordered.actions] == ["m", "disable-b"]


def test_a_host_that_the_plan_opens_may_be_filled() -> None:
    """Arrivals need the opening and wait for it."""
    cluster = row(("x", "a", 1)).with_host("b", status="disabled")
    plan = make(cluster, [move("x", "a", "b"), service("b", "enabled")])
    assert edges(plan) == {"enable-b": ((), ()), "migrate-x": (("enable-b",), ())}


def test_ids_and_order_of_a_person_survive() -> None:
    """Given ids stay, given edges stay, and others get ids that say what they do."""
    cluster = row(("x", "a", 1))
    plan = make(
        cluster,
        [
            {"type": "nop", "id": "first"},
            move("x", "a", "b", needs=["first"]),
            {"type": "nop", "id": "last", "freed_by": ["first"]},
        ],
    )
    assert edges(plan) == {"first": ((), ()), "last": ((), ("first",)), "migrate-x": (("first",), ())}


def test_ids_are_short_ascii_and_unique() -> None:
    """Names alike are told apart by the uuid; long and foreign ones become plain."""
    names = ["web", "web", "größe ✓ " + "x" * 90]
    cluster = row()
    found = [Instance(f"{n}" * 8 + "-0", name, "a", resources=FrozenDict({})) for n, name in enumerate(names)]
    cluster = replace(cluster, instances=FrozenDict({i.uuid: i for i in found}))
    plan = make(cluster, [move(i.uuid, "a", "b") for i in found])
    ids = [a.id for a in plan.actions]
    assert ids[:2] == ["migrate-web-0000", "migrate-web-1111"]
    assert all(id.isascii() and len(id) <= 60 for id in ids)
    assert ids[2].startswith("migrate-groe")


def test_a_refused_action_takes_those_that_need_it_with_it() -> None:
    """What needs a refused action is not in the plan either, and says why."""
    cluster = row(("x", "a", 1), ("y", "a", 1))
    plan = make(cluster, [move("x", "a", "nowhere", id="bad"), move("y", "a", "b", needs=["bad"])])
    assert plan.actions == ()
    assert [(r.code, r.subject) for r in plan.rejected] == [
        ("unknown_host", "bad"),
        ("dependency", "migrate-y"),
    ]
    assert "2 of 2 changes are not in the plan" in plan.reason


@pytest.mark.parametrize("seed", range(60))
def test_every_interleaving_is_safe_and_so_is_the_way_back(seed: int) -> None:
    """Whatever order the edges allow, no host overflows and no group meets, forward and back to the start."""
    cluster = crowd(3 + seed % 8, (0.6, 0.75, 0.9)[seed % 3], seed)
    plan = make(cluster, exchanged(cluster, (0.2, 0.5, 0.9)[seed % 3], seed))
    ends = [replay(plan, cluster, order) for order in range(4)]
    assert len({e.fingerprint for e in ends}) == 1
    back = inverse.undo_plan(plan, {a.id: {} for a in plan.actions}, reason="test")
    assert back.leftovers == ()
    if back.plan is not None:
        for order in range(4):
            assert replay(back.plan, ends[0], order).fingerprint == cluster.fingerprint


def test_most_exchanges_are_planned_whole() -> None:
    """At three quarters of the memory hardly any move is refused, and detours are rare."""
    wanted = planned = detours = 0
    for seed in range(20):
        cluster = crowd(8, 0.75, seed)
        moves = exchanged(cluster, 0.5, seed)
        plan = make(cluster, moves)
        wanted, planned = wanted + len(moves), planned + len(plan.actions)
        detours += sum(a.id.endswith("-via") for a in plan.actions)
    assert planned - detours >= 0.99 * wanted
    assert detours <= 0.05 * wanted


def test_a_plan_without_an_edge_that_it_needs_is_not_let_out() -> None:
    """The last look finds a missing edge, an edge that leads forward, and an id that stands twice."""
    cluster = row(("x", "a", 4), ("y", "b", 3))
    first, second = make(cluster, [move("x", "a", "b"), move("y", "b", "c")]).actions
    verify((first, second), cluster)
    for wrong in ((first, replace(second, freed_by=())), (second, first), (first, first)):
        with pytest.raises(Refused):
            verify(wrong, cluster)


def test_a_plan_that_is_too_large_says_how_to_make_it_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit there is no plan but a remedy."""
    monkeypatch.setattr(schema, "largest", lambda _: 1000)
    with pytest.raises(Refused, match="max_moves"):
        make(row(("x", "a", 1)), [move("x", "a", "b")])


def test_the_way_back_opens_a_host_before_it_fills_it() -> None:
    """The undo of a drain: enable first, moves back need it; space is given back before it is taken."""
    cluster = row(("x", "a", 1))
    plan = make(cluster, [service("a", "disabled"), move("x", "a", "b")])
    back = inverse.undo_plan(plan, ["disable-a", "migrate-x"], reason="why").plan
    assert back is not None
    assert edges(back) == {"undo-disable-a": ((), ()), "undo-migrate-x": (("undo-disable-a",), ())}
    assert action(back, "undo-migrate-x").parameters["destination"] == "a"
    assert action(back, "undo-migrate-x").expects["host"] == "b"
    assert action(back, "undo-disable-a").expects["disabled_reason"] == "ballast: test"


def test_the_way_back_opens_a_host_for_those_too_that_did_not_wait_for_its_closing_themselves() -> None:
    """And what only came after the move is undone first, but never in a circle."""
    plan = by_hand(
        drained("close-a", "a"),
        moved("x", "a", "c", needs=("close-a",)),
        moved("y", "a", "c", needs=("x",)),
        drained("close-b", "b", needs=("y",)),
    )
    back = inverse.undo_plan(plan, ["close-a", "x", "y", "close-b"], reason="why").plan
    assert back is not None
    assert edges(back) == {
        "undo-close-b": ((), ()),
        "undo-close-a": ((), ()),
        "undo-y": (("undo-close-a", "undo-close-b"), ()),
        "undo-x": (("undo-close-a", "undo-y"), ()),
    }
    ready = {a.id for a in back.actions if a.just_in_time}
    assert ready == {"undo-close-a"}, "nothing enters the other host: it opens by itself"


def test_hosts_that_were_closed_before_any_was_emptied_have_a_way_back() -> None:
    """Each move waited for both closings: their undo does not go round in a circle."""
    both = ("close-a", "close-b")
    plan = by_hand(
        drained("close-a", "a"),
        drained("close-b", "b"),
        moved("x", "a", "c", needs=both),
        moved("y", "b", "c", needs=both),
    )
    back = inverse.undo_plan(plan, ["close-a", "close-b", "x", "y"], reason="why").plan
    assert back is not None
    assert "undo-close-a" in action(back, "undo-x").needs
    assert "undo-close-b" in action(back, "undo-y").needs


def by_hand(*actions: Action) -> Plan:
    known = load()
    types = {n: known.actions[n].type for n in ("migrate", "change_nova_service_state")}
    return Plan("p", "c", "2026-01-01T00:00:00Z", Execution(allow=ALLOW), FrozenDict(types), actions)


def drained(id: str, host: str, **more: Any) -> Action:
    expects = FrozenDict(status="enabled", disabled_reason=None)
    parameters = FrozenDict(host=host, state="disabled")
    touches = Touches(service=host, sets="disabled")
    return Action(
        id, "change_nova_service_state", parameters, "because", expects=expects, touches=touches, **more
    )


def moved(id: str, source: str, destination: str, **more: Any) -> Action:
    parameters = FrozenDict(instance=id, source=source, destination=destination, kind="live")
    touches = Touches(id, source, destination)
    return Action(
        id, "migrate", parameters, "because", expects=FrozenDict(host=source), touches=touches, **more
    )


def test_only_what_was_done_is_undone() -> None:
    """Nothing done, no way back; what found its wish fulfilled before leaves nothing to undo."""
    cluster = row(("x", "a", 1)).with_host("a", status="disabled")
    plan = make(cluster, [service("a", "disabled"), move("x", "a", "b")])
    assert inverse.undo_plan(plan, [], reason="why").plan is None
    back = inverse.undo_plan(plan, ["disable-a"], reason="why")
    assert (back.plan, back.leftovers) == (None, ())
    assert inverse.undo_plan(replace(plan, types=_irreversible(plan)), ["migrate-x"], reason="").leftovers
    way_back = inverse.undo_plan(replace(plan, irreversible=("of old",)), ["migrate-x"], reason="").plan
    assert way_back is not None
    assert way_back.irreversible == ()  # said of the way forward


def _irreversible(plan: Plan) -> FrozenDict:
    return FrozenDict({n: replace(t, reversible=False) for n, t in plan.types.items()})


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(1, 3), st.integers(1, 3))
def test_no_schedule_beats_the_bound(seed: int, parallel: int, out: int, into: int) -> None:
    """The expected makespan is never below its bound and never above doing one thing after the other."""
    cluster = crowd(3 + seed % 5, 0.7, seed)
    limits = Limits(parallel, out, into)
    plan = make(cluster, exchanged(cluster, 0.5, seed), limits)
    value = schedule.makespan(plan.actions, limits)
    limit = bounds.makespan(plan.actions, limits, Occupancy(cluster))
    assert bounds.makespan(plan.actions, limits) <= limit <= value + 1e-6
    assert value <= sum(a.seconds for a in plan.actions) + 1e-6


def test_the_bound_knows_that_others_must_leave_first() -> None:
    """Who comes to a full host cannot start before the shortest way to room for it, whatever the slots."""
    cluster = row(("x", "a", 4), ("y", "b", 3), ("z", "b", 1))
    moves = [move("x", "a", "b"), move("y", "b", "c"), move("z", "b", "c")]
    plan = make(cluster, moves, Limits(20, 2, 2))
    assert {a.seconds for a in plan.actions} == {6.0}
    assert bounds.makespan(plan.actions, plan.execution.limits) == 6.0
    # Both have to leave, at once at best, and as if they could in parts: 6 s. Then x comes, in 6 s.
    (timing,) = plan.bounds
    assert (timing.bound, timing.value) == (12.0, 12.0)


def test_the_bound_knows_that_a_long_move_makes_no_room_before_its_end() -> None:
    """With four slots a move still takes its own time to leave, and those that wait for it come after that."""
    cluster = row(("x", "a", 2), ("y", "a", 2), ("z", "b", 4))
    moves = [move("x", "a", "b"), move("y", "a", "b"), move("z", "b", "c")]
    (timing,) = make(cluster, moves, Limits(20, 4, 4)).bounds
    assert (timing.bound, timing.value) == (12.0, 12.0)


@pytest.mark.parametrize("seed", range(8))
def test_an_exchange_is_no_slower_than_by_the_first_rule(seed: int) -> None:
    """A plan is never slower than its own edges allow with the first rule of urgency."""
    cluster = crowd(8, 0.75, seed)
    limits = Limits(20, 1, 1)
    plan = make(cluster, exchanged(cluster, 0.5, seed), limits)
    (timing,) = plan.bounds
    assert timing.value == pytest.approx(schedule.makespan(plan.actions, limits), abs=0.01)
    ranks = schedule.priorities(plan.actions, limits)
    as_found = schedule.makespan([replace(a, priority=ranks[a.id]) for a in plan.actions], limits)
    assert timing.value <= as_found + 0.01


@pytest.mark.parametrize(
    ("status", "kind", "costs"),
    [
        ("ACTIVE", "live", (1_395_864_371, 0.5)),
        ("PAUSED", "live", (1_395_864_371, 0.0)),
        ("ACTIVE", "cold", (5 * 2**30, 7.065)),
        ("SHUTOFF", "cold", (5 * 2**30, 0.0)),
    ],
)
def test_a_move_says_what_it_costs(status: str, kind: str, costs: tuple[float, float]) -> None:
    """Bytes to copy and seconds of downtime stand among the numbers of the action."""
    needs = FrozenDict({"VCPU": 1, "MEMORY_MB": 1024, "DISK_GB": 5})
    rooms = FrozenDict({"VCPU": Inventory(4), "MEMORY_MB": Inventory(4096), "DISK_GB": Inventory(50)})
    hosts = [Host(h, f"rp-{h}", f"s-{h}", inventory=rooms) for h in "ab"]
    cluster = build(
        "costs", "2026-01-01T00:00:00Z", hosts, [Instance("x", "x", "a", "", status, resources=needs)]
    )
    where = {"instance": "x", "source": "a", "destination": "b", "kind": kind}
    (found,) = make(cluster, [{"type": "migrate", "parameters": where}]).actions
    assert (found.numbers["copy_bytes"], found.numbers["downtime_seconds"]) == costs


def test_the_busiest_go_first() -> None:
    """Of two moves that may start, the one with more work behind it has the higher priority."""
    cluster = row(("x", "a", 1), ("y", "a", 1), ("z", "b", 1))
    plan = make(cluster, [move("z", "b", "c"), move("x", "a", "c"), move("y", "a", "c")])
    rank = {a.id: a.priority for a in plan.actions}
    assert max(rank["migrate-x"], rank["migrate-y"]) > rank["migrate-z"]


def test_the_same_proposal_is_the_same_plan() -> None:
    """Planning twice gives the same bytes."""
    cluster = crowd(6, 0.8, 3)
    moves = exchanged(cluster, 0.5, 3)
    assert to_document(make(cluster, moves)) == to_document(make(cluster, moves))
