"""Which hosts a consolidation keeps: groups of hosts that are alike, how many of each, and which ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from activities.packing.board import Board, Floats, Ints, Mask
from activities.packing.program import Kinds, fewest_hosts, fewest_moves, keep

_MASKS = 48  # sets of hosts that the bound looks at one by one, those with most demand first
SLACKS = (0.03, 0.015, 0.005, 0.0)  # room to spare that a choice of hosts is asked for, the easiest first


@dataclass(frozen=True)
class Field:
    """The hosts that a consolidation may use, and which of them have to stay."""

    board: Board
    usable: Mask
    forced: Mask  # usable hosts that cannot be released
    counts: Ints  # instances per host, those that may not move included
    used: Ints  # [hosts, classes]

    @property
    def occupied(self) -> Mask:
        """Usable hosts that have something on them."""
        mask: Mask = self.usable & ((self.counts > 0) | self.forced)
        return mask

    @property
    def holds(self) -> Ints:
        """What a kept host can hold: its capacity, or what is on it now when that is more.

        Of what a shared provider gives it may hold all there is.
        """
        lacks = self.board.lacks
        shared = lacks & ((self.used > 0) & lacks).any(axis=0)
        most: Ints = np.maximum(self.used, self.used + self.board.free)
        return np.where(shared, self.used.sum(axis=0), most)


def field_of(board: Board, usable: Iterable[str], forced: Iterable[str]) -> Field:
    """The field of a board on which nothing was placed yet."""
    cluster = board.cluster
    marks = [np.zeros(len(board.hosts), dtype=bool) for _ in range(2)]
    for mark, names in zip(marks, (usable, forced)):
        mark[[board.number[n] for n in names]] = True
    counts = np.array([len(cluster.on(h)) for h in board.hosts], dtype=np.int64)
    return Field(board, marks[0], marks[1], counts, board.used)


@dataclass(frozen=True)
class Limit:
    """How much a consolidation may do at most; None for as much as there is."""

    moves: int | None = None
    hosts: int | None = None  # released
    failures: int | None = (
        None  # hosts that could not be emptied in their turn, before the others are left alone
    )


class Choice:
    """The integer programs of one field: the least number of hosts, and good sets of hosts to keep."""

    def __init__(self, field: Field, limit: Limit) -> None:
        self.field, self.limit = field, limit
        holds = field.holds
        alike = [(holds[h].tobytes(), field.board.masks[:, h].tobytes()) for h in range(len(holds))]
        reach = _reach(field)
        self.demands, self.spread = _demands(field, reach), _spread(field, reach)
        self.cells = _grouped(
            field, [(*a, int(c), bool(f)) for a, c, f in zip(alike, field.counts, field.forced)]
        )
        groups = _grouped(field, alike) if limit == Limit() else self.cells
        self.bound = fewest_hosts(self._kinds(groups, holds), limit.moves)
        self._cells = self._kinds(self.cells, holds)
        self._kept: dict[tuple[int, float], Mask | None] = {}
        self._more: list[tuple[Floats, float]] = []  # of hosts that count so, so much shall be kept

    def _kinds(self, groups: list[list[int]], holds: Ints) -> Kinds:
        field = self.field
        first = [g[0] for g in groups]
        spread = [(mask[first], number) for mask, number in self.spread]
        if self.limit.hosts is not None:
            taken = np.array([field.occupied[h] for h in first], dtype=bool)
            spread.append((taken, int(field.occupied.sum()) - self.limit.hosts))
        return Kinds(
            capacity=holds[first].astype(np.float64).reshape(len(groups), holds.shape[1]),
            count=np.array([len(g) for g in groups], dtype=np.float64),
            least=np.array([sum(field.forced[h] for h in g) for g in groups], dtype=np.float64),
            moves=np.array([field.counts[g].mean() for g in groups], dtype=np.float64),
            demands=tuple((mask[first], demand.astype(np.float64)) for mask, demand in self.demands),
            spread=tuple(spread),
        )

    def fewest_moves(self, hosts: int) -> int:
        """No arrangement on so many hosts moves fewer instances than this."""
        return fewest_moves(self._cells, hosts)

    def kept(self, hosts: int, slack: float) -> Mask | None:
        """So many hosts to keep, with so much room to spare and fewest moves; None when there are none."""
        if (hosts, slack) not in self._kept:
            self._kept[hosts, slack] = self._choose(hosts, slack)
        return self._kept[hosts, slack]

    def roomier(self, hosts: int, mask: Mask) -> Mask | None:
        """So many hosts, with more room on those of the mask than in any choice before; None for none."""
        size = self.field.holds @ self.field.board.weight * mask
        size /= max(float(size.max()), 1e-9)
        most = max(float(size[kept].sum()) for kept in self._kept.values() if kept is not None)
        self._more.append((size[[g[0] for g in self.cells]], most + 1e-4))
        key = (hosts, -float(len(self._more)))
        self._kept[key] = self._choose(hosts, 0.0, self._more)
        return self._kept[key]

    def _choose(self, hosts: int, slack: float, more: Sequence[tuple[Floats, float]] = ()) -> Mask | None:
        numbers = keep(self._cells, hosts, slack, self.limit.moves, more)
        if numbers is None:
            return None
        kept = np.zeros(len(self.field.usable), dtype=bool)
        weight = self.field.used @ self.field.board.weight
        for cell, number in zip(self.cells, numbers):
            kept[sorted(cell, key=lambda h: (-weight[h], h))[: int(number)]] = True
        return kept


def _grouped(field: Field, keys: Sequence[tuple[object, ...]]) -> list[list[int]]:
    groups: dict[tuple[object, ...], list[int]] = {}
    for host in np.flatnonzero(field.usable):
        groups.setdefault(keys[int(host)], []).append(int(host))
    return list(groups.values())


def _reach(field: Field) -> Mask:
    """Per distinct set of wishes the usable hosts that satisfy it."""
    reach: Mask = field.board.masks & field.usable
    return reach


def _demands(field: Field, reach: Mask) -> list[tuple[Mask, Ints]]:
    """Sets of hosts, each with all that can be nowhere else; first all hosts with all that they hold."""
    board, usable = field.board, field.usable
    fixed = field.used.copy()
    np.subtract.at(fixed, board.home, board.need)
    found: list[tuple[Mask, Ints]] = [(usable, field.used[usable].sum(axis=0))]
    at_home = board.masks[board.mask_of, board.home] & usable[board.home]
    demand = np.zeros((len(board.masks), len(board.classes)), dtype=np.int64)
    np.add.at(demand, board.mask_of[at_home], board.need[at_home])
    sized: list[tuple[Mask, Ints]] = []
    for mask in np.unique(reach, axis=0) if len(reach) else reach:
        within = ~(reach & ~mask).any(axis=1)
        if demand[within].any() and not np.array_equal(mask, usable):
            sized.append((mask, demand[within].sum(axis=0) + fixed[mask].sum(axis=0)))
    sized.sort(key=lambda row: -int(row[1].sum()))
    return found + sized[:_MASKS]


def _spread(field: Field, reach: Mask) -> list[tuple[Mask, int]]:
    """Sets of hosts, each with how many of them it takes to keep the members of one group apart.

    Of groups of anti-affinity that keep their rule now, and of members that can be nowhere else.
    """
    apart = list(_kept_apart(field))
    if not apart:
        return []
    found = [(field.usable, max(ceil(len(at) / most) for at, most in apart))]
    for mask in np.unique(reach, axis=0)[:_MASKS]:
        within = ~(reach & ~mask).any(axis=1)
        counts = (sum(mask[h] and (w is None or within[w]) for h, w in at) / most for at, most in apart)
        if number := ceil(max(counts)):
            found.append((mask, number))
    return found


def _kept_apart(field: Field) -> Iterator[tuple[list[tuple[int, int | None]], int]]:
    """Of each such group the hosts of its members, each with its set of wishes, None if it may not move;
    and how many of them may share a host.
    """
    board, number = field.board, field.board.number
    wishes = dict(zip(board.uuids, board.mask_of.tolist()))
    for group in board.cluster.groups.values():
        if group.policy != "anti-affinity":
            continue
        known = [board.cluster.instances[m] for m in group.members if m in board.cluster.instances]
        at = [(number[i.host], wishes.get(i.uuid)) for i in known if i.host in number]
        here = [row for row in at if field.usable[row[0]]]
        hosts = Counter(h for h, _ in here)
        if hosts and max(hosts.values()) <= group.max_server_per_host:
            yield here, group.max_server_per_host
