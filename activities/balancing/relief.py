"""Brings overloaded hosts below a threshold with the fewest moves, each host whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from activities.balancing.coolest import Coolest
from activities.balancing.floor import Floor
from activities.balancing.load import Floats
from activities.balancing.need import TINY, Hot
from activities.balancing.refused import Refused
from activities.packing.board import Ints, Mask

_TRIES = 40  # choices of instances that are looked at for one host with so many moves
_PAIRS = 64  # instances that are asked to make room for one
_CLEARED = 16  # hosts that several instances are asked to leave for one
_LEAVING = 8  # instances of a host, the largest, that are added up
_EXTRA = 3  # rounds, each with one move more per host
_LOOKS = 3_000_000  # hosts looked at for those that must make room, in a cloud of
_AMONG = 1_000  # hosts; in a larger one more have to be relieved, and each of them looks at more


class Relief:
    """One search over a floor of one kind of load; leaves the moves that it found on the floor."""

    def __init__(self, floor: Floor, threshold: float, hot: Sequence[Hot], *, tightly: bool) -> None:
        """`tightly`: where it fits most tightly, else where it is coolest."""
        self.floor, self.threshold = floor, threshold
        self.score = floor.tight if tightly else self._coolest
        self.weight: Floats = floor.capacity[:, 0]
        self.hot = sorted(hot, key=lambda t: (-t.points / max(t.least, 1), t.host))
        self.relieved: dict[int, list[int]] = {}  # hot host -> what moved for it, in order
        self.moved: Mask = np.zeros(len(floor.uuids), dtype=bool)
        self.tries, self.scans = 0, 0
        self.looks = _LOOKS * max(len(floor.hosts), _AMONG) ** 2 // _AMONG**2
        self.cool = None if tightly else Coolest(floor)
        self.refused = Refused(floor)

    def run(self) -> None:
        """Those without extra moves first: what they leave is room for the others."""
        waiting = [t for t in self.hot if t.least]
        for more in range(_EXTRA):
            waiting = [t for t in waiting if not self._relieve(t, t.least + more)]
        for target in self.hot:
            if len(self.relieved.get(target.host, ())) > target.least:
                self._improve(target)

    def moves(self) -> dict[int, tuple[tuple[int, int], ...]]:
        """By host that is relieved: who moves for it and where to, in order."""
        placed = self.floor.placed
        return {host: tuple((i, placed[i]) for i in made) for host, made in self.relieved.items()}

    def _improve(self, target: Hot) -> None:
        """Relieve a host with fewer moves, now that others have left: the room was not there before."""
        made = [(i, self.floor.placed[i]) for i in self.relieved[target.host]]
        undone = []
        for i, host in reversed(made):
            if not self.floor.fits_home(i):
                break
            self._back(i)
            undone.append((i, host))
        if len(undone) == len(made):
            for moves in range(target.least, len(made)):
                if self._relieve(target, moves):
                    return
        for i, host in reversed(undone):
            self._move(i, host)

    def _relieve(self, target: Hot, spend: int) -> bool:
        """Relieve one host with so many moves, of its own instances and of those that make room for them."""
        load = self.floor.loads[0]
        own = [i for i in self.floor.on[target.host] if not self.moved[i] and load[i] > 0]
        own.sort(key=lambda i: (-load[i], i))
        for moves in range(spend, 0, -1):
            self.tries = _TRIES
            made = self._pick(own, moves, target.excess, spend - moves)
            if made is not None:
                self.relieved[target.host] = made
                return True
        return False

    def _pick(self, items: Sequence[int], number: int, rest: float, extra: int) -> list[int] | None:
        """So many of these, moved, that more than `rest` leaves, with what made room; else None."""
        some = list(items)
        for i in self._options(items, number, rest):
            if self.tries <= 0:
                return None
            if len(some) < len(items) and i not in self._options(some, number, rest):
                continue
            self.tries -= 1
            made = self._send(i, extra)
            if made is None:
                some.remove(i)  # no choice can count on it
                continue
            if number == 1:
                return made
            others = [j for j in some if j != i and not self.moved[j]]
            left = extra - len(made) + 1
            found = self._pick(others, number - 1, rest - float(self.floor.load[i, 0]), left)
            if found is not None:
                return made + found
            for j in reversed(made):
                self._back(j)
        return None

    def _options(self, items: Sequence[int], number: int, rest: float) -> list[int]:
        """Those with which so many can be enough: the last one as small as will do, the others large."""
        load = self.floor.loads[0]
        if number == 1:
            return [i for i in reversed(items) if load[i] > rest]
        if len(items) < number:
            return []
        top = [load[i] for i in items[:number]]
        whole, last = sum(top), top[-1]
        first = [i for i, own in zip(items, top) if load[i] + whole - own > rest]
        return first + [i for i in items[number:] if load[i] + whole - last > rest]

    def _send(self, i: int, extra: int) -> list[int] | None:
        """Move it to another host, or make room for it there; what moved, in order."""
        host = self._place(i)
        if host is not None:
            self._move(i, host)
            return [i]
        if extra == 0:
            return [i] if self._shift(i) else None
        return self._eject(i) if extra == 1 else self._clear(i, extra)

    def _place(self, i: int, without: int = -1) -> int | None:
        """The best host, but for one, that takes it and stays below the threshold with it."""
        left = self.refused.only(i)
        if left is not None:
            return next((h for h in left if h >= 0 and h != without and self._takes(i, h)), None)
        host = self._best(i, without)
        if host is None:
            self.refused.add(i, without)
        return host

    def _best(self, i: int, without: int) -> int | None:
        if self.cool is not None and self.cool.knows(i):
            load = self.floor.loads[0][i]
            most = self.threshold - TINY
            known = self.cool.first(i, lambda level, whole: -(level + load / whole), -most, without)
            if known is not None:
                return known[1]
        self.scans += 1
        cool = self._cool(i)
        if without >= 0:
            cool[without] = False
        return next(self.floor.ranked(i, cool, self.score), None)

    def _move(self, i: int, host: int) -> None:
        self.floor.move(i, host)
        self.moved[i] = True

    def _back(self, i: int) -> None:
        self.floor.back(i)
        self.moved[i] = False

    def _cool(self, i: int) -> Mask:
        """The hosts that stay below the threshold with it."""
        after = self.floor.level[:, 0] + self.floor.load[i, 0] / self.weight
        mask: Mask = after < self.threshold - TINY
        return mask

    def _coolest(self, i: int, hosts: Ints) -> Floats:
        score: Floats = -(self.floor.level[hosts, 0] + self.floor.load[i, 0] / self.weight[hosts])
        return score

    def _takes(self, i: int, host: int) -> bool:
        floor = self.floor
        after = floor.level[host, 0] + floor.load[i, 0] / self.weight[host]
        return bool(after < self.threshold - TINY) and floor.takes(i, host)

    def _shift(self, i: int) -> bool:
        """Move it to where an instance was sent before that can go on to another host: no move more."""
        placed = np.flatnonzero(self.floor.at >= 0)
        for j, host in self._pairs(i, placed, self.floor.at[placed]):
            if not self.floor.fits_home(j) or self._place(j, without=host) is None:
                continue
            self.floor.back(j)
            if self._takes(i, host):
                self.floor.move(i, host)
                other = self._place(j)
                if other is not None:
                    self.floor.move(j, other)
                    self.moved[i] = True
                    return True
                self.floor.back(i)
            self.floor.move(j, host)
        return False

    def _eject(self, i: int) -> list[int] | None:
        """Move it to a host from which another instance moves away first."""
        still = np.flatnonzero(self._reach(i)[self.floor.home] & ~self.moved)
        for j, host in self._pairs(i, still, self.floor.home[still]):
            if self.floor.may_go(j) and (made := self._swap(i, [j], host)) is not None:
                return made
        return None

    def _clear(self, i: int, extra: int) -> list[int] | None:
        """Move it to a host from which up to so many instances move away first: where the fewest do."""
        if self.looks < 0:
            return None
        floor, before = self.floor, self.scans - 1
        above = (floor.level[:, 0] - self.threshold) * self.weight + floor.load[i, 0]
        reach = np.flatnonzero(self._reach(i) & (self.largest[:, min(extra, _LEAVING) - 1] > above))
        number = (self.largest[reach] <= above[reach, None]).sum(axis=1)
        for host in reach[np.lexsort((above[reach], number))[:_CLEARED]].tolist():
            leaving: list[int] = []
            rest = float(above[host])
            for j in sorted(floor.on[host], key=lambda j: (-floor.load[j, 0], j)):
                if rest >= 0 and len(leaving) < extra and not self.moved[j] and floor.may_go(j):
                    leaving.append(j)
                    rest -= float(floor.load[j, 0])
            if rest < 0 and (made := self._swap(i, leaving, host)) is not None:
                return made
        self.looks -= (self.scans - before) * len(floor.hosts)
        return None

    @cached_property
    def largest(self) -> Floats:
        """Of each host what the largest on the floor bears, the two largest together, and so on."""
        home, load = self.floor.home, self.floor.load[:, 0]
        order = np.lexsort((-load, home))
        rank = np.arange(len(order)) - np.searchsorted(home[order], home[order])
        found: Floats = np.zeros((len(self.floor.hosts), _LEAVING))
        few = rank < _LEAVING
        found[home[order[few]], rank[few]] = load[order[few]]
        return np.cumsum(found, axis=1, out=found)

    def _swap(self, i: int, leaving: Sequence[int], host: int) -> list[int] | None:
        """Let these go anywhere and it come; what moved, in order; nothing has when that is not possible."""
        made: list[int] = []
        for j in leaving:
            other = self._place(j)
            if other is None:
                break
            self._move(j, other)
            made.append(j)
        if len(made) == len(leaving) and self._takes(i, host):
            self._move(i, host)
            return [*made, i]
        for j in reversed(made):
            self._back(j)
        return None

    def _reach(self, i: int) -> Mask:
        floor = self.floor
        reach: Mask = floor.masks[floor.mask_of[i]] & floor.usable & (floor.level[:, 0] < self.threshold)
        reach[floor.home[i]] = False
        return reach

    def _pairs(self, i: int, guests: Ints, at: Ints) -> Iterator[tuple[int, int]]:
        """Guests whose departure alone makes the room and the quiet that it lacks, the smallest first."""
        if self.looks < 0:
            return
        floor = self.floor
        above = (floor.level[:, 0] - self.threshold) * self.weight + floor.load[i, 0]
        helps = np.flatnonzero(self._reach(i)[at] & (floor.load[guests, 0] > above[at]))
        some, where = guests[helps], at[helps]
        enough = (floor.need[some] >= floor.need[i] - floor.free[where]).all(axis=1)
        some, where = some[enough], where[enough]
        self.looks -= len(floor.hosts)
        order = np.lexsort((some, floor.need[some] @ floor.weight))[:_PAIRS]
        for n in order:
            if self.looks < 0:
                return
            before = self.scans
            yield int(some[n]), int(where[n])
            self.looks -= 1 + (self.scans - before) * len(floor.hosts)
