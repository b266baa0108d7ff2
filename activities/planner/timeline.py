"""When each step could start if all lasted as long as expected: event-driven list scheduling on the model.

Whenever a step ends, those that wait are started, the most urgent first, whose slots and whose space are free
now. No one rule of urgency is best for all plans, so there are several to try.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Literal

from activities.planner import edges
from activities.planner.edges import Span, Thing
from activities.planner.schedule import Slot, slots
from activities.rules.occupancy import Occupancy
from plan_schemas.plan import Action, Limits

Entry = tuple[float, int, str]  # how urgent, its place in the plan, id: most urgent first


@dataclass(frozen=True, slots=True)
class Rule:
    """Who is most urgent, and what others may take of the space for which somebody more urgent waits."""

    # Who was ranked highest before the start, or whose hosts have most work left now.
    urgent: Literal["ranked", "left"]
    # All that there is; what is left over once those have left that do so already; or nothing.
    others: Literal["all", "rest", "none"]


def timeline(
    actions: Sequence[Action],
    ranks: Mapping[str, float],
    ledger: Occupancy,
    limits: Limits,
    rule: Rule,
) -> dict[str, Span] | None:
    """The times of all actions by their start; None when they come to wait for each other's space for ever.

    They come without the edges that make room: here the space itself is looked at.
    """
    clock = _Clock(actions, ranks, ledger, limits, rule)
    clock.run()
    return clock.at if len(clock.at) == len(actions) else None


class _Clock:
    def __init__(
        self,
        actions: Sequence[Action],
        ranks: Mapping[str, float],
        ledger: Occupancy,
        limits: Limits,
        rule: Rule,
    ) -> None:
        self.actions = {a.id: a for a in actions}
        self.ranks, self.limits, self.rule = ranks, limits, rule
        self.space = _Space(ledger)
        self.at: dict[str, Span] = {}
        self.now = 0.0
        self._place = {a.id: n for n, a in enumerate(actions)}
        self._slots = {a.id: slots(a.touches) for a in actions}
        self._work: dict[Slot, float] = defaultdict(float)  # seconds of what has not begun, at full use
        self._used: dict[Slot, int] = defaultdict(int)
        for action in actions:
            self._count(action, +1)
        self._missing: dict[str, int] = {}
        self._after: dict[str, list[str]] = defaultdict(list)
        for action in actions:
            self._missing[action.id] = len(action.waits_for)
            for other in action.waits_for:
                self._after[other].append(action.id)
        self._running: list[Entry] = []
        self._at_slot: dict[Slot, list[Entry]] = defaultdict(list)
        self._at_host: dict[str | None, dict[str, None]] = defaultdict(dict)  # who waits for space there
        # And who has done so and not begun since: there may be space now and no slot on the host it leaves.
        self._claims: dict[str | None, dict[str, None]] = defaultdict(dict)
        self._leaving: dict[str | None, dict[str, float]] = defaultdict(dict)  # who does so now, until when
        self._ready = [self._entry(id) for id, missing in self._missing.items() if not missing]
        heapify(self._ready)

    def _count(self, action: Action, sign: int) -> None:
        for slot in self._slots[action.id]:
            self._work[slot] += sign * action.seconds / self._most(slot)

    def _most(self, slot: Slot) -> int:
        return self.limits.out_per_host if slot[0] == "out" else self.limits.in_per_host

    def _entry(self, id: str) -> Entry:
        if self.rule.urgent == "ranked":
            return (-self.ranks[id], self._place[id], id)
        left = max((self._work[slot] for slot in self._slots[id]), default=0.0)
        waiting = self._at_host.get(self.actions[id].touches.out)
        unlocks = max((self.actions[w].seconds for w in waiting), default=0.0) if waiting else 0.0
        return (-left - unlocks, self._place[id], id)

    def run(self) -> None:
        self._start()
        while self._running:
            self.now, _, id = heappop(self._running)
            self._end(id)
            if not self._running or self._running[0][0] > self.now:
                self._start()

    def _end(self, id: str) -> None:
        action = self.actions[id]
        self.space.leave(action)
        del self._leaving[action.touches.out][id]
        for waiter in self._at_host.pop(action.touches.out, ()):
            heappush(self._ready, self._entry(waiter))
        for slot in self._slots[id]:
            self._used[slot] -= 1
            self._wake(slot)
        for other in self._after[id]:
            self._missing[other] -= 1
            if not self._missing[other]:
                heappush(self._ready, self._entry(other))

    def _wake(self, slot: Slot) -> None:
        """The best that waits at a slot may try again."""
        queue = self._at_slot[slot]
        if queue and self._used[slot] < self._most(slot):
            heappush(self._ready, self._entry(heappop(queue)[2]))

    def _start(self) -> None:
        while self._ready and len(self._running) < self.limits.parallel:
            stale = heappop(self._ready)
            action = self.actions[stale[2]]
            entry = self._entry(action.id)
            if self._ready and entry > stale and entry > self._ready[0]:
                heappush(self._ready, entry)  # there is less work left than when it came here
                continue
            full = next((s for s in self._slots[action.id] if self._used[s] >= self._most(s)), None)
            if full is not None:
                heappush(self._at_slot[full], entry)
            elif self._may_enter(action, entry):
                self._begin(action)
            else:
                self._at_host[action.touches.into][action.id] = None
                self._claims[action.touches.into][action.id] = None
            for slot in self._slots[action.id]:
                if slot != full:
                    self._wake(slot)

    def _may_enter(self, action: Action, entry: Entry) -> bool:
        if not self.space.fits(action):
            return False
        claims = self._claims.get(action.touches.into)
        if not claims or self.rule.others == "all" or not self._running:
            return True
        before = [self.actions[o] for o in claims if o != action.id and self._entry(o) < entry]
        if not before:
            return True
        leaving = self._leaving[action.touches.into] if self.rule.others == "rest" else {}
        going = sorted(leaving, key=leaving.__getitem__)
        return self.space.spares(action, before, [self.actions[id] for id in going])

    def _begin(self, action: Action) -> None:
        for slot in self._slots[action.id]:
            self._used[slot] += 1
        self._claims[action.touches.into].pop(action.id, None)
        self.space.enter(action)
        self._count(action, -1)
        end = self.now + action.seconds
        self._leaving[action.touches.out][action.id] = end
        self.at[action.id] = (self.now, end)
        heappush(self._running, (end, self._place[action.id], action.id))


class _Space:
    """What is left on each host of whatever runs out, reckoned as the edges of a plan are."""

    def __init__(self, ledger: Occupancy) -> None:
        self._ledger = ledger
        self._free: dict[tuple[str, Thing], int] = {}
        self._takes: dict[tuple[str, str], Mapping[Thing, int]] = {}

    def fits(self, action: Action) -> bool:
        uuid, host = action.touches.instance, action.touches.into
        if uuid is None or host is None:
            return True
        return all(self._left(host, thing) >= amount for thing, amount in self._wants(host, uuid).items())

    def spares(self, action: Action, before: Sequence[Action], leaving: Sequence[Action]) -> bool:
        """Whether others that are to enter the same host can do so no later for it, if those make room for
        them that leave, the first first."""
        uuid, host = action.touches.instance, action.touches.into
        if uuid is None or host is None:
            return True
        others = [self._wants(host, other.touches.instance or "") for other in before]
        gone = [self._wants(host, other.touches.instance or "") for other in leaving]
        for thing, amount in self._wants(host, uuid).items():
            missing = sum(o.get(thing, 0) for o in others) - self._left(host, thing)
            for one in gone:
                if missing <= 0:
                    break
                missing -= one.get(thing, 0)
            if missing + amount > 0:
                return False
        return True

    def enter(self, action: Action) -> None:
        self._book(action.touches.instance, action.touches.into, -1)

    def leave(self, action: Action) -> None:
        self._book(action.touches.instance, action.touches.out, +1)

    def _book(self, uuid: str | None, host: str | None, sign: int) -> None:
        if uuid is not None and host is not None:
            for thing, amount in self._wants(host, uuid).items():
                self._free[(host, thing)] = self._left(host, thing) + sign * amount

    def _wants(self, host: str, uuid: str) -> Mapping[Thing, int]:
        found = self._takes.get((host, uuid))
        if found is None:
            found = self._takes[(host, uuid)] = edges.wants(self._ledger, host, uuid)
        return found

    def _left(self, host: str, thing: Thing) -> int:
        found = self._free.get((host, thing))
        if found is None:
            found = self._free[(host, thing)] = edges.free(self._ledger, host, thing)
        return found
