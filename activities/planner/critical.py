"""Those in a timeline of which each waited for the end of the one before, up to the last to end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain

from activities.planner.edges import Span
from plan_schemas.plan import Action


def critical(actions: Sequence[Action], at: Mapping[str, Span]) -> frozenset[str]:
    """The ids of one such chain: the end comes sooner only if one of them does."""
    ending: dict[float, list[Action]] = defaultdict(list)
    for action in actions:
        ending[at[action.id][1]].append(action)
    one: Action | None = max(actions, key=lambda a: (at[a.id][1], a.id))
    found: dict[str, None] = {}
    while one is not None and one.id not in found:
        found[one.id] = None
        one = _held_up_by(one, ending.get(at[one.id][0], ()))
    return frozenset(found)


def _held_up_by(one: Action, ended: Sequence[Action]) -> Action | None:
    """Of those that ended when it started: who made room for it, gave it a slot, or had to come first."""
    out, into = one.touches.out, one.touches.into
    room = (o for o in ended if into is not None and o.touches.out == into)
    slot = (o for o in ended if out is not None and o.touches.out == out)
    other_slot = (o for o in ended if into is not None and o.touches.into == into)
    first = (o for o in ended if o.id in one.waits_for)
    return next(chain(room, slot, other_slot, first), None)
