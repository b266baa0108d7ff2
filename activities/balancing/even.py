"""Evens out load: the move that lowers the deviation most comes first, an exchange where there is no room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

import numpy as np

from activities.balancing.choose import Step
from activities.balancing.floor import Floor
from activities.balancing.load import Floats
from activities.packing.board import Ints, Mask

_FRESH = 0.97  # of the deviations: below it the moves that wait are valued anew
_PAIRS = 24  # instances that are asked to make room for one
_LOOK = 40  # instances for which room is sought before it is believed that there is none
_TINY = 1e-12


@dataclass(frozen=True)
class Aim:
    """When to stop, and what a move must be worth."""

    weights: Floats  # per kind of load
    targets: Floats  # per kind: the deviation that is good enough
    most: int  # moves
    margin: float = 0.0  # points by which a move must bring two hosts nearer to each other


class Evening:
    """One search over a floor; leaves the moves that it found on the floor."""

    def __init__(self, floor: Floor, aim: Aim) -> None:
        self.floor, self.aim = floor, aim
        self.among = np.flatnonzero(floor.usable)
        whole = floor.capacity[self.among]
        self.mean: Floats = (floor.level[self.among] * whole).sum(axis=0) / np.maximum(
            whole.sum(axis=0), _TINY
        )
        self.steps: list[Step] = []
        self.small: dict[int, int] = {}  # by instance: the host of its best move, which is below the margin
        self.moved: Mask = np.zeros(len(floor.uuids), dtype=bool)
        self.slope = self._slope()

    def deviations(self) -> Floats:
        """Per kind the root of the mean square distance of the hosts from the load of all together."""
        away = self.floor.level[self.among] - self.mean
        found: Floats = np.sqrt((away * away).sum(axis=0) / max(len(self.among), 1))
        return found

    def _slope(self) -> Floats:
        """How much the weighted deviation falls with each sum of squares, near where it is now."""
        found: Floats = self.aim.weights / (
            2 * max(len(self.among), 1) * np.maximum(self.deviations(), _TINY)
        )
        return found

    def run(self) -> None:
        while not self._done() and self._round():
            pass
        if not self._done():
            self._exchange()

    def _left(self) -> int:
        return self.aim.most - len(self.floor.placed)

    def _done(self) -> bool:
        return self._left() <= 0 or bool((self.deviations() <= self.aim.targets).all())

    def _round(self) -> bool:
        """Moves, the best first, until the deviations are others; whether there may be more."""
        self.slope = self._slope()
        before = self.deviations()
        heap = self._heap()
        number = 0
        while heap:
            _, i = heappop(heap)
            if self.moved[i]:
                continue
            gain, host = self._best(i)
            if host is None:
                continue
            if heap and gain < -heap[0][0] - _TINY:
                heappush(heap, (-gain, i))
                continue
            if not self._worth(i, host):
                continue
            self._take([(i, host)], gain)
            number += 1
            if self._done():
                return False
            if number % 16 == 0 and (self.deviations() < _FRESH * before).any():
                return True
        return False

    def _heap(self) -> list[tuple[float, int]]:
        """Every instance that could move, with more than the best that its move can bring."""
        floor = self.floor
        away = floor.level - self.mean
        home = floor.home
        part = floor.load / floor.capacity[home]
        brings = (self.slope * part * (2 * away[home] - part)).sum(axis=1)
        sizes, kind = np.unique(floor.capacity[self.among], axis=0, return_inverse=True)
        best = np.full(len(brings), -np.inf)
        for n, size in enumerate(sizes):
            lowest = away[self.among[kind.ravel() == n]].min(axis=0)
            part = floor.load / size
            best = np.maximum(best, -(self.slope * part * (2 * lowest + part)).sum(axis=1))
        value = brings + best
        some = np.flatnonzero(~self.moved & (value > _TINY))
        heap = list(zip((-value[some]).tolist(), some.tolist()))
        heapify(heap)
        return heap

    def _brings(self, i: int) -> tuple[float, Floats]:
        """What its leaving brings, and what its coming to each host does."""
        floor = self.floor
        home = floor.home[i]
        part = floor.load[i] / floor.capacity[home]
        leaving = float((self.slope * part * (2 * (floor.level[home] - self.mean) - part)).sum())
        parts = floor.load[i] / floor.capacity
        coming: Floats = -((self.slope * parts) * (2 * (floor.level - self.mean) + parts)).sum(axis=1)
        return leaving, coming

    def _best(self, i: int) -> tuple[float, int | None]:
        """The best host for it now, and by how much the weighted deviation falls."""
        leaving, coming = self._brings(i)
        where = coming > _TINY - leaving
        host = next(self.floor.ranked(i, where, lambda _, hosts: coming[hosts]), None)
        return (leaving + float(coming[host]), host) if host is not None else (0.0, None)

    def nearer(self, i: int, host: int) -> float:
        """By how many points the two hosts of a move come nearer to each other, weighted."""
        floor, home = self.floor, self.floor.home[i]
        between = floor.level[home] - floor.level[host]
        after = between - floor.load[i] / floor.capacity[home] - floor.load[i] / floor.capacity[host]
        return 100.0 * float((self.aim.weights * (abs(between) - abs(after))).sum() / self.aim.weights.sum())

    def _worth(self, i: int, host: int) -> bool:
        if self.nearer(i, host) >= self.aim.margin:
            return True
        self.small[i] = host
        return False

    def _take(self, moves: Sequence[tuple[int, int]], gain: float) -> None:
        points = self.nearer(*moves[-1]) / len(moves)
        for i, host in moves:
            self.floor.move(i, host)
            self.moved[i] = True
        home = int(self.floor.home[moves[-1][0]])
        self.steps.append(Step(tuple(moves), gain / len(moves), points, home))

    def _exchange(self) -> None:
        """Pairs of moves: something small leaves the room that something heavy needs."""
        barren = 0
        heap = self._heap()
        while heap and barren < _LOOK and self._left() >= 2:
            _, i = heappop(heap)
            if self.moved[i]:
                continue
            found = self._makes_room(i)
            if found is None:
                barren += 1
                continue
            barren = 0
            self._take(*found)
            if self._done():
                return

    def _makes_room(self, i: int) -> tuple[list[tuple[int, int]], float] | None:
        """The best pair of moves in which another instance leaves so that this one can come."""
        floor = self.floor
        leaving, coming = self._brings(i)
        best: tuple[list[tuple[int, int]], float] | None = None
        for j, host in self._pairs(i, coming, leaving):
            gain, other = self._best_even_if_worse(j, host)
            if other is None:
                continue
            floor.move(j, other)
            left, come = self._brings(i)
            whole = gain + left + float(come[host])
            room = bool(floor.fits(i)[host]) and not floor.against(i, host)
            if room and whole > (best[1] if best else 0.0) and self.nearer(i, host) / 2 >= self.aim.margin:
                best = [(j, other), (i, host)], whole
            floor.back(j)
        return best

    def _best_even_if_worse(self, j: int, host: int) -> tuple[float, int | None]:
        leaving, coming = self._brings(j)
        where = self.floor.usable.copy()
        where[host] = False
        other = next(self.floor.ranked(j, where, lambda _, hosts: coming[hosts]), None)
        return (leaving + float(coming[other]), other) if other is not None else (0.0, None)

    def _pairs(self, i: int, coming: Floats, leaving: float) -> list[tuple[int, int]]:
        """Instances whose departure alone makes the room, on the hosts where it would bring most."""
        floor = self.floor
        reach = floor.masks[floor.mask_of[i]] & floor.usable & (coming > _TINY - leaving)
        reach[floor.home[i]] = False
        short = np.maximum(floor.need[i] - floor.free, 0)
        others: Ints = np.flatnonzero(~self.moved)
        at = floor.home[others]
        helps = reach[at] & (floor.need[others] >= short[at]).all(axis=1)
        some, where = others[helps], at[helps]
        parts = floor.load[some] / floor.capacity[where]
        worth = coming[where] - (self.slope * parts * parts).sum(axis=1)
        order = np.argsort(-worth, kind="stable")[:_PAIRS]
        return list(zip(some[order].tolist(), where[order].tolist()))
