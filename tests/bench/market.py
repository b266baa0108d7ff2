"""What hosts do at prices, for tests/bench/dual.py: which of its instances each gives away, what it takes.

Each has its price, which the host pays that gives it away and the host gets that takes it; each that comes
costs the price of a move as well. A host may give any, and take any that its zone and its trait let come;
memory holds at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from plan_schemas.model import Cluster
from tests.bench.optimum import allowed

Numbers = np.ndarray
KEPT, LOOKED_AT = 12, 40  # columns of a host and round; instances of which two may come, in the search
SLOPES = 40  # of the tangents of a square
MANY, FEW = 4000, 200  # ways of three and more to leave a host, in the bound and in the search
WORTH_A_MOVE = 1024.0 * np.array([np.inf, 128, 64, 32, 16, 8, 4])  # memory, as lines see it
SLACK = 1e-9  # of a host's square: far above what rounding does


@dataclass(frozen=True, slots=True)
class Column:
    """By how much the square of a host rises when it gives some and takes others."""

    host: int
    rise: float
    gives: tuple[int, ...]
    takes: tuple[int, ...]


@dataclass(frozen=True)
class Prices:
    of: Numbers  # per instance
    move: float


class Market:
    """Hosts with their distance from the mean, instances with load and memory, and who may go where."""

    def __init__(self, cluster: Cluster, cores: Mapping[str, float]) -> None:
        hosts, guests = list(cluster.hosts.values()), list(cluster.instances.values())
        self.row = {h.name: n for n, h in enumerate(hosts)}
        self.number = {i.uuid: n for n, i in enumerate(guests)}
        self.home = np.array([self.row[str(i.host)] for i in guests])
        self.load = np.array([cores[i.uuid] for i in guests])
        self.memory = np.array([float(i.resources["MEMORY_MB"]) for i in guests])
        self.whole = np.array([float(h.inventory["VCPU"].total) for h in hosts])
        self.room = np.array([float(h.capacity("MEMORY_MB")) for h in hosts])
        self.away, self.free = self.state(self.home)
        alike: dict[tuple[str, tuple[str, ...]], int] = {}
        kinds = [alike.setdefault((h.zone, h.traits), len(alike)) for h in hosts]
        each = [[allowed(i, hosts[kinds.index(k)]) for i in guests] for k in range(len(alike))]
        self.comes = [np.array(each[k]) & (self.home != h) for h, k in enumerate(kinds)]
        largest = np.argsort(-self.load, kind="stable")
        self.own = [largest[self.home[largest] == h] for h in range(len(hosts))]

    def state(self, at: Numbers) -> tuple[Numbers, Numbers]:
        """Distances from the mean and free memory with the instances there."""
        level = np.bincount(at, self.load, len(self.whole)) / self.whole
        used = np.bincount(at, self.memory, len(self.whole))
        return level - self.load.sum() / self.whole.sum(), self.room - used

    def rise(self, host: int, more: Numbers) -> Numbers:
        part = more / self.whole[host]
        found: Numbers = part * (2 * self.away[host] + part)
        return found


class Choice:
    """What one host does at these prices: each row of `leave` tells which of its own go; others may come."""

    def __init__(self, market: Market, host: int, prices: Prices, leave: Numbers | None = None) -> None:
        self.market, self.host, self.prices, own = market, host, prices, market.own[host]
        self.leave = _up_to_two(len(own)) if leave is None else leave
        self.gone, self.room, self.paid = (
            np.append(values[own], 0.0)[self.leave].sum(axis=1)
            for values in (market.load, market.memory, prices.of)
        )
        self.room += market.free[host]
        self.alone = market.rise(host, -self.gone) + self.paid
        self.cost = prices.move - prices.of  # of coming
        self.some = self.worth(self.gone.max(), self.room.max())
        self.extra, self.needs = market.load[self.some], market.memory[self.some]
        change = self.extra - self.gone[:, None]
        with_one = market.rise(host, change) + self.paid[:, None] + self.cost[self.some]
        self.one = np.where(self.needs <= self.room[:, None], with_one, np.inf)
        self.best = min(float(self.alone.min()), float(self.one.min(initial=np.inf)))

    def worth(self, gone: float, room: float) -> Numbers:
        """Those that fit and whose coming alone is worth its price when so much has left: no others come.

        With more on the host, or less gone, a coming costs more: squares are convex.
        """
        market, part = self.market, self.market.load / self.market.whole[self.host]
        away = market.away[self.host] - gone / market.whole[self.host]
        cheap = self.cost + part * (2 * away + part) < 0
        return np.flatnonzero(cheap & market.comes[self.host] & (market.memory <= room))

    def two(self, rows: Numbers, few: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """What it costs that two of these (places in `some`) come, by way of leaving; and which two."""
        a, b = np.triu_indices(len(few), 1)
        a, b = few[a], few[b]
        change = (self.extra[a] + self.extra[b]) - self.gone[rows, None]
        paid = self.cost[self.some[a]] + self.cost[self.some[b]]
        cost = self.market.rise(self.host, change) + self.paid[rows, None] + paid
        return np.where(self.needs[a] + self.needs[b] <= self.room[rows, None], cost, np.inf), a, b

    def columns(self) -> Iterator[tuple[float, Column]]:
        """Ways that are among the best, with their cost."""
        nothing = np.empty(0, int)
        for row in np.argsort(self.alone)[:KEPT]:
            yield float(self.alone[row]), self._column(row, nothing)
        if not len(self.some):
            return
        way = self.one.argmin(axis=0)  # for each that may come
        cheapest = self.one[way, np.arange(len(way))]
        order = np.argsort(cheapest)
        for n in order[:KEPT]:
            yield float(cheapest[n]), self._column(way[n], self.some[n : n + 1])
        rows = np.argsort(self.one.min(axis=1))[:KEPT]
        for row, n in zip(rows, self.one[rows].argmin(axis=1)):
            yield float(self.one[row, n]), self._column(row, self.some[n : n + 1])
        if len(order) > 1:
            cost, a, b = self.two(rows, order[:LOOKED_AT])
            for at in np.argsort(cost, axis=None)[:KEPT]:
                row, n = divmod(int(at), len(a))
                yield float(cost[row, n]), self._column(rows[row], self.some[[a[n], b[n]]])

    def _column(self, row: int, takes: Numbers) -> Column:
        own, load = self.market.own[self.host], self.market.load
        gives = own[[n for n in self.leave[row] if n < len(own)]]
        rise = float(self.market.rise(self.host, load[takes].sum() - load[gives].sum()))
        return Column(self.host, rise, tuple(gives.tolist()), tuple(sorted(takes.tolist())))

    def least(self) -> float:
        """Nothing that this host may do costs less."""
        others, found = more(self, MANY)
        found = min(found, self.best)
        for choice in (self, *others):
            found = min(found, choice.best)
            found = choice.with_two(found)
            found = choice.with_more(found)
        return found - SLACK

    def with_two(self, found: float) -> float:
        """The same, when two may come: exact where a bound does not say that this is too dear."""
        if len(self.some) < 2:
            return found
        lines = Lines(self)
        along = np.sort(lines.coming(self.some), axis=1)[:, :2].sum(axis=1)
        rows = np.flatnonzero(lines.least(self.gone, self.room, self.paid, along) < found)
        for row in rows:
            fits = np.flatnonzero(self.needs <= self.room[row])
            cost = self.two(np.array([row]), fits)[0]
            found = min(found, float(cost.min(initial=np.inf)))
        return found

    def with_more(self, found: float) -> float:
        """The same, when three or more may come."""
        if len(self.some) < 3:
            return found
        lines = Lines(self)
        along = _cheapest(lines.coming(self.some), 3)
        load, memory = self.market.load, self.market.memory
        for row in np.flatnonzero(lines.least(self.gone, self.room, self.paid, along) < found):
            some = self.worth(self.gone[row], self.room[row])
            some = some[np.argsort(-load[some], kind="stable")]
            start = lines.touch - self.gone[row] * lines.slope - self.room[row] * lines.memory
            ways, left_out = _open(lines.coming(some), start + self.paid[row], found, MANY)
            rise = self.market.rise(self.host, ways @ load[some] - self.gone[row])
            cost = (rise + self.paid[row] + ways @ self.cost[some])[ways @ memory[some] <= self.room[row]]
            found = min(found, left_out, float(cost.min(initial=np.inf)))
        return found


class Lines:
    """Tangents of a host's square, each with several prices of memory: along one, all simply adds up.

    A square is at least its tangent, and a price of memory counts what is taken less what there is, which is
    nothing or less for all that fits: so along no line that costs more than it does.
    """

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        market, host = choice.market, choice.host
        whole, away = market.whole[host], market.away[host]
        low, high = -market.load[market.own[host]].sum(), 3 * choice.extra.max(initial=1.0)
        where = np.linspace(max(low, -(away + 0.3) * whole), high, SLOPES)
        slope = 2 / whole * (away + where / whole)
        memory = choice.prices.move / WORTH_A_MOVE
        self.slope, self.memory = (part.ravel() for part in np.meshgrid(slope, memory))
        self.touch = -((self.slope * whole / 2 - away) ** 2)

    def coming(self, some: Numbers) -> Numbers:
        """A row for each line: what each that comes costs along it."""
        choice, market = self.choice, self.choice.market
        at = choice.cost[some] + self.slope[:, None] * market.load[some]
        found: Numbers = at + self.memory[:, None] * market.memory[some]
        return found

    def leaving(self, own: Numbers) -> Numbers:
        choice, market = self.choice, self.choice.market
        at = choice.prices.of[own] - self.slope[:, None] * market.load[own]
        found: Numbers = at - self.memory[:, None] * market.memory[own]
        return found

    def least(self, gone: Numbers, room: Numbers, paid: Numbers, along: Numbers) -> Numbers:
        """For each way of leaving the best of the lines, with so much along each for what comes."""
        each = (self.touch + along) - gone[:, None] * self.slope - room[:, None] * self.memory
        found: Numbers = each.max(axis=1) + paid
        return found


def more(choice: Choice, most: int) -> tuple[list[Choice], float]:
    """Three or more leave: the ways of which no line says that they are dearer than the best known.

    When there are too many, the less promising ones are left out: none of these costs less than the number.
    """
    market, host = choice.market, choice.host
    own = market.own[host]
    every = choice.worth(float(market.load[own].sum()), float(market.room[host]))
    lines = Lines(choice)
    start = lines.touch - market.free[host] * lines.memory
    start += np.minimum(lines.coming(every), 0.0).sum(axis=1)
    goes, open_ = _open(lines.leaving(own), start, choice.best, most)
    if not len(goes):
        return [], open_
    leave = np.sort(np.where(goes, np.arange(len(own)), len(own)), axis=1)
    leave = leave[:, : int(goes.sum(axis=1).max())]
    return [Choice(market, host, choice.prices, leave)], open_


def _open(each: Numbers, start: Numbers, below: float, most: int) -> tuple[Numbers, float]:
    """Which three or more to choose: the ways of which every line says that they may cost less than `below`.

    `each`: a row per line, a column per one to choose. Of more than `most` those that promise least are left
    out: none of them costs less than the number.
    """
    number = each.shape[1]
    rest = np.minimum(each, 0.0)[:, ::-1].cumsum(axis=1)[:, ::-1]  # of this one and those behind it
    rest = np.concatenate([rest, np.zeros((len(each), 1))], axis=1)
    ways, along, left_out = np.zeros((1, number), bool), start[None], np.inf
    for n in range(number):
        twice = np.concatenate([ways, ways])
        twice[len(ways) :, n] = True
        along = np.concatenate([along, along + each[:, n]])
        least = (along + rest[:, n + 1]).max(axis=1)
        may = (least < below) & (twice.sum(axis=1) + number - n - 1 > 2)
        if may.sum() > most:
            limit = float(np.partition(least[may], most)[most])
            left_out, may = min(left_out, limit), may & (least < limit)
        ways, along = twice[may], along[may]
    return ways, left_out


def _up_to_two(number: int) -> Numbers:
    """Every choice of none, one or two of so many; `number` stands for nobody."""
    one = np.arange(number)
    a, b = np.triu_indices(number, 1)
    nobody = np.full(1 + number, number)
    return np.stack([np.concatenate([nobody[:1], one, a]), np.concatenate([nobody, b])], axis=1)


def _cheapest(costs: Numbers, least: int) -> Numbers:
    """Per row the sum of so many, the smallest, and of all others that are below 0."""
    ordered = np.sort(costs, axis=1)
    found: Numbers = ordered[:, :least].sum(axis=1) + np.minimum(ordered[:, least:], 0.0).sum(axis=1)
    return found
