"""How urgent those are who have to leave for others."""

from __future__ import annotations

from activities.planner.lookahead import urgency
from activities.rules.occupancy import Occupancy
from plan_schemas.frozen import FrozenDict
from plan_schemas.model import Host, Instance, Inventory, build
from plan_schemas.plan import Action, Limits, Touches


def test_all_that_leave_are_urgent_where_all_together_make_too_little_room() -> None:
    """As urgent as who waits for them: each of them brings it nearer to its room."""
    room = FrozenDict({"VCPU": Inventory(8)})
    sizes = {"stays": 4, **dict.fromkeys(("one", "two", "three"), 1)}
    guests = [Instance(name, name, "a", resources=FrozenDict({"VCPU": n})) for name, n in sizes.items()]
    guests.append(Instance("large", "large", "b", resources=FrozenDict({"VCPU": 6})))
    ledger = Occupancy(build("c", "", [Host(n, n, n, inventory=room) for n in "abc"], guests))
    leaving = [_move(name, "a", "c", seconds) for seconds, name in enumerate(("one", "two", "three"), 1)]
    found = urgency([*leaving, _move("large", "b", "a", 100.0)], ledger, Limits())
    assert found == {"one": 101.0, "two": 102.0, "three": 103.0, "large": 100.0}


def _move(instance: str, out: str, into: str, seconds: float) -> Action:
    touches = Touches(instance=instance, out=out, into=into)
    return Action(instance, "migrate", FrozenDict(), "", touches=touches, seconds=seconds)
