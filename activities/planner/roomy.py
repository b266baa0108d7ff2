"""Plans in which nobody waits for room, as when hosts are emptied onto others: only slots hold them up.

Then the forecast itself tells when each action starts, in a seventh of the time of a timeline, which looks at
the space.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from activities.planner import lookahead, schedule, walk
from activities.planner.critical import critical
from plan_schemas.plan import Action, Limits

_LEAST, _MOST = 6, 80  # tries
_ACTIONS = 100_000  # that are looked at in all tries together, if there are more tries than the least

Ranks = Mapping[str, float]


def sooner(
    actions: Sequence[Action], ranks: Ranks, limits: Limits, value: float, enough: float
) -> tuple[Ranks, float] | None:
    """Ranks with which all is over sooner than after `value` seconds, the best of some or the first that is
    soon `enough`; None when there are none."""
    left, best = max(_LEAST, min(_MOST, _ACTIONS // len(actions))), None
    for tried, lasts in _all(actions, ranks, limits):
        if lasts < value:
            best = (tried, value := lasts)
        left -= 1
        if value <= enough or left <= 0:
            break
    return best


def _all(actions: Sequence[Action], ranks: Ranks, limits: Limits) -> Iterator[tuple[Ranks, float]]:
    """By two rules that let the longest of a host go first; then by walks from each, the best first."""
    long = {a.id: a.seconds for a in actions}
    begins = (lookahead.with_work(actions, long, limits), {id: ranks[id] + long[id] for id in long})
    begun: list[tuple[float, int, _Tried]] = []
    for number, begin in enumerate(begins):
        one = _try(actions, begin, limits)
        yield one.ranks, one.lasts
        begun.append((one.lasts, number, one))
    begun.sort(key=lambda row: row[:2])
    for spread in walk.SPREADS:
        for _, _, first in begun:
            one = first
            for step in range(walk.STEPS):
                one = _try(actions, walk.onward(one.ranks, one.held_up, step, spread), limits)
                yield one.ranks, one.lasts


@dataclass(frozen=True, slots=True)
class _Tried:
    """Ranks as a plan carries them, when all is over by them, and what held up the end."""

    ranks: Ranks
    lasts: float
    held_up: frozenset[str]


def _try(actions: Sequence[Action], ranks: Ranks, limits: Limits) -> _Tried:
    rounded = {id: round(rank, 3) for id, rank in ranks.items()}
    at = schedule.spans(actions, limits, rounded)
    return _Tried(rounded, max(end for _, end in at.values()), critical(actions, at))
