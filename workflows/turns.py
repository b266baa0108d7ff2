"""PURE: whose turn it is within one plan: by priority, and within the plan's own slots on each host."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from plan_schemas.budget import Share
from plan_schemas.plan import Action, Limits


class Turns:
    """Who may start, best first, and what those that started occupy."""

    def __init__(self, actions: Sequence[Action], limits: Limits, shares: Mapping[str, Share]) -> None:
        self._actions: Mapping[str, Action] = {a.id: a for a in actions}
        self._limits = limits
        self._order = {a.id: i for i, a in enumerate(actions)}
        self._ready: list[tuple[float, int, str]] = []
        self._out: Counter[str] = Counter()
        self._into: Counter[str] = Counter()
        self._instances: set[str] = set()
        self._shares: Mapping[str, int] = {n: s.limit for n, s in shares.items() if not s.seconds}
        self._used: Counter[str] = Counter()  # of the shares
        self._reserved: dict[str, str] = {}  # running just-in-time action -> the dependant it runs for

    def __iter__(self) -> Iterator[str]:
        """Who is ready now, best first, whatever becomes of them meanwhile."""
        return (id for _, _, id in list(self._ready))

    def add(self, id: str) -> None:
        insort(self._ready, (-self._actions[id].priority, self._order[id], id))

    def drop(self, id: str) -> None:
        entry = (-self._actions[id].priority, self._order[id], id)
        if entry in self._ready:
            self._ready.remove(entry)

    def clear(self) -> None:
        """Nobody is ready any more."""
        self._ready = []

    # -- slots ------------------------------------------------------------------------------------------

    def fits(self, id: str) -> bool:
        """Whether the plan's limits have a place for it now."""
        limits, touches = self._limits, self._actions[id].touches
        return (
            (touches.out is None or self._out[touches.out] < limits.out_per_host)
            and (touches.into is None or self._into[touches.into] < limits.in_per_host)
            and (touches.instance is None or touches.instance not in self._instances)
            and not self.lacks(id)
        )

    def lacks(self, id: str) -> str:
        """The share of which this plan alone uses so much that there is no place for it now, in words."""
        for name in self._actions[id].shares:
            if name in self._shares and self._used[name] >= self._shares[name]:
                return f"waits for {name}: {self._used[name]} of {self._shares[name]} are moving"
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
        touches = self._actions[id].touches
        for name in self._actions[id].shares:
            self._used[name] += sign
        if touches.out is not None:
            self._out[touches.out] += sign
        if touches.into is not None:
            self._into[touches.into] += sign
        if touches.instance is not None:
            (self._instances.add if sign > 0 else self._instances.discard)(touches.instance)
