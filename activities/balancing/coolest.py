"""Where an instance goes best: of hosts that differ in nothing but their load the coolest that has room."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable

from activities.balancing.floor import Floor

_ROWS = 24  # kinds of hosts: to walk over more of them takes longer than to reckon with all hosts at once
_FEW = 200  # hosts: the same
_STEPS = 60  # hosts without room that are passed by for one instance
_VAIN = 40  # times more in vain than not: where all is full the cool have no room either

Value = Callable[[float, float], float]  # of a level and a capacity: the greater the cooler
Row = list[tuple[float, int]]  # levels with hosts, the coolest first


class Coolest:
    """Follows the loads of a floor, if it has one kind of load: with several none is the coolest for all."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self._rows: list[Row] = []
        self._whole: list[float] = []  # per row: the capacity
        self._at: list[tuple[int, float]] = [(-1, 0.0)] * len(floor.hosts)  # of each host: row, level there
        self._for: dict[int, list[int]] = {}  # by set of wishes: the rows
        self._told, self._vain = len(floor.touched), 0
        self._serves = len(floor.kinds) == 1 and len(floor.hosts) > _FEW and self._sort()

    def _sort(self) -> bool:
        level, whole = self.floor.level[:, 0].tolist(), self.floor.capacity[:, 0].tolist()
        usable = self.floor.usable.tolist()
        for alike in self.floor.alike:
            of: dict[float, Row] = {}
            for host in alike:
                if usable[host]:
                    of.setdefault(whole[host], []).append((level[host], host))
            for size, row in of.items():
                for bears, host in row:
                    self._at[host] = len(self._rows), bears
                self._rows.append(sorted(row))
                self._whole.append(size)
            if len(self._rows) > _ROWS:
                return False
        return True

    def knows(self, i: int) -> bool:
        """Whether it can tell for this instance; else all hosts have to be looked at."""
        if not self._serves or self._vain >= _VAIN:
            return False
        return not (self.floor.instances[i].server_group and self.floor.prefers(i))

    def first(self, i: int, value: Value, above: float, without: int = -1) -> tuple[float, int | None] | None:
        """The value of the best host that takes it, and the host, if it is above; None if too many are full.

        Of equal values the host with the smaller number. The value must fall as the level rises.
        """
        self._follow()
        floor, best, found, steps = self.floor, above, -1, _STEPS
        rows = [(-value(self._rows[n][0][0], self._whole[n]), n) for n in self._allowed(i)]
        for least, n in sorted(rows):  # the best first: then the others are seldom asked
            if -least < best:
                break
            whole = self._whole[n]
            for level, host in self._rows[n]:
                is_worth = value(level, whole)
                if is_worth < best or (is_worth == best and host > found):
                    break
                if host != without and floor.receives(i, host):
                    best, found = is_worth, host
                    break
                steps -= 1
                if not steps:
                    self._vain += 1
                    return None
        self._vain = max(self._vain - 1, 0)
        return best, found if found >= 0 else None

    def _allowed(self, i: int) -> list[int]:
        wishes = self.floor.mask_of.item(i)
        if wishes not in self._for:
            mask = self.floor.masks[wishes]
            self._for[wishes] = [n for n, row in enumerate(self._rows) if mask[row[0][1]]]
        return self._for[wishes]

    def _follow(self) -> None:
        """Put the hosts whose load has changed where they belong now."""
        touched = self.floor.touched
        for host in touched[self._told :]:
            n, before = self._at[host]
            level = self.floor.level.item(host, 0)
            if n >= 0 and level != before:
                row = self._rows[n]
                del row[bisect_left(row, (before, host))]
                insort(row, (level, host))
                self._at[host] = n, level
        self._told = len(touched)
