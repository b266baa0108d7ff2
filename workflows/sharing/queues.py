"""PURE: one counted slot, or one rate: who has it, who waits for it in which order, whom it admits."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Key = tuple[str, int]  # plan, ticket
Order = tuple[int, int]  # priority (negated), arrival
Rate = tuple[int, float]  # at most so many starts in so many seconds


@dataclass(frozen=True, slots=True)
class Wish:
    """What one action of a plan needs before it may start; each slot with the limit that applies to it."""

    plan: str
    ticket: int
    action: str
    slots: Mapping[str, int]
    rates: Mapping[str, Rate] = field(default_factory=dict)
    priority: int = 0  # greater first

    @property
    def key(self) -> Key:
        return self.plan, self.ticket

    @property
    def parts(self) -> Iterator[tuple[str, int, float]]:
        """Name, limit, and for a rate its seconds."""
        for name, limit in self.slots.items():
            yield name, limit, 0.0
        for name, (limit, seconds) in self.rates.items():
            yield name, limit, seconds

    def row(self) -> list[Any]:
        rates = {name: list(rate) for name, rate in self.rates.items()}
        return [self.plan, self.ticket, self.action, dict(self.slots), rates, self.priority]


def wish_of(row: list[Any]) -> Wish:
    plan, ticket, action, slots, rates, priority = row
    return Wish(plan, ticket, action, slots, {n: (r[0], r[1]) for n, r in rates.items()}, priority)


@dataclass(slots=True)
class Queue:
    holders: dict[Key, int] = field(default_factory=dict)  # with the limit that each came with
    starts: deque[float] = field(default_factory=deque)  # of a rate: when
    longest: float = 0.0  # of a rate: how long a start has to be remembered
    most: int = 0  # of a rate: the limit of the last start
    waiting: dict[Key, tuple[Order, int, float]] = field(default_factory=dict)  # order, limit, seconds

    @property
    def empty(self) -> bool:
        return not (self.holders or self.starts or self.waiting)

    def wait(self, key: Key, order: Order, limit: int, seconds: float) -> None:
        last = next(reversed(self.waiting.values()), None)
        self.waiting[key] = (order, limit, seconds)
        self.longest = max(self.longest, seconds)
        if last is not None and last[0] > order:  # somebody more urgent, which is rare
            self.waiting = dict(sorted(self.waiting.items(), key=lambda item: item[1][0]))

    def taken(self, seconds: float, now: float) -> int:
        if not seconds:
            return len(self.holders)
        return sum(now - start < seconds for start in self.starts)

    def limit(self, key: Key) -> int:
        """The most restrictive of those that hold it and of those that wait up to this one."""
        limit = min(self.holders.values(), default=1 << 30)
        for other, (_, own, _) in self.waiting.items():
            limit = min(limit, own)
            if other == key:
                break
        return limit

    def standing(self, now: float) -> dict[str, Any]:
        """For people: how many use it, of how many that may, and how many wait."""
        limits = [*self.holders.values(), *(own for _, own, _ in self.waiting.values())]
        return {
            "used": self.taken(self.longest, now),
            "limit": min(limits, default=self.most),
            "waiting": len(self.waiting),
            **({"within_seconds": self.longest} if self.longest else {}),
        }

    def walk(self, now: float) -> Iterator[tuple[Key, int]]:
        """Those who wait, in order, with how many of those before are too many for each: 0 is admitted. Ends
        with the first one that is not: whoever comes later is not admitted either."""
        limit = min(self.holders.values(), default=1 << 30)
        for before, (key, (_, own, seconds)) in enumerate(self.waiting.items()):
            limit = min(limit, own)
            over = max(0, self.taken(seconds, now) + before + 1 - limit)
            yield key, over
            if over:
                return

    def admitted(self, now: float) -> Iterator[Key]:
        return (key for key, over in self.walk(now) if not over)

    def opens_in(self, now: float) -> float | None:
        """In how many seconds a rate admits the first one that it does not admit now."""
        for key, over in self.walk(now):
            seconds = self.waiting[key][2]
            inside = [start for start in self.starts if now - start < seconds]
            if 0 < over <= len(inside):
                return max(0.0, inside[over - 1] + seconds - now)
        return None

    def forget(self, now: float) -> None:
        """Starts so long ago that no rate counts them any more."""
        while self.starts and now - self.starts[0] >= self.longest:
            self.starts.popleft()
