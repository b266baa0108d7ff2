"""The way back: the plan that undoes what was done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from activities.planner import inverse
from plan_schemas.catalog import load
from plan_schemas.frozen import FrozenDict
from plan_schemas.plan import Action, Execution, Plan, Touches
from tests.deciding.planning import ALLOW, action, edges, make, move, row, service


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
