"""PURE: whose turn it is within one plan: by priority, and within the plan's own slots on each host."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import heappop, heappush

from plan_schemas.budget import Share
from plan_schemas.plan import Action, Limits

Slot = tuple[str, str]  # what there is only so much of: out of a host, into a host, a share
Entry = tuple[float, int, str]  # an action by its priority and its place in the plan: best first


class Turns:
    """Who may start, best first, and what those that started occupy.

    Ready actions that need the same slots form a group. A group that finds one of its slots full is shut
    until that slot is freed: an event costs what it changed, however many are ready.
    """

    def __init__(self, actions: Sequence[Action], limits: Limits, shares: Mapping[str, Share]) -> None:
        self._actions: Mapping[str, Action] = {a.id: a for a in actions}
        self._entries: Mapping[str, Entry] = {a.id: (-a.priority, i, a.id) for i, a in enumerate(actions)}
        self._shares: Mapping[str, int] = {n: s.limit for n, s in shares.items() if not s.seconds}
        self._limits = limits
        self._slots: Mapping[str, tuple[Slot, ...]] = {a.id: tuple(self._slots_of(a)) for a in actions}
        self._used: Counter[Slot] = Counter()
        self._instances: set[str] = set()
        self._reserved: dict[str, str] = {}  # running just-in-time action -> the dependant it runs for
        self.clear()

    def add(self, id: str) -> None:
        slots = self._slots[id]
        insort(self._groups.setdefault(slots, []), self._entries[id])
        self._offer(slots)

    def drop(self, id: str) -> None:
        slots, entry = self._slots[id], self._entries[id]
        group = self._groups.get(slots, [])
        at = bisect_left(group, entry)
        if group[at : at + 1] == [entry]:
            del group[at]
            self._offer(slots)

    def clear(self) -> None:
        """Nobody is ready any more."""
        self._groups: dict[tuple[Slot, ...], list[Entry]] = {}
        self._next: list[Entry] = []  # a heap with at least the best of each group that is not shut
        self._offered: set[Entry] = set()  # the same, to have each once
        self._shut: set[tuple[Slot, ...]] = set()
        self._behind: dict[Slot, list[tuple[Slot, ...]]] = {}  # a full slot -> the groups shut for it

    def choose(self, most: int, may_start: Callable[[str], bool], begin: Callable[[str], None]) -> list[str]:
        """Begin at most so many of those that are ready and may start, best first; answers which."""
        chosen: list[str] = []
        passed: Counter[tuple[Slot, ...]] = (
            Counter()
        )  # how many of a group may not start, though there are slots
        while self._next and len(chosen) < most:
            entry = heappop(self._next)
            self._offered.remove(entry)
            id = entry[-1]
            slots = self._slots[id]
            group = self._groups.get(slots, [])
            if slots in self._shut or group[passed[slots] : passed[slots] + 1] != [entry]:
                continue  # it is not ready any more, or had its turn
            if full := self._full(slots):
                self._shut.add(slots)
                self._behind.setdefault(full, []).append(slots)
                continue
            if may_start(id):
                begin(id)
                chosen.append(id)
            else:
                passed[slots] += 1
            self._offer(slots, passed[slots])
        for slots in passed:
            self._offer(slots)
        return chosen

    def _offer(self, slots: tuple[Slot, ...], at: int = 0) -> None:
        """The best of a group, but for so many, is among those to look at next."""
        group = self._groups.get(slots, [])
        if at < len(group) and slots not in self._shut and group[at] not in self._offered:
            self._offered.add(group[at])
            heappush(self._next, group[at])

    # -- slots ------------------------------------------------------------------------------------------

    def _slots_of(self, action: Action) -> Iterator[Slot]:
        if action.touches.out is not None:
            yield "out", action.touches.out
        if action.touches.into is not None:
            yield "into", action.touches.into
        for name in action.shares:
            if name in self._shares:
                yield "share", name

    def _most(self, slot: Slot) -> int:
        kind, name = slot
        if kind == "share":
            return self._shares[name]
        return self._limits.out_per_host if kind == "out" else self._limits.in_per_host

    def _full(self, slots: tuple[Slot, ...]) -> Slot | None:
        """The first of these in which there is no place now."""
        return next((slot for slot in slots if self._used[slot] >= self._most(slot)), None)

    def fits(self, id: str) -> bool:
        """Whether the plan's limits have a place for it now."""
        return self._actions[id].touches.instance not in self._instances and not self._full(self._slots[id])

    def lacks(self, id: str) -> str:
        """The share of which this plan alone uses so much that there is no place for it now, in words."""
        for slot in self._slots[id]:
            if slot[0] == "share" and self._used[slot] >= self._most(slot):
                return f"waits for {slot[1]}: {self._used[slot]} of {self._most(slot)} are moving"
        return ""

    def reserve(self, id: str, dependant: str) -> None:
        """It is about to start for this one's sake, whose place it takes too."""
        self._reserved[id] = dependant

    def take(self, id: str) -> None:
        """It starts: what it occupies is taken."""
        self.drop(id)
        self._occupy(id, +1)
        if id in self._reserved:
            self._occupy(self._reserved[id], +1)

    def free(self, id: str) -> None:
        """It ended, or does not start after all."""
        self._occupy(id, -1)
        if id in self._reserved:
            self._occupy(self._reserved.pop(id), -1)

    def ahead(self, id: str) -> Action | None:
        """Whom a just-in-time action that starts now prepares the way for."""
        return self._actions[self._reserved[id]] if id in self._reserved else None

    def _occupy(self, id: str, sign: int) -> None:
        for slot in self._slots[id]:
            self._used[slot] += sign
        if (instance := self._actions[id].touches.instance) is not None:
            (self._instances.add if sign > 0 else self._instances.discard)(instance)
        if sign < 0:
            for slot in self._slots[id]:
                for slots in self._behind.pop(slot, ()):
                    self._shut.remove(slots)
                    self._offer(slots)
