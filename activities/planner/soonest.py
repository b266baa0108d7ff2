"""The order in which the actions of a plan are over soonest, with the edges that this order needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from activities.planner import bounds, edges, schedule
from activities.planner.edges import Span
from activities.planner.timeline import RULES, timeline
from activities.rules.occupancy import Occupancy
from plan_schemas.plan import Action, Bound, Limits

NEAR = 1.02  # times the bound: nearer is not worth another try

Given = Mapping[str, Sequence[str]]  # per action the `freed_by` that a person gave it


def soonest(
    actions: Sequence[Action], given: Given, ledger: Occupancy, limits: Limits
) -> tuple[tuple[Action, ...], Bound]:
    """The actions with their priorities, and how near their forecast comes to the bound.

    They come in an order that is known to work, which is kept if it is near enough to the bound already. In
    exchanges it is not: who goes first then decides how long the others wait for space.
    """
    limit = bounds.makespan(actions, limits, ledger)
    ranks = schedule.priorities(actions, limits)
    best = tuple(replace(a, priority=ranks[a.id]) for a in actions)
    value = schedule.makespan(best, limits)
    if limits.out_per_host > 1:
        # With several slots a long one that starts last decides, more so if it lasts longer than expected.
        longest = tuple(replace(a, priority=a.seconds) for a in best)
        lasts = schedule.makespan(longest, limits)
        if lasts <= max(value, NEAR * limit):
            best, value = longest, lasts
    bare = [replace(a, freed_by=tuple(given.get(a.id, ()))) for a in actions]
    for rule in RULES:
        if value <= NEAR * limit:
            break
        at = timeline(bare, ranks, ledger, limits, rule)
        if at is None or max(end for _, end in at.values()) >= value:
            continue
        found = _linked(bare, at, ledger)
        lasts = schedule.makespan(found, limits)
        if lasts < value:
            best, value = found, lasts
    return best, bounds.bound("makespan_seconds", limit, value)


def _linked(bare: Sequence[Action], at: Mapping[str, Span], ledger: Occupancy) -> tuple[Action, ...]:
    """The actions by their times: with edges to whoever makes room, and the sooner the more urgent."""
    by_id = {a.id: a for a in bare}
    frees = edges.freed_by(ledger, [(id, by_id[id].touches) for id in at], at)
    whole = max(end for _, end in at.values())
    return tuple(
        replace(
            by_id[id],
            freed_by=tuple(
                i for i in dict.fromkeys((*by_id[id].freed_by, *frees[id])) if i not in by_id[id].needs
            ),
            priority=round(whole - start, 3),
        )
        for id, (start, _) in at.items()
    )
