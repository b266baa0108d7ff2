"""How even so many moves can leave the load at best: a bound by prices, for clouds of tests/bench/clouds.py.

At prices of instances and of moves every host decides alone (tests/bench/market.py). For any prices, of moves
none below 0, no plan of so many moves or fewer leaves the loads closer than all together, if no host is said
to come out dearer than it can. Good prices are found by a linear program over columns: a column is what one
host may give and take.

Groups, vcpus and the order of the moves are left out, so the truth may be worse. Every host counts and every
instance may move, as in those clouds. Shares no code with the product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

from plan_schemas.model import Cluster
from tests.bench.market import FEW, KEPT, Choice, Column, Market, Numbers, Prices, more

ROUNDS, NEAR = 20, 4e-3  # of the search for prices; what is left to gain, of all that can be taken
DEARER, RENTS = (1, 2, 3, 4, 6), (0.0, 0.5)  # of moves and of memory, tried first
RENTED = 32 * 1024.0  # MB, which is what a rent is for, in prices of a move
# By so many prices of a move the others change in the first round; by how much more after one that was
# better, and after one that was not.
WIDE, WIDER, NARROWER = 0.25, 1.6, 0.5


def _first(market: Market, end: Numbers) -> Prices:
    """Prices at which the plan that ends there seems the best, as far as moves one by one tell."""
    hosts, stays = range(len(market.whole)), end == market.home
    away, free = market.state(end)
    part = market.load / market.whole[end]
    leaves = part * (2 * away[end] - part)  # by how much squares fall
    comes = np.full(len(market.load), np.inf)  # by how much they rise at least
    for h in hosts:
        part = market.load / market.whole[h]
        may = market.comes[h] & (market.memory <= free[h]) & (end != h)
        comes = np.where(may, np.minimum(comes, part * (2 * away[h] + part)), comes)
    part = market.load / market.whole[market.home]
    returns = part * (2 * away[market.home] + part)
    next_best = (leaves - comes)[stays].max(initial=0.0)
    move = (next_best + (returns - leaves)[~stays].min(initial=2 * next_best)) / 2
    comes = np.where(np.isfinite(comes), comes, leaves)
    low = np.where(stays, leaves, leaves + move)
    high = np.where(stays, comes + move, returns)
    return Prices((low + np.maximum(low, high)) / 2, max(float(move), 0.0))


def _dearer(market: Market, moves: int, prices: Prices) -> Prices:
    """These, or better ones near them: moves are dearer where one makes room for the next, and memory is."""

    def value(these: Prices) -> float:
        return sum(Choice(market, h, these).best for h in range(len(market.whole))) - these.move * moves

    others = [
        Prices(
            prices.of + ((times - 1) / 2 + rent * market.memory / RENTED) * prices.move, times * prices.move
        )
        for times in DEARER
        for rent in RENTS
    ]
    return max((prices, *others), key=value)


def _better(
    hosts: int, columns: Sequence[Column], moves: int, center: Prices, width: float
) -> tuple[float, Prices]:
    """The prices near `center` at which these columns bind most, and the bound if there were no others."""
    items = sorted({i for c in columns for i in (*c.gives, *c.takes)})
    at = {i: hosts + 1 + n for n, i in enumerate(items)}
    cells = [
        (row, column, value)
        for row, c in enumerate(columns)
        for column, value in (
            (c.host, 1.0),
            (hosts, -float(len(c.takes))),
            *((at[i], -1.0) for i in c.gives),
            *((at[i], 1.0) for i in c.takes),
        )
    ]
    rows, places, values = zip(*cells)
    matrix = csr_array((values, (rows, places)), shape=(len(columns), hosts + 1 + len(items)))
    limits = [(None, 0.0)] * hosts + [(center.move / 2, center.move * 2)]
    limits += [(center.of[i] - width, center.of[i] + width) for i in items]
    goal = np.array([-1.0] * hosts + [float(moves)] + [0.0] * len(items))
    found = linprog(goal, A_ub=matrix, b_ub=[c.rise for c in columns], bounds=limits, method="highs-ds")
    if found.status:
        raise RuntimeError(f"no prices were found: {found.message}")
    prices = center.of.copy()
    prices[items] = found.x[hosts + 1 :]
    return -float(found.fun), Prices(prices, float(found.x[hosts]))


def _searched(market: Market, moves: int, prices: Prices) -> Prices:
    """Good prices, from these; at moves for nothing there is nothing to measure steps by."""
    if not prices.move:
        return prices
    known: dict[Column, None] = {}
    best, center, width = -np.inf, prices, WIDE / WIDER * prices.move
    for _ in range(ROUNDS):
        value = -prices.move * moves
        for h in range(len(market.whole)):
            choice = Choice(market, h, prices)
            others = more(choice, FEW)[0]
            ways = sorted((way for c in (choice, *others) for way in c.columns()), key=lambda way: way[0])
            value += ways[0][0]
            near = ways[0][0] + prices.move / 3
            known |= dict.fromkeys(column for cost, column in ways[: 2 * KEPT] if cost < near)
        if value > best:
            best, center, width = value, prices, width * WIDER
        else:
            width *= NARROWER
        most, prices = _better(len(market.whole), list(known), moves, center, width)
        if most - best < NEAR * -most:
            break
    return center


def least_deviation(
    cluster: Cluster, cores: Mapping[str, float], moves: int, plan: Mapping[str, str]
) -> float:
    """No so many moves leave the loads of hosts closer; a `plan` (instance -> host) tells where to look."""
    market = Market(cluster, cores)
    end = market.home.copy()
    for uuid, host in plan.items():
        end[market.number[uuid]] = market.row[host]
    prices = _searched(market, moves, _dearer(market, moves, _first(market, end)))
    return at_prices(market, moves, prices)


def at_prices(market: Market, moves: int, prices: Prices) -> float:
    """The bound; any prices give one where a move is not below 0."""
    if prices.move < 0:
        raise ValueError(f"a move costs {prices.move}: below 0 plans with fewer moves may be more even")
    hosts = range(len(market.whole))
    falls = sum(Choice(market, h, prices).least() for h in hosts) - prices.move * moves
    return float(np.sqrt(max((market.away**2).sum() + falls, 0.0) / len(hosts)))
