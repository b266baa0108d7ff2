"""Evens out load: the move that lowers the deviation most comes first, an exchange where there is no room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from activities.balancing import load
from activities.balancing.candidates import Sizes, best_case
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
_FAR = 1.001  # times what would be good enough: rounding is far less
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
        self.small: dict[int, Sequence[tuple[int, int]]] = {}  # by instance: its best moves, below the margin
        self.moved: Mask = np.zeros(len(floor.uuids), dtype=bool)
        self.squares = 0.0  # of the distances from the mean, of a single kind of load
        self.barren = 0  # instances in a row for which nothing could make room
        away = floor.level[self.among] - self.mean
        self.low = np.quantile(away, 0.1, axis=0) if len(away) else np.zeros(len(floor.kinds))
        self.slope = self._slope()
        self.slopes: list[float] = self.slope.tolist()
        self.means: list[float] = self.mean.tolist()
        self.weights: list[float] = aim.weights.tolist()
        self.cool = Coolest(floor)
        self.allowed: dict[int, Ints] = {}  # by a set of wishes
        self.sizes = Sizes(floor.capacity[self.among])
        self.here: Ints = np.cumsum(floor.usable) - 1  # of each usable host: its number among them

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
        if self._left() <= 0:
            return True
        if len(self.slopes) == 1 and self.squares > _FAR * len(self.among) * self.aim.targets.item(0) ** 2:
            return False  # as gains tell: nobody has to ask all hosts
        return bool((self.deviations() <= self.aim.targets).all())

    def _round(self) -> bool:
        """Moves, the best first, until the deviations are others; whether there may be more."""
        self.slope = self._slope()
        self.slopes = self.slope.tolist()
        before = self.deviations()
        self.squares = float(before[0]) ** 2 * len(self.among)
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
            points = self.nearer(*found[0][-1]) / len(found[0])
            if points < self.aim.margin:
                if len(found[0]) == 1 or i not in self.small:
                    self.small[i] = found[0]
                continue
            self._take(*found, points)
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
        away = floor.level[self.among] - self.mean
        value = best_case(floor.load, self.here[floor.home], away, self.sizes, self.slope)
        some = np.flatnonzero(~self.moved & (value > _TINY))
        return Waiting(-value[some], some)

    def _leaving(self, i: int, more: Floats | None = None) -> float:
        """What its leaving brings; `more`: load that its home takes before."""
        floor, home, brings = self.floor, self.floor.homes[i], 0.0
        level = floor.level[home] if more is None else floor.level[home] + more
        each = zip(self.slopes, floor.loads, floor.offers, level.tolist(), self.means)
        for slope, loads, offers, bears, mean in each:
            part = loads[i] / offers[home]
            brings += slope * part * (2 * (bears - mean) - part)
        return brings

    def _come(self, i: int, host: int, less: Floats) -> float:
        """What its coming brings to a host that has lost so much before."""
        floor, brings = self.floor, 0.0
        level = floor.level[host] - less
        each = zip(self.slopes, floor.loads, floor.offers, level.tolist(), self.means)
        for slope, loads, offers, bears, mean in each:
            part = loads[i] / offers[host]
            brings -= slope * part * (2 * (bears - mean) + part)
        return brings

    def _within(self, wishes: int) -> Ints:
        """The usable hosts that such wishes allow."""
        if wishes not in self.allowed:
            self.allowed[wishes] = np.flatnonzero(self.floor.masks[wishes] & self.floor.usable)
        return self.allowed[wishes]

    def _coming(self, i: int, hosts: Ints | slice = slice(None)) -> Floats:
        """What its coming to each host brings."""
        parts = self.floor.load[i] / self.floor.capacity[hosts]
        each = (self.slope * parts) * (2 * (self.floor.level[hosts] - self.mean) + parts)
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
        load_ = floor.loads[0][i]
        if self.cool.knows(i) and load_ > 0:
            slope, mean = self.slopes[0], self.means[0]

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
        floor, home, found = self.floor, self.floor.homes[i], 0.0
        between = (floor.level[home] - floor.level[host]).tolist()
        for weight, loads, offers, apart in zip(self.weights, floor.loads, floor.offers, between):
            after = apart - loads[i] / offers[home] - loads[i] / offers[host]
            found += weight * (abs(apart) - abs(after))
        return 100.0 * (found / float(self.aim.weights.sum()))

    def _take(self, moves: Sequence[tuple[int, int]], gain: float, points: float) -> None:
        for i, host in moves:
            self.floor.move(i, host)
            self.moved[i] = True
        self.squares -= gain / self.slopes[0]
        self.steps.append(Step(tuple(moves), gain / len(moves), points, self.floor.homes[moves[-1][0]]))

    def _makes_room(self, i: int) -> Found | None:
        """The best pair of moves in which another instance leaves so that this one can come."""
        if self._left() < 2 or self.barren >= _LOOK:
            return None
        leaving = self._leaving(i)
        floor, best, moves = self.floor, 0.0, []
        for j, host in self._pairs(i, leaving):
            comes = self._come(i, host, floor.load[j] / floor.capacity[host])
            warmer = self._leaving(i, floor.load[j] / floor.capacity[floor.homes[i]])
            gain, other = self._best_if_above(j, host, best - (warmer + comes) - _TINY)
            if other is None:
                continue
            whole = gain + ((warmer if other == floor.homes[i] else leaving) + comes)
            if whole > best and self._comes_after(i, host, j, other):
                best, moves = whole, [(j, other), (i, host)]
        self.barren = 0 if moves else self.barren + 1
        return (moves, best) if moves else None

    def _comes_after(self, i: int, host: int, j: int, other: int) -> bool:
        """Whether the host takes it then."""
        self.floor.move(j, other)
        takes = self.floor.takes(i, host)
        self.floor.back(j)
        return takes

    def _best_if_above(self, j: int, host: int, above: float) -> tuple[float, int | None]:
        """Where it goes best from this host, if that brings more than so much; also what is a loss alone."""
        leaving = self._leaving(j)
        coming, other = self._first(j, above - leaving, without=host)
        return (leaving + coming, other) if other is not None else (0.0, None)

    def _pairs(self, i: int, leaving: float) -> Iterator[tuple[int, int]]:
        """Instances whose departure alone makes the room, those first with which most is won."""
        floor = self.floor
        within, reach = self._within(floor.mask_of.item(i)), np.zeros(len(floor.hosts), dtype=bool)
        reach[within] = self._coming(i, within) > _TINY - leaving
        reach[floor.home[i]] = False
        others: Ints = np.flatnonzero(reach[floor.home] & ~self.moved)
        short = np.maximum(floor.need[i] - floor.free[floor.home[others]], 0)
        others = others[(floor.need[others] >= short).all(axis=1)]
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
