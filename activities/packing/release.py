"""Empties hosts as a whole: everything on a released host finds a place elsewhere, or nothing of it moves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from activities.packing.board import Board, Mask
from activities.packing.keep import SLACKS, Choice, Field, Limit

_EJECTIONS = 200  # pairs of instances that are looked at to make room for one
_SMALL = 80  # hosts, up to which every variant is tried for fewest moves
_TRIES = 24  # kept hosts that are tried for release in the end


@dataclass(frozen=True)
class Released:
    """Which hosts are released, where everything on them goes, and the least number of hosts there can be."""

    hosts: tuple[int, ...]
    moves: dict[int, int]
    left: int  # hosts with something on them afterwards
    bound: int
    fewest_moves: int  # of any arrangement on as many hosts as are left


class Release:
    """One search over a field; leaves the board with the best arrangement that it found."""

    def __init__(self, field: Field, limit: Limit) -> None:
        self.field, self.board, self.limit = field, field.board, limit
        self.kept: Mask = field.usable.copy()
        self.on: dict[int, list[int]] = defaultdict(list)
        for i, host in enumerate(self.board.home):
            self.on[int(host)].append(i)

    def run(self) -> Released:
        choice = Choice(self.field, self.limit)
        best: tuple[int, int] | None = None
        kept, moves = self.kept.copy(), dict(self.board.placed)
        for order, slack in self._variants():
            start = choice.kept(choice.bound, slack)
            if start is None:
                continue
            self._pack(start, order)
            self._improve(choice.bound)
            result = (self._left(), len(self.board.placed))
            if best is None or result < best:
                best, kept, moves = result, self.kept.copy(), dict(self.board.placed)
            if best[0] <= choice.bound and int(self.field.usable.sum()) > _SMALL:
                break
        self._restore(kept, moves)
        return self._result(choice)

    def _variants(self) -> list[tuple[Callable[[int], tuple[float, ...]], float]]:
        return [(order, slack) for order in (self._by_size, self._by_rarity) for slack in SLACKS]

    def _by_size(self, i: int) -> tuple[float, ...]:
        return (-self.board.size(i), i)

    def _by_rarity(self, i: int) -> tuple[float, ...]:
        reach = (self.board.masks[self.board.mask_of[i]] & self.kept).sum()
        return (float(reach), -self.board.size(i), i)

    def _result(self, choice: Choice) -> Released:
        released = self.field.occupied & ~self.kept
        hosts = sorted((int(h) for h in np.flatnonzero(released)), key=lambda h: (self.field.counts[h], h))
        left = self._left()
        fewest = choice.fewest_moves(left)
        return Released(tuple(hosts), dict(self.board.placed), left, choice.bound, fewest)

    def _left(self) -> int:
        taken = np.zeros(len(self.kept), dtype=bool)
        taken[list(self.board.placed.values())] = True
        return int(((self.field.occupied & self.kept) | taken).sum())

    def _restore(self, kept: Mask, moves: dict[int, int]) -> None:
        self._clear()
        self.kept = self.board.open = kept
        for i, host in moves.items():
            self.board.place(i, host)

    def _clear(self) -> None:
        for i in list(self.board.placed):
            self.board.take_back(i)

    def _pack(self, kept: Mask, order: Callable[[int], tuple[float, ...]]) -> None:
        """Release all but `kept`; a host whose instances find no place is kept after all."""
        self._clear()
        self.kept = self.board.open = kept.copy()
        self.board.weigh(self.kept)
        leaving = np.flatnonzero(self.field.occupied & ~self.kept)
        waiting = self._settle(sorted((i for h in leaving for i in self.on[int(h)]), key=order))
        while waiting:
            self._keep_one(waiting)
            left = [i for i in waiting if not self.kept[self.board.home[i]]]
            waiting = self._settle(sorted(left, key=order))

    def _keep_one(self, waiting: Sequence[int]) -> None:
        """Keep the host that saves most moves among those that help an instance without a place."""
        homes = {int(self.board.home[i]) for i in waiting}
        reach = self.board.masks[self.board.mask_of[waiting[0]]] & self.field.usable & ~self.kept
        helpful = homes | {int(h) for h in np.flatnonzero(reach)}
        host = max(helpful, key=lambda h: (self.field.counts[h], -h))
        self.kept[host] = True
        for i in self.on[host]:
            if i in self.board.placed:
                self.board.take_back(i)

    def _settle(self, items: Iterable[int]) -> list[int]:
        """Place each where it fits best; those that found no place, even by moving another on, in order."""
        return [i for i in items if not self._put(i)]

    def _put(self, i: int) -> bool:
        host = self.board.best(i, self.board.tight)
        if host is None:
            return eject(self.board, i)
        self.board.place(i, host)
        return True

    def _improve(self, bound: int) -> None:
        """Release further hosts, one by one, while there may be any."""
        for _ in range(_TRIES):
            if self._left() <= bound:
                return
            kept = np.flatnonzero(self.kept & ~self.field.forced & self.field.occupied)
            if not any(
                self._drop(int(h)) for h in sorted(kept, key=lambda h: (self.field.counts[h], h))[:_TRIES]
            ):
                return

    def _drop(self, host: int) -> bool:
        """Release one kept host with all that was placed there; everything as before when that fails."""
        if self.limit.moves is not None and len(self.board.placed) + len(self.on[host]) > self.limit.moves:
            return False
        before = dict(self.board.placed)
        self.kept[host] = False
        guests = [i for i, h in before.items() if h == host]
        for i in guests:
            self.board.take_back(i)
        if all(self._put(i) for i in sorted([*guests, *self.on[host]], key=self._by_size)):
            return True
        kept = self.kept.copy()
        kept[host] = True
        self._restore(kept, before)
        return False


def eject(board: Board, i: int) -> bool:
    """Place an instance by sending one that was placed before on to another host; False when none helps."""
    guests: dict[int, list[int]] = defaultdict(list)
    for j, host in board.placed.items():
        guests[host].append(j)
    reach = board.masks[board.mask_of[i]] & board.open
    short = np.maximum(board.need[i] - board.free, 0) * board.weight
    tries = 0
    for host in sorted((int(h) for h in np.flatnonzero(reach)), key=lambda h: (float(short[h].sum()), h)):
        lacks = np.maximum(board.need[i] - board.free[host], 0)
        for j in sorted(guests[host], key=lambda j: (board.size(j), j)):
            if (board.need[j] < lacks).any():
                continue
            tries += 1
            if tries > _EJECTIONS:
                return False
            if _swap_in(board, i, j, host):
                return True
    return False


def _swap_in(board: Board, i: int, j: int, host: int) -> bool:
    board.take_back(j)
    if board.takes(i, host):
        board.place(i, host)
        other = board.best(j, board.tight)
        if other is not None:
            board.place(j, other)
            return True
        board.take_back(i)
    board.place(j, host)
    return False
