"""Fills open hosts with instances in plain arrays: a search tries that thousands of times, mostly in vain."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np

from activities.packing.board import Board, Floats, Ints, Mask
from activities.packing.ladder import Ladder
from activities.rules.occupancy import hinted


class Packer:
    """Who is placed where; knows room, standing rules and company, and forgets all else that checks know.

    An arrangement that was found here is therefore placed on the board, under all rules, before it counts.
    """

    def __init__(self, board: Board) -> None:
        self.board = board
        self._lacks = board.lacks
        self.free: Floats = np.ascontiguousarray(board.free.T, dtype=np.float64)  # [classes, hosts]
        self._free: list[Any] = [row.data for row in self.free]  # the same, for single numbers
        self._begin = self.free.copy()
        self.need: Floats = board.need.astype(np.float64)
        self.needs: Floats = np.ascontiguousarray(self.need.T)  # [classes, instances]
        self.shared = frozenset(board.shared)
        self._rows = [tuple(row) for row in self.need.tolist()]
        self.at: Ints = np.full(len(board.uuids), -1, dtype=np.int64)  # the host that each was placed on
        self._at: Any = self.at.data
        self.guests: dict[int, set[int]] = defaultdict(set)
        self.open: Mask = np.ones(len(board.hosts), dtype=bool)
        self._reach: dict[int, Mask] = {}
        # As things are, of a kind: the hosts with room, and the guests that could make some.
        self._fitting: dict[int, tuple[Mask, int]] = {}
        self.in_the_way: dict[int, list[int]] = {}
        self._trail: list[tuple[int, int]] | None = None
        self._company = Company(board)
        self._choosy = self._company.choosy
        self.kinds = board.instance_kinds
        self.kind: list[int] = self.kinds.tolist()
        self.weigh(self.open)

    def weigh(self, kept: Mask) -> None:
        """Weigh the classes by how scarce they are on these hosts."""
        self.board.weigh(kept)
        self.weight: Floats = self.board.weight
        self._weights: list[float] = self.weight.tolist()
        self.host_size = self.board.host_size
        self.size: Floats = self.need @ self.weight
        self._sizes: list[float] = self.size.tolist()
        self.ladder = Ladder(self.size, self.needs)
        self._pull: Floats = self.need * (self.weight * self.weight)
        self._squares: list[float] = (self.weight * self.weight).tolist()
        scaled = self.free * self.weight[:, None]
        self._norm: Floats = 1.0 / np.maximum((scaled * scaled).sum(axis=0), 1e-12)
        self._norms: Any = self._norm.data

    def start(self, kept: Mask) -> None:
        """Nothing placed, and these hosts open."""
        placed = np.flatnonzero(self.at >= 0).tolist()
        for i in placed if self._company.members else ():
            self._company.book(i, int(self.at[i]), -1)
        self.free[:], self.at[:] = self._begin, -1
        self.guests.clear()
        self.restore(self.at, kept)
        self.weigh(kept)

    def restore(self, at: Ints, kept: Mask) -> None:
        """Everything as it was when `at` and `open` were copied."""
        self._trail = None
        changed = np.flatnonzero(self.at != at).tolist()
        for i in changed:
            if self.at[i] >= 0:
                self.take_back(i)
        for i in changed:
            if at[i] >= 0:
                self.place(i, int(at[i]))
        self.open = kept.copy()
        self._reach, self._fitting, self.in_the_way = {}, {}, {}

    def record(self) -> None:
        """Remember from now on what is placed and taken back."""
        self._trail = []

    def undo(self, kept: Mask) -> None:
        """Everything placed as it was at the record, and these hosts open."""
        trail, self._trail = self._trail or [], None
        before = dict(reversed(trail))  # the first that is known of each
        changed = [i for i, host in before.items() if self.at[i] != host]
        for i in changed:
            if self.at[i] >= 0:
                self.take_back(i)
        for i in changed:
            if before[i] >= 0:
                self.place(i, before[i])
        self.open = kept
        self._reach, self._fitting, self.in_the_way = {}, {}, {}

    def set_open(self, host: int, value: bool) -> None:
        self.open[host] = value
        self._reach, self._fitting, self.in_the_way = {}, {}, {}

    def reach(self, i: int) -> Mask:
        """The open hosts that the standing rules allow the instance."""
        mask = int(self.board.mask_of[i])
        if mask not in self._reach:
            self._reach[mask] = self.board.masks[mask] & self.open
        return self._reach[mask]

    def fitting(self, i: int) -> Mask:
        """The open hosts that have room for the instance, whatever its company says."""
        found: Mask = self.reach(i).copy()
        for column, amount in enumerate(self._rows[i]):
            if amount and column not in self.shared:
                found &= self.free[column] >= amount
            elif amount:
                found &= (self.free[column] >= amount) | self.board.spared(i, column)
        return found

    def elsewhere(self, i: int) -> bool:
        """Whether another host than the one that it was placed on has room for the instance, so far as room
        and standing rules go.
        """
        kind = self.kind[i]
        if kind not in self._fitting:
            found = self.fitting(i)
            self._fitting[kind] = found, int(np.count_nonzero(found))
        found, number = self._fitting[kind]
        return number > int(found[self.at[i]])

    def lacking(self, i: int, hosts: Ints, columns: list[int]) -> Floats:
        """What each of these hosts lacks of these classes, [columns, hosts]; negative what is spare."""
        wanted: Floats = self.need[i, columns].reshape(-1, 1)
        found: Floats = wanted - self.free[columns][:, hosts]
        for n, column in enumerate(columns):
            if column in self.shared:
                found[n, self.board.spared(i, column)[hosts]] = -np.inf
        return found

    def scores(self, i: int) -> Floats:
        """How evenly such an instance would use up the room of each host; 0 of those that cannot take it."""
        found = self.fitting(i)
        score: Floats = (self._pull[i] @ self.free) * self._norm
        score += 1e-9  # an instance that needs nothing fits as well
        score *= found
        return score

    def _score(self, i: int, host: int) -> float:
        """The same of one host that the rules allow."""
        score, norm = 0.0, float(self._norms[host])
        for column, (free, amount, square) in enumerate(zip(self._free, self._rows[i], self._squares)):
            left = free[host]
            if left < amount and not self._spares(i, column, host):
                return 0.0
            score += amount * square * left
        return score * norm + 1e-9

    def put_all(self, items: Iterable[int], *, until_one_fails: bool = False) -> list[int]:
        """Place each where it fits best, in this order; those that fit nowhere, or all from the first."""
        left: list[int] = []
        if not len(self.open):
            return list(items)
        kind, score = -1, np.zeros(0)
        for i in items:
            if left and until_one_fails:
                left.append(i)
                continue
            if self.kind[i] != kind:
                kind, score = self.kind[i], self.scores(i)
            host = self._company.choose(i, score)
            if host is None:
                left.append(i)
                continue
            self.place(i, host)
            score[host] = self._score(i, host)
        return left

    def put(self, i: int) -> bool:
        """Place the instance where it fits best; False when it fits nowhere."""
        return not self.put_all((i,))

    def takes(self, i: int, host: int) -> bool:
        if not self.reach(i)[host]:
            return False
        for column, amount in enumerate(self._rows[i]):
            if self._free[column][host] < amount and not self._spares(i, column, host):
                return False
        return i not in self._choosy or host not in self._company.full(i)

    def _spares(self, i: int, column: int, host: int) -> bool:
        return column in self.shared and bool(self.board.spared(i, column)[host])

    def place(self, i: int, host: int) -> None:
        self._book(i, host, -1)
        self._at[i] = host
        self.guests[host].add(i)
        if self._trail is not None:
            self._trail.append((i, -1))

    def take_back(self, i: int) -> int:
        """Undo a placement; the host that it was on."""
        host: int = self._at[i]
        self._book(i, host, +1)
        self._at[i] = -1
        self.guests[host].remove(i)
        if self._trail is not None:
            self._trail.append((i, host))
        return host

    def _book(self, i: int, host: int, sign: int) -> None:
        norm = 0.0
        for column, (free, amount, weight) in enumerate(zip(self._free, self._rows[i], self._weights)):
            left = free[host]
            if amount and not (self.shared and self._lacks.item(host, column)):  # by a shared provider
                free[host] = left = left + sign * amount
            norm += (left * weight) ** 2
        self._norms[host] = 1.0 / max(norm, 1e-12)
        if i in self._company.members:
            self._company.book(i, host, -sign)
        if self._fitting or self.in_the_way:
            self._fitting, self.in_the_way = {}, {}

    def choosy(self, i: int) -> bool:
        """Whether it may find no place where another of its kind does."""
        return i in self._choosy

    def placed(self) -> dict[int, int]:
        found = np.flatnonzero(self.at >= 0)
        return dict(zip(found.tolist(), self.at[found].tolist()))

    def by_size(self, items: Iterable[int]) -> list[int]:
        """The largest first, those that are alike together."""
        sizes, kind = self._sizes, self.kind
        return sorted(items, key=lambda i: (-sizes[i], kind[i], i))

    def by_choice(self, items: Iterable[int]) -> list[int]:
        """Those with company to avoid first, then those that the fewest hosts may take, the largest first."""
        reach = {m: int((mask & self.open).sum()) for m, mask in enumerate(self.board.masks)}
        masks, sizes = self.board.mask_of.tolist(), self._sizes
        choosy, kind = self._choosy, self.kind
        return sorted(items, key=lambda i: (i not in choosy, reach[masks[i]], -sizes[i], kind[i], i))


class Company:
    """Whom an instance must not, or should not, share a host with: how many of each circle are where."""

    def __init__(self, board: Board) -> None:
        cluster, number = board.cluster, board.number
        self._here: dict[str, Counter[int]] = defaultdict(Counter)
        self._most: dict[str, int] = {}
        self._hard: dict[int, list[str]] = defaultdict(list)
        self._soft: dict[int, list[str]] = defaultdict(list)
        item = {uuid: i for i, uuid in enumerate(board.uuids)}
        for group in cluster.groups.values():
            if group.policy not in ("anti-affinity", "soft-anti-affinity"):
                continue
            self._most[group.uuid] = group.max_server_per_host
            members = (m for m in group.members if m in cluster.instances)
            self._join(group.uuid, members, group.policy == "anti-affinity", board, item)
        for one in cluster.instances.values():
            for other in hinted(one, "different_host") if one.scheduler_hints else ():
                if other in cluster.instances:
                    self._most[key := f"{one.uuid} {other}"] = 1
                    self._join(key, (one.uuid, other), True, board, item)
        self._number = number
        self.choosy = frozenset(self._hard)
        self.members = frozenset((*self._hard, *self._soft))

    def _join(self, key: str, members: Iterable[str], hard: bool, board: Board, item: dict[str, int]) -> None:
        for member in members:
            host = board.cluster.instances[member].host
            if host in board.number:
                self._here[key][board.number[host or ""]] += 1
            if member in item:
                (self._hard if hard else self._soft)[item[member]].append(key)

    def book(self, i: int, host: int, number: int) -> None:
        for circles in (self._hard, self._soft):
            if i in circles:
                for key in circles[i]:
                    self._here[key][host] += number

    def choose(self, i: int, score: Floats) -> int | None:
        """The host with the best score that its company leaves open; one without any of it, if it can be."""
        if i in self._hard and (full := self.full(i)):
            score = score.copy()
            score[full] = 0.0
        best = int(score.argmax())
        if score[best] <= 0.0:
            return None
        if i in self._soft and (shared := self._shared(i)):
            alone = score.copy()
            alone[shared] = 0.0
            apart = int(alone.argmax())
            return apart if alone[apart] > 0.0 else best
        return best

    def full(self, i: int) -> list[int]:
        """Hosts that hold as many of its circle as may be."""
        if i not in self._hard:
            return []
        return [h for key in self._hard[i] for h, n in self._here[key].items() if n >= self._most[key]]

    def _shared(self, i: int) -> list[int]:
        """Hosts that hold some of a circle that should rather be apart."""
        return [h for key in self._soft[i] for h, n in self._here[key].items() if n > 0]
