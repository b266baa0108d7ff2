"""The integer programs of a packing: which hosts to keep, and how few can be kept at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_NODES = 400  # of the search tree: a limit that, unlike seconds, gives the same answer on every machine
_CUT = 8  # groups kept in part, of which it is tried which are rounded up
_EXACT = 1e-9


@dataclass(frozen=True)
class Kinds:
    """Hosts that are alike, in groups: what each of a group can hold and how many there are.

    `demands` says that the hosts of a mask over the groups together hold at least these amounts, `spread`
    that at least so many of a mask stay.
    """

    capacity: Floats  # [groups, classes]
    count: Floats  # [groups]
    least: Floats  # [groups] that stay in any case
    moves: Floats  # [groups] instances to move to release one host of the group
    demands: tuple[tuple[NDArray[np.bool_], Floats], ...]
    spread: tuple[tuple[NDArray[np.bool_], int], ...] = ()


def _rows(kinds: Kinds, slack: float) -> tuple[list[Floats], list[float]]:
    rows: list[Floats] = []
    least: list[float] = []
    for mask, amounts in kinds.demands:
        for column in np.flatnonzero(amounts):
            scale = float(amounts[column])
            rows.append(kinds.capacity[:, column] * mask / scale)
            least.append(1.0 + slack)
    for mask, number in kinds.spread:
        rows.append(mask.astype(np.float64))
        least.append(float(number))
    return rows, least


def _solve(
    cost: Floats, kinds: Kinds, rows: list[Floats], least: list[float], *, whole: bool = True
) -> tuple[Floats | None, float]:
    """Cheapest numbers of hosts to keep per group, None when none do, and a proven limit of the cost; not
    `whole`, hosts may be kept in part, which tells a limit at a tenth of the price.
    """
    # Here, not above: half a second that no other command shall wait for.
    from scipy.optimize import Bounds, LinearConstraint, milp

    if not len(cost):  # no host is in the choice
        return np.zeros(0), 0.0
    result = milp(
        c=cost,
        constraints=[LinearConstraint(np.array(rows), lb=np.array(least))] if rows else [],
        bounds=Bounds(kinds.least, kinds.count),
        integrality=np.full(len(cost), int(whole)),
        # Of a program in parts alone, a few hundred columns, HiGHS's presolve costs more than it saves.
        options={"node_limit": _NODES, "mip_rel_gap": 0.0, "presolve": whole},
    )
    proven = result.mip_dual_bound if whole else result.fun
    if proven is None:  # what costs is kept as little as can be, what saves as much
        proven = np.maximum(cost, 0.0) @ kinds.least + np.minimum(cost, 0.0) @ kinds.count
    if result.x is None:
        return None, float(proven)
    return (np.rint(result.x) if whole else result.x), float(proven)


def fewest_hosts(kinds: Kinds, budget: int | None = None) -> int:
    """No arrangement keeps fewer hosts than this (moving at most `budget` instances, if given)."""
    rows, least = _with_budget(kinds, budget, *_rows(kinds, 0.0))
    if budget is None and (known := _by_parts(kinds, rows, least)) is not None:
        return known
    _, limit = _solve(np.ones(len(kinds.count)), kinds, rows, least)
    return max(ceil(limit - 1e-6), int(kinds.least.sum()))


def _by_parts(kinds: Kinds, rows: list[Floats], least: list[float]) -> int | None:
    """The same at less than half the price: what each part needs where hosts are kept in part, rounded up.

    None where so many whole hosts of a part are not at once seen to do, or all together do not.
    """
    if not rows:
        return None
    table, wanted = np.array(rows), np.array(least)
    part, within = _parts(table)
    kept, _ = _solve(np.ones(len(part)), kinds, list(table[within]), wanted[within].tolist(), whole=False)
    if kept is None:
        return None
    chosen = np.floor(kept + _EXACT)
    for one in np.unique(part):
        mine = np.flatnonzero(part == one)
        more = ceil(float(kept[mine].sum()) - 1e-6) - int(chosen[mine].sum())
        cut = mine[kept[mine] - chosen[mine] > _EXACT]
        rest = within & table[:, mine].any(axis=1)
        for up in combinations(cut.tolist(), more) if len(cut) <= _CUT else ():
            tried = chosen.copy()
            tried[list(up)] += 1.0
            if (table[rest] @ tried >= wanted[rest] - _EXACT).all():
                chosen = tried
                break
        else:
            return None
    return int(chosen.sum()) if (table @ chosen >= wanted - _EXACT).all() else None


def _parts(table: Floats) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Per group its part, such that no row but those over all groups asks for two; and which rows to ask."""
    part: NDArray[np.int64] = np.arange(table.shape[1], dtype=np.int64)
    narrow: NDArray[np.bool_] = ~np.all(table, axis=1)
    for row in table[narrow]:
        if row.any():
            part[np.isin(part, part[row != 0])] = part[row != 0].min()
    if not table[narrow].any(axis=0).all():  # some groups are asked for by rows over all alone
        return np.zeros_like(part), np.ones_like(narrow)
    return part, narrow


def keep(
    kinds: Kinds,
    hosts: int,
    slack: float,
    budget: int | None = None,
    more: Sequence[tuple[Floats, float]] = (),
) -> NDArray[np.int64] | None:
    """How many of each group to keep so that `hosts` stay, with room to spare and fewest moves.

    `more` asks for so much besides, of what each host of a group counts.
    """
    rows, least = _with_budget(kinds, budget, *_rows(kinds, slack))
    for size, wanted in more:
        rows.append(size)
        least.append(wanted)
    rows.append(np.full(len(kinds.count), -1.0))
    least.append(-float(hosts))
    chosen, _ = _solve(-kinds.moves - 1e-3, kinds, rows, least)
    return None if chosen is None else chosen.astype(np.int64)


def fewest_moves(kinds: Kinds, hosts: int) -> int:
    """No arrangement on so many hosts moves fewer instances (the groups have equal numbers of instances)."""
    rows, least = _rows(kinds, 0.0)
    rows.append(np.full(len(kinds.count), -1.0))
    least.append(-float(hosts))
    _, limit = _solve(-kinds.moves, kinds, rows, least, whole=False)
    return max(0, ceil(float(kinds.moves @ kinds.count) + limit - 1e-3))


def _with_budget(
    kinds: Kinds, budget: int | None, rows: list[Floats], least: list[float]
) -> tuple[list[Floats], list[float]]:
    if budget is not None:
        rows = [*rows, kinds.moves]
        least = [*least, float(kinds.moves @ kinds.count) - budget]
    return rows, least
