"""Who goes first, and how long it all takes when every free slot is refilled at once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from heapq import heappop, heappush

from activities.planner.edges import Span
from plan_schemas.plan import Action, Limits, Touches

Slot = tuple[str, str]  # ("out" | "in", host)


def priorities(actions: Sequence[Action], limits: Limits) -> dict[str, float]:
    """Seconds of work that wait behind each action: on its hosts, and with those that wait for it."""
    out, into = _work(actions, limits)
    tails: dict[str, float] = {}
    queues: dict[Slot, list[tuple[float, float, int, str]]] = defaultdict(list)
    for number, action in enumerate(actions):
        touches = action.touches
        if touches.out is not None:
            other = into.get(touches.into or "", 0.0)
            queues[("out", touches.out)].append((other, action.seconds, -number, action.id))
        if touches.into is not None:
            other = out.get(touches.out or "", 0.0)
            queues[("in", touches.into)].append((other, action.seconds, -number, action.id))
    for (way, _), queue in queues.items():
        behind = 0.0
        most = limits.out_per_host if way == "out" else limits.in_per_host
        for _, seconds, _, id in sorted(queue):
            behind += seconds / most
            tails[id] = max(tails.get(id, 0.0), behind)
    unlocked: dict[str, float] = {}
    for action in reversed(actions):
        own = max(tails.get(action.id, action.seconds), action.seconds + unlocked.get(action.id, 0.0))
        tails[action.id] = round(own, 3)
        for id in action.waits_for:
            unlocked[id] = max(unlocked.get(id, 0.0), own)
    return tails


def _work(actions: Sequence[Action], limits: Limits) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of work per host that is left, and per host that is entered, at full use of its slots."""
    out: dict[str, float] = defaultdict(float)
    into: dict[str, float] = defaultdict(float)
    for action in actions:
        if action.touches.out is not None:
            out[action.touches.out] += action.seconds / limits.out_per_host
        if action.touches.into is not None:
            into[action.touches.into] += action.seconds / limits.in_per_host
    return out, into


def makespan(actions: Sequence[Action], limits: Limits, ranks: Mapping[str, float] | None = None) -> float:
    """Seconds until the last action ends, with durations as expected and every free slot refilled at once.

    By the actions' own priorities, or by other ranks.
    """
    by = {a.id: a.priority for a in actions} if ranks is None else ranks
    return _Clockwork(actions, limits, by).run()


def spans(actions: Sequence[Action], limits: Limits, ranks: Mapping[str, float]) -> dict[str, Span]:
    """When each action starts and ends, forecast as the makespan is."""
    clockwork = _Clockwork(actions, limits, ranks)
    clockwork.run()
    return clockwork.at


class _Clockwork:
    """Starts by priority what may start; what finds a slot taken waits at that slot.

    What ends at the same moment has all ended before anything starts: durations expected of a few flavors are
    often the same to the last digit, and which of them comes first in a list means nothing.
    """

    def __init__(self, actions: Sequence[Action], limits: Limits, ranks: Mapping[str, float]) -> None:
        self.limits = limits
        self.actions = list(actions)
        self.ranks = [-ranks[a.id] for a in actions]
        number = {a.id: n for n, a in enumerate(actions)}
        self.after: dict[int, list[int]] = defaultdict(list)
        self.missing = [0] * len(self.actions)
        for n, action in enumerate(actions):
            waits = {number[id] for id in action.waits_for}
            self.missing[n] = len(waits)
            for other in sorted(waits):
                self.after[other].append(n)
        self.slots = [slots(a.touches) for a in actions]
        self.used: Counter[Slot] = Counter()
        self.waiting: dict[Slot, list[tuple[float, int]]] = defaultdict(list)
        self.ready: list[tuple[float, int]] = []
        self.running: list[tuple[float, int]] = []
        self.at: dict[str, Span] = {}

    def run(self) -> float:
        now = 0.0
        for n, missing in enumerate(self.missing):
            if not missing:
                self._push(n)
        self._start(now)
        while self.running:
            now, n = heappop(self.running)
            for slot in self.slots[n]:
                self.used[slot] -= 1
                self._wake(slot)
            for other in self.after[n]:
                self.missing[other] -= 1
                if not self.missing[other]:
                    self._push(other)
            if not self.running or self.running[0][0] > now:
                self._start(now)
        return now

    def _push(self, n: int) -> None:
        heappush(self.ready, (self.ranks[n], n))

    def _wake(self, slot: Slot) -> None:
        """The best that waits at a slot may try again."""
        if self.used[slot] < self._most(slot) and self.waiting[slot]:
            heappush(self.ready, heappop(self.waiting[slot]))

    def _most(self, slot: Slot) -> int:
        return self.limits.out_per_host if slot[0] == "out" else self.limits.in_per_host

    def _start(self, now: float) -> None:
        while self.ready and len(self.running) < self.limits.parallel:
            entry = heappop(self.ready)
            n = entry[1]
            taken = next((s for s in self.slots[n] if self.used[s] >= self._most(s)), None)
            if taken is not None:
                heappush(self.waiting[taken], entry)
                for slot in self.slots[n]:
                    self._wake(slot)
                continue
            for slot in self.slots[n]:
                self.used[slot] += 1
            end = now + self.actions[n].seconds
            self.at[self.actions[n].id] = (now, end)
            heappush(self.running, (end, n))
            for slot in self.slots[n]:
                self._wake(slot)


def slots(touches: Touches) -> tuple[Slot, ...]:
    """What it takes of what each host has only so much of."""
    out: list[Slot] = []
    if touches.out is not None:
        out.append(("out", touches.out))
    if touches.into is not None:
        out.append(("in", touches.into))
    return tuple(out)
