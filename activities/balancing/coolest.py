"""The coolest hosts of each size for each set of wishes: one of them is nearly always the best for an instance.

Of hosts of one size the coolest is the best for any instance, so that the coolest of those that are left out
tells how good all of those can be at most.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from activities.balancing.floor import Floor
from activities.balancing.load import Floats
from activities.packing.board import Ints, Mask

_EACH = 48  # hosts of a size that are kept at hand
_SIZES = 8  # with more of them a few of each are too many together
_FEW = 500  # hosts: all are looked at as quickly
_STALE = 32  # moves after which a few are chosen anew if they do not do
_VAIN = 40  # times more often in vain than not: full clouds have no room where they are cool


@dataclass(slots=True)
class Few:
    """Hosts in their order, and of each size what the others bear at least."""

    inside: Mask
    least: list[float]  # per size; infinite where there are no others
    moves: int  # that there were when they were chosen
    others: list[tuple[Floats, Floats]]  # the coolest that one can be, and its size
    hosts: Ints = field(init=False)
    capacity: Floats = field(init=False)

    def update(self, capacity: Floats) -> None:
        self.hosts = np.flatnonzero(self.inside)
        self.capacity = capacity[self.hosts]


class Coolest:
    """Follows the loads of a floor with one kind of load; `changed` must be told of each host that differs."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        sizes, size = np.unique(floor.capacity[:, 0], return_inverse=True)
        self.sizes: list[float] = sizes.tolist()
        self._size: Ints = size.ravel()
        self._few: dict[int, Few] = {}  # by set of wishes
        self._vain = 0
        self._moves = 0
        self._serves = len(floor.kinds) == 1 and len(sizes) <= _SIZES and len(floor.hosts) > _FEW

    def of(self, wishes: int) -> Few | None:
        """None where it is no help: with several kinds of load no host is the coolest for all."""
        if not self._serves or self._vain > _VAIN:
            return None
        found = self._few.get(wishes)
        if found is None:
            found = self._few[wishes] = self._chosen(wishes)
        return found

    def others(self, wishes: int) -> Few | None:
        """Those that are the coolest now, when the few would not do; None when they are the same."""
        self._vain += 1
        if self._moves - self._few[wishes].moves < _STALE:
            return None
        found = self._few[wishes] = self._chosen(wishes)
        return found

    def served(self) -> None:
        self._vain = max(self._vain - 1, 0)

    def changed(self, *hosts: int) -> None:
        """Take in what has become cooler than those that were left out."""
        self._moves += 1
        floor = self.floor
        for host in hosts:
            level, size = float(floor.level[host, 0]), int(self._size[host])
            for wishes, few in self._few.items():
                if level >= few.least[size] or few.inside[host]:
                    continue
                if floor.usable[host] and floor.masks[wishes, host]:
                    few.inside[host] = True
                    few.update(floor.capacity)

    def _chosen(self, wishes: int) -> Few:
        floor, least = self.floor, []
        allowed = floor.masks[wishes] & floor.usable
        inside = np.zeros(len(floor.hosts), dtype=bool)
        for size in range(len(self.sizes)):
            own = np.flatnonzero(allowed & (self._size == size))
            if len(own) <= _EACH:
                inside[own] = True
                least.append(np.inf)
                continue
            level = floor.level[own, 0]
            order = np.argpartition(level, _EACH)
            inside[own[order[:_EACH]]] = True
            least.append(float(level[order[_EACH]]))
        others = [
            (np.array([load]), np.array([size])) for load, size in zip(least, self.sizes) if load < np.inf
        ]
        few = Few(inside, least, self._moves, others)
        few.update(floor.capacity)
        return few
