"""The order in which the actions of a plan are over soonest, with the edges that this order needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from activities.planner import bounds, edges, lookahead, roomy, schedule, walk
from activities.planner.critical import critical
from activities.planner.edges import Span
from activities.planner.timeline import Rule, timeline
from activities.rules.occupancy import Occupancy
from plan_schemas.plan import Action, Bound, Limits

NEAR = 1.02  # times the bound: nearer is not worth another try
_LEAST, _MOST = 4, 80  # tries, as many as there are actions
_ACTIONS = 30_000  # that are looked at in all tries together
_FEW = 10  # tries where these would not be as many: of them one is made a plan
_SEVERAL = 20  # tries or fewer go to the rules that do best with many actions, and to walks from the best two
_BEST = 2

Given = Mapping[str, Sequence[str]]  # per action the `freed_by` that a person gave it
Ranks = Mapping[str, float]
Times = Mapping[str, Span]
Begun = tuple[float, int, Rule, Times]  # when it ends, by which order of urgency and rule, and its times

RANKED = (Rule("ranked", "rest"), Rule("ranked", "none"))


def soonest(
    actions: Sequence[Action], given: Given, ledger: Occupancy, limits: Limits
) -> tuple[tuple[Action, ...], Bound]:
    """The actions with their priorities, and how near their forecast comes to the bound.

    They come in an order that is known to work, which is kept if it is near enough to the bound already. In
    exchanges it is not: who goes first then decides how long the others wait for space.
    """
    limit = bounds.makespan(actions, limits, ledger)
    ranks = schedule.priorities(actions, limits)
    chosen: Ranks = ranks
    value = schedule.makespan(actions, limits, ranks)
    enough = NEAR * limit
    if limits.out_per_host > 1 or value > enough:
        # With several slots a long one that starts last decides, more so if it lasts longer than expected.
        longest = lookahead.with_work(actions, {a.id: a.seconds for a in actions}, limits)
        lasts = schedule.makespan(actions, limits, longest)
        if lasts <= max(value, enough):
            chosen, value = longest, lasts
    best = tuple(replace(a, priority=chosen[a.id]) for a in actions)
    if value > enough:
        bare = [replace(a, freed_by=tuple(given.get(a.id, ()))) for a in actions]
        if all(a.freed_by == b.freed_by for a, b in zip(actions, bare, strict=True)):
            found = roomy.sooner(bare, ranks, limits, value, enough)
            if found is not None:
                best, value = tuple(replace(a, priority=found[0][a.id]) for a in bare), found[1]
        else:
            search = _Search(bare, ledger, limits, best, value)
            search.run(ranks, enough)
            best, value = search.best, search.value
    return best, bounds.bound("makespan_seconds", limit, value)


class _Search:
    """Timelines by several rules, then by walks from each; what is kept is the plan that is over soonest."""

    def __init__(
        self,
        bare: Sequence[Action],
        ledger: Occupancy,
        limits: Limits,
        best: tuple[Action, ...],
        value: float,
    ) -> None:
        self.best, self.value = best, value
        self._bare, self._ledger, self._limits = bare, ledger, limits
        self._large = len(bare) * _FEW > _ACTIONS
        self._left = _FEW if self._large else max(_LEAST, min(_MOST, len(bare), _ACTIONS // len(bare)))
        self._several = _ACTIONS // len(bare) <= _SEVERAL

    def run(self, ranks: Ranks, enough: float) -> None:
        """Stops as soon as it is near enough, and in any case after so many tries."""
        kept: Times | None = None
        for at in self._all(ranks):
            if at is not None and (not self._large or _end(at) <= enough):
                self._compare(at)
            elif at is not None and (kept is None or _end(at) < _end(kept)):
                kept = at  # to make a plan of each takes as long as the next try
            self._left -= 1
            if self.value <= enough or self._left <= 0:
                break
        if kept is not None and self.value > enough:
            self._compare(kept)

    def _all(self, ranks: Ranks) -> Iterator[Times | None]:
        """By several rules, for no one is best for all plans; then by walks from each, the best first."""
        ahead = lookahead.urgency(self._bare, self._ledger, self._limits)
        work = lookahead.with_work(self._bare, ahead, self._limits)
        begins: list[Ranks] = [ahead, work, {a.id: a.seconds for a in self._bare}]
        if not self._several:
            begins.append(ranks)
            yield self._times(Rule("left", "rest"), ranks)
        begun: list[Begun] = []
        for rule in RANKED:
            for number, begin in enumerate(begins):
                at = self._times(rule, begin)
                yield at
                if at is not None:
                    begun.append((_end(at), number, rule, at))
        if not self._several or not begun:
            yield self._times(Rule("left", "all"), ranks)
            yield self._times(Rule("ranked", "all"), ranks)
        begun.sort(key=lambda row: row[0])
        steps = walk.STEPS
        if self._several:
            begun = _best(begun)
            steps = max(1, self._left // (_BEST * len(walk.SPREADS)))
        for spread in walk.SPREADS:
            for _, number, rule, first in begun:
                yield from self._walk(rule, begins[number], first, spread, steps)

    def _walk(
        self, rule: Rule, ranks: Ranks, at: Times | None, spread: float, steps: int
    ) -> Iterator[Times | None]:
        """Again and again with that more urgent which held up the end, and all a little more or less so."""
        for step in range(steps):
            held_up = critical(self._bare, at) if at is not None else frozenset()
            ranks = walk.onward(ranks, held_up, step, spread)
            at = self._times(rule, ranks)
            yield at

    def _times(self, rule: Rule, ranks: Ranks) -> Times | None:
        return timeline(self._bare, ranks, self._ledger, self._limits, rule)

    def _compare(self, at: Times) -> None:
        """By the forecasts of the plans that this timeline makes, for their edges leave more open than it."""
        if _end(at) >= self.value:
            return
        found = _linked(self._bare, at, self._ledger)
        for plan in (_by_chains(found), found):
            lasts = schedule.makespan(plan, self._limits)
            if lasts < self.value:
                self.best, self.value = plan, lasts


def _best(begun: Sequence[Begun]) -> list[Begun]:
    """Of those sorted by their end the two best orders of urgency, each by the rule that is better for it."""
    found: dict[int, Begun] = {}
    for row in begun:
        found.setdefault(row[1], row)
    return list(found.values())[:_BEST]


def _end(at: Times) -> float:
    return max(end for _, end in at.values())


def _by_chains(actions: Sequence[Action]) -> tuple[Action, ...]:
    """The more urgent the longer the chain of those that wait for it."""
    lasts: dict[str, float] = {}
    behind: dict[str, float] = {}
    for action in reversed(actions):
        lasts[action.id] = round(action.seconds + behind.get(action.id, 0.0), 3)
        for id in action.waits_for:
            behind[id] = max(behind.get(id, 0.0), lasts[action.id])
    return tuple(replace(a, priority=lasts[a.id]) for a in actions)


def _linked(bare: Sequence[Action], at: Times, ledger: Occupancy) -> tuple[Action, ...]:
    """The actions by their times: with edges to whoever makes room, and the sooner the more urgent."""
    by_id = {a.id: a for a in bare}
    frees = edges.freed_by(ledger, [(id, by_id[id].touches) for id in at], at)
    whole = _end(at)
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
