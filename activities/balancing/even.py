"""Evens out load: the move that lowers the deviation most comes first, an exchange where there is no room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from activities.balancing import load
from activities.balancing.candidates import best_case
from activities.balancing.choose import Step
from activities.balancing.coolest import Coolest
from activities.balancing.floor import Floor
from activities.balancing.load import Floats
from activities.balancing.waiting import Waiting
from activities.packing.board import Ints, Mask

_FRESH = 0.97  # of the deviations: below it the moves that wait are valued anew
_PAIRS = 8  # instances that are asked to make room for one
_LOOK = 40  # instances for which room is sought before it is believed that there is none
_MOST = 64  # of those that could make room, that are put in order first
_TINY = 1e-12

Found = tuple[list[tuple[int, int]], float]  # moves in order, and by how much the weighted deviation falls


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
        self.mean: Floats = load.mean(floor.level[self.among], floor.capacity[self.among])
        self.steps: list[Step] = []
        self.small: dict[int, int] = {}  # by instance: the host of its best move, which is below the margin
        self.moved: Mask = np.zeros(len(floor.uuids), dtype=bool)
        self.barren = 0  # instances in a row for which nothing could make room
        away = floor.level[self.among] - self.mean
        self.low = np.quantile(away, 0.1, axis=0) if len(away) else np.zeros(len(floor.kinds))
        self.slope = self._slope()
        self.slopes: list[float] = self.slope.tolist()
        self.cool = Coolest(floor)

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

    def _left(self) -> int:
        return self.aim.most - len(self.floor.placed)

    def _done(self) -> bool:
        return self._left() <= 0 or bool((self.deviations() <= self.aim.targets).all())

    def _round(self) -> bool:
        """Moves, the best first, until the deviations are others; whether there may be more."""
        self.slope = self._slope()
        self.slopes = self.slope.tolist()
        before = self.deviations()
        waiting = self._waiting()
        number = 0
        while waiting:
            value, i, makes_room = waiting.pop()
            if self.moved[i] or not self.floor.may_go(i):
                continue
            found = self._makes_room(i) if makes_room else self._goes(i)
            gain = found[1] / len(found[0]) if found else 0.0
            if not makes_room and gain < -value / 2 - _TINY and self.barren < _LOOK:
                waiting.push((value / 2, i, True))  # two moves for what is more than twice as good
            if found is None:
                continue
            if waiting and gain < -waiting.first()[0] - _TINY:
                waiting.push((-gain, i, makes_room))
                continue
            if not self._worth(*found[0][-1], len(found[0])):
                continue
            self._take(*found)
            number += 1
            if self._done():
                return False
            if number % 16 == 0 and (self.deviations() < _FRESH * before).any():
                return True
        return False

    def _goes(self, i: int) -> Found | None:
        gain, host = self._best(i)
        return ([(i, host)], gain) if host is not None else None

    def _waiting(self) -> Waiting:
        """Every instance that could move, with more than the best that its move can bring."""
        floor = self.floor
        here = np.full(len(floor.hosts), -1)
        here[self.among] = np.arange(len(self.among))
        away, whole = floor.level[self.among] - self.mean, floor.capacity[self.among]
        value = best_case(floor.load, here[floor.home], away, whole, self.slope)
        some = np.flatnonzero(~self.moved & (value > _TINY))
        return Waiting(-value[some], some)

    def _leaving(self, i: int, more: float | Floats = 0.0) -> float:
        """What its leaving brings; `more`: load that its home takes before."""
        floor, home, brings = self.floor, self.floor.home[i], 0.0
        away, whole = floor.level[home] + more - self.mean, floor.capacity[home]
        each = zip(self.slopes, (floor.load[i] / whole).tolist(), away.tolist())
        for slope, part, beyond in each:
            brings += slope * part * (2 * beyond - part)
        return brings

    def _come(self, i: int, host: int, less: Floats) -> float:
        """What its coming brings to a host that has lost so much before."""
        floor, brings = self.floor, 0.0
        away, whole = floor.level[host] - less - self.mean, floor.capacity[host]
        each = zip(self.slopes, (floor.load[i] / whole).tolist(), away.tolist())
        for slope, part, beyond in each:
            brings -= slope * part * (2 * beyond + part)
        return brings

    def _coming(self, i: int) -> Floats:
        """What its coming to each host brings."""
        parts = self.floor.load[i] / self.floor.capacity
        each = (self.slope * parts) * (2 * (self.floor.level - self.mean) + parts)
        coming: Floats = -(each.sum(axis=1) if len(self.slope) > 1 else each[:, 0])  # asked most of all
        return coming

    def _best(self, i: int) -> tuple[float, int | None]:
        """The best host for it now, and by how much the weighted deviation falls."""
        leaving = self._leaving(i)
        coming, host = self._first(i, _TINY - leaving)
        return (leaving + coming, host) if host is not None else (0.0, None)

    def _first(self, i: int, above: float, without: int = -1) -> tuple[float, int | None]:
        """The host that takes it where its coming brings most, if that is more than so much, and how much."""
        floor = self.floor
        load_ = floor.load.item(i, 0)
        if self.cool.knows(i) and load_ > 0:
            slope, mean = self.slopes[0], self.mean.item(0)

            def brings(level: float, whole: float) -> float:
                part = load_ / whole
                return -(slope * part * (2 * (level - mean) + part))

            if (known := self.cool.first(i, brings, above, without)) is not None:
                return known
        coming = self._coming(i)
        where = coming > above
        if without >= 0:
            where[without] = False
        host = next(floor.ranked(i, where, lambda _, hosts: coming[hosts]), None)
        return (float(coming[host]), host) if host is not None else (above, None)

    def nearer(self, i: int, host: int) -> float:
        """By how many points the two hosts of a move come nearer to each other, weighted."""
        floor, home = self.floor, self.floor.home[i]
        between = floor.level[home] - floor.level[host]
        after = between - floor.load[i] / floor.capacity[home] - floor.load[i] / floor.capacity[host]
        return 100.0 * float((self.aim.weights * (abs(between) - abs(after))).sum() / self.aim.weights.sum())

    def _worth(self, i: int, host: int, moves: int) -> bool:
        if self.nearer(i, host) / moves >= self.aim.margin:
            return True
        if moves == 1:
            self.small[i] = host
        return False

    def _take(self, moves: Sequence[tuple[int, int]], gain: float) -> None:
        points = self.nearer(*moves[-1]) / len(moves)
        for i, host in moves:
            self.floor.move(i, host)
            self.moved[i] = True
        home = int(self.floor.home[moves[-1][0]])
        self.steps.append(Step(tuple(moves), gain / len(moves), points, home))

    def _makes_room(self, i: int) -> Found | None:
        """The best pair of moves in which another instance leaves so that this one can come."""
        if self._left() < 2 or self.barren >= _LOOK:
            return None
        leaving, coming = self._leaving(i), self._coming(i)
        best: Found | None = None
        for j, host in self._pairs(i, coming, leaving):
            gain, other = self._best_even_if_worse(j, host)
            if other is None:
                continue
            whole = gain + self._after(i, host, j, other)
            if whole > (best[1] if best else 0.0) and self._comes_after(i, host, j, other):
                best = [(j, other), (i, host)], whole
        self.barren = 0 if best else self.barren + 1
        return best

    def _after(self, i: int, host: int, j: int, other: int) -> float:
        """What it brings that one goes to a host which another has left for a third."""
        floor = self.floor
        more = floor.load[j] / floor.capacity[other] if other == floor.home[i] else 0.0
        return self._leaving(i, more) + self._come(i, host, floor.load[j] / floor.capacity[host])

    def _comes_after(self, i: int, host: int, j: int, other: int) -> bool:
        """Whether the host takes it then."""
        self.floor.move(j, other)
        takes = self.floor.takes(i, host)
        self.floor.back(j)
        return takes

    def _best_even_if_worse(self, j: int, host: int) -> tuple[float, int | None]:
        coming, other = self._first(j, -np.inf, without=host)
        return (self._leaving(j) + coming, other) if other is not None else (0.0, None)

    def _pairs(self, i: int, coming: Floats, leaving: float) -> Iterator[tuple[int, int]]:
        """Instances whose departure alone makes the room, those first with which most is won."""
        floor = self.floor
        reach = floor.masks[floor.mask_of[i]] & floor.usable & (coming > _TINY - leaving)
        reach[floor.home[i]] = False
        short = np.maximum(floor.need[i] - floor.free, 0)
        enough = reach[floor.home] & ~self.moved
        for column in np.flatnonzero(short.any(axis=0)).tolist():
            enough &= floor.need[:, column] >= short[floor.home, column]
        others: Ints = np.flatnonzero(enough)
        where = floor.home[others]
        away, parts = floor.level[where] - self.mean, floor.load[others] / floor.capacity[where]
        changed = floor.load[i] / floor.capacity[where] - parts
        worth = -(self.slope * (changed * (2 * away + changed) + parts * (2 * self.low + parts))).sum(axis=1)
        some = (n for n in _greatest(worth) if floor.may_go(int(others[n])))
        for n in islice(some, _PAIRS):
            yield int(others[n]), int(where[n])


def _greatest(values: Floats) -> Iterator[int]:
    """Where the greatest are, in order; most of the order is never asked for."""
    if len(values) > 2 * _MOST:
        least = np.partition(values, -_MOST)[-_MOST]
        few = np.flatnonzero(values >= least)
        yield from few[np.argsort(-values[few], kind="stable")].tolist()
        values = np.where(values >= least, -np.inf, values)
        yield from np.argsort(-values, kind="stable")[: len(values) - len(few)].tolist()
    else:
        yield from np.argsort(-values, kind="stable").tolist()
