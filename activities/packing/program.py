"""The integer programs of a packing: which hosts to keep, and how few can be kept at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_NODES = 400  # of the search tree: a limit that, unlike seconds, gives the same answer on every machine


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
    return (None if result.x is None else np.rint(result.x)), float(proven)


def fewest_hosts(kinds: Kinds, budget: int | None = None) -> int:
    """No arrangement keeps fewer hosts than this (moving at most `budget` instances, if given)."""
    rows, least = _with_budget(kinds, budget, *_rows(kinds, 0.0))
    _, limit = _solve(np.ones(len(kinds.count)), kinds, rows, least)
    return max(ceil(limit - 1e-6), int(kinds.least.sum()))


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
