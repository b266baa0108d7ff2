"""The planner: ids, order, edges that hold in every interleaving, what it lets out and what it costs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from activities.planner import inverse
from activities.planner.verify import verify
from plan_schemas import model, schema
from plan_schemas.frozen import FrozenDict
from plan_schemas.model import Host, Instance, Inventory, ServerGroup, build
from plan_schemas.plan import Refused, to_document
from tests import judge
from tests.deciding.crowds import crowd, exchanged, replay
from tests.deciding.planning import action, edges, make, move, row, service


def test_an_arrival_waits_for_the_departure_that_makes_room() -> None:
    """Exactly the departure that frees the space is waited for, and it comes first in the plan."""
    cluster = row(("x", "a", 4), ("y", "b", 3), ("z", "b", 1))
    plan = make(cluster, [move("x", "a", "b"), move("y", "b", "c"), move("z", "b", "c")])
    assert edges(plan)["migrate-x"] == ((), ("migrate-y", "migrate-z"))
    assert [a.id for a in plan.actions][-1] == "migrate-x"


def test_who_leaves_late_holds_up_only_those_that_have_its_room() -> None:
    """Each arrival waits for a departure of its own, and not for all that left before it came."""
    cluster = row(("x", "a", 2), ("w", "a", 2), ("y", "b", 2), ("z", "b", 2))
    plan = make(cluster, [move("x", "a", "b"), move("w", "a", "b"), move("y", "b", "c"), move("z", "b", "c")])
    assert edges(plan)["migrate-x"] == ((), ("migrate-y",))
    assert edges(plan)["migrate-w"] == ((), ("migrate-z",))


def test_a_member_of_a_group_waits_for_the_one_that_leaves() -> None:
    """Anti-affinity holds at every moment: the arriving member waits until the other is gone."""
    cluster = row(("y", "b", 1), ("z", "a", 1))
    together = {u: replace(i, server_group="g") for u, i in cluster.instances.items()}
    group = ServerGroup("g", "g", "anti-affinity", ("y", "z"))
    cluster = replace(cluster, instances=FrozenDict(together), groups=FrozenDict({"g": group}))
    plan = make(cluster, [move("z", "a", "b"), move("y", "b", "c")])
    assert edges(plan)["migrate-z"] == ((), ("migrate-y",))


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


def test_a_plan_without_an_edge_that_it_needs_is_not_let_out() -> None:
    """The last look finds a missing edge, an edge that leads forward, and an id that stands twice."""
    cluster = row(("x", "a", 4), ("y", "b", 3))
    first, second = make(cluster, [move("x", "a", "b"), move("y", "b", "c")]).actions
    verify((first, second), cluster)
    for wrong in ((first, replace(second, freed_by=())), (second, first), (first, first)):
        with pytest.raises(Refused):
            verify(wrong, cluster)


@pytest.mark.parametrize("seed", range(12))
def test_the_last_look_misses_nothing_that_the_judge_sees(seed: int) -> None:
    """Without any one edge that makes room, whatever may be too full then is found before it is let out."""
    cluster = crowd(3 + seed % 4, (0.75, 0.9)[seed % 2], seed)
    plan = make(cluster, exchanged(cluster, 0.5, seed))
    snapshot = model.to_document(cluster)
    refused = 0
    for n, one in enumerate(plan.actions):
        for id in one.freed_by:
            less = replace(one, freed_by=tuple(i for i in one.freed_by if i != id))
            wrong = replace(plan, actions=(*plan.actions[:n], less, *plan.actions[n + 1 :]))
            if {v.rule for v in judge.plan(snapshot, to_document(wrong))} & {"capacity", "anti_affinity"}:
                refused += 1
                with pytest.raises(Refused):
                    verify(wrong.actions, cluster)
    assert refused or not any(a.freed_by for a in plan.actions)


def test_a_plan_that_is_too_large_says_how_to_make_it_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit there is no plan but a remedy."""
    monkeypatch.setattr(schema, "largest", lambda _: 1000)
    with pytest.raises(Refused, match="max_moves"):
        make(row(("x", "a", 1)), [move("x", "a", "b")])


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


def test_the_same_proposal_is_the_same_plan() -> None:
    """Planning twice gives the same bytes."""
    cluster = crowd(6, 0.8, 3)
    moves = exchanged(cluster, 0.5, 3)
    assert to_document(make(cluster, moves)) == to_document(make(cluster, moves))
