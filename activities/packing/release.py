"""Empties hosts as a whole: everything on a released host finds a place elsewhere, or nothing of it moves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from activities.packing.board import Mask
from activities.packing.keep import SLACKS, Choice, Field, Limit
from activities.packing.level import level
from activities.packing.packer import Packer
from activities.packing.repair import place_all

_SMALL = 120  # hosts, up to which every variant is tried for fewest moves
_SURE = 3  # variants that are tried for fewest hosts on greater clouds
_NEAR = 1.0025  # hosts over their bound, where a greater cloud is tried no further
_ASKS = 12  # other choices of hosts that are asked for, with more room for what found no place
_DROPS = 12  # kept hosts that are tried for release in the end
_SWAPS = 60  # pairs of a kept and a released host that are tried to change parts, for fewer moves
_STIRS = 240  # times that a few hosts are filled anew to make room for what is left over

Order = Callable[[Iterable[int]], list[int]]


@dataclass(frozen=True)
class Released:
    """Which hosts are released, where everything on them goes, and the least number of hosts there can be."""

    hosts: tuple[int, ...]
    moves: dict[int, int]
    left: int  # hosts with something on them afterwards
    bound: int
    fewest_moves: int  # of any arrangement on as many hosts as are left
    untried: frozenset[int] = frozenset()  # hosts that a walk ended before


class Release:
    """One search over a field; leaves the board with the best arrangement that it found."""

    def __init__(self, field: Field, limit: Limit) -> None:
        self.field, self.board, self.limit = field, field.board, limit
        self.packer = Packer(field.board)
        self.on: dict[int, list[int]] = defaultdict(list)
        for i, host in enumerate(self.board.home.tolist()):
            self.on[host].append(i)
        self.small = int(field.usable.sum()) <= _SMALL
        self.least = len(self.board.hosts)  # hosts that were kept so far
        self.stuck: int | None = None  # the wishes of what found no place first

    def run(self) -> Released:
        choice = Choice(self.field, self.limit)
        packer = self.packer
        best: tuple[int, int] | None = None
        kept, at = self.field.usable.copy(), packer.at.copy()
        for order, start in self._variants(choice):
            self._pack(start, order)
            self._improve(choice.bound)
            result = self._result()
            if best is None or result < best:
                best, kept, at = result, packer.open.copy(), packer.at.copy()
            self.least = best[0]
            if best[0] <= choice.bound * _NEAR and not self.small:
                break
        packer.restore(at, kept)
        if self.small and best is not None:
            self._change_parts(choice.fewest_moves(best[0]))
        level(packer)
        return self.settle(choice)

    def _variants(self, choice: Choice) -> Iterator[tuple[Order, Mask]]:
        tried: set[bytes] = set()
        orders = [self.packer.by_size, self.packer.by_choice]
        if not self.small:  # what comes near at once is tried no further
            orders.reverse()
        for order in orders:
            for slack in SLACKS:
                start = choice.kept(choice.bound, slack)
                if start is None or (not self.small and len(tried) >= _SURE):
                    continue
                key = start.tobytes() + order.__name__.encode()
                if key not in tried:
                    tried.add(key)
                    yield order, start
        for hosts in (choice.bound, choice.bound + 1) if self.small else ():
            for _ in range(_ASKS):
                if self.stuck is None or self.least <= hosts:
                    break
                start = choice.roomier(hosts, self.board.masks[self.stuck])
                if start is None:
                    break
                yield self.packer.by_choice, start

    def _result(self) -> tuple[int, int]:
        """Hosts in use, and moves."""
        taken = np.zeros(len(self.board.hosts), dtype=bool)
        taken[self.packer.at[self.packer.at >= 0]] = True
        return int(((self.field.occupied & self.packer.open) | taken).sum()), int((self.packer.at >= 0).sum())

    def _pack(self, kept: Mask, order: Order) -> None:
        """Release all but `kept`; hosts are kept after all until everything has a place."""
        self.packer.start(kept)
        leaving = np.flatnonzero(self.field.occupied & ~kept).tolist()
        waiting = place_all(self.packer, order(i for h in leaving for i in self.on[h]), _STIRS)
        self.stuck = int(self.board.mask_of[waiting[0]]) if waiting else None
        while waiting:
            self._keep_one(waiting)
            left = [i for i in waiting if not self.packer.open[self.board.home[i]]]
            waiting = place_all(self.packer, order(left), _STIRS)

    def _keep_one(self, waiting: Sequence[int]) -> None:
        """Keep the host that saves most moves among those that help an instance without a place."""
        packer, counts = self.packer, self.field.counts
        helpful = self.board.masks[self.board.mask_of[waiting[0]]] & self.field.usable & ~packer.open
        helpful[self.board.home[list(waiting)]] = True
        self._keep(int(np.where(helpful, counts, -1).argmax()))

    def _keep(self, host: int) -> None:
        self.packer.set_open(host, True)
        for i in self.on[host]:
            if self.packer.at[i] >= 0:
                self.packer.take_back(i)

    def _improve(self, bound: int) -> None:
        """Release further hosts, one by one, while there may be any."""
        counts = self.field.counts
        for _ in range(_DROPS):
            if self._result()[0] <= bound:
                return
            kept = np.flatnonzero(self.packer.open & ~self.field.forced & self.field.occupied)
            easiest = kept[np.lexsort((kept, counts[kept]))][:_DROPS].tolist()
            if not any(self.exchange(release=h) for h in easiest):
                return

    def exchange(self, release: int, keep: int | None = None) -> bool:
        """Release a kept host with all that was placed there, and keep another if one is given.

        Everything is as before when that fails.
        """
        orders = (self.packer.by_size, self.packer.by_choice) if self.small else (self.packer.by_size,)
        return any(self._exchanged(release, keep, order) for order in orders)

    def _exchanged(self, release: int, keep: int | None, order: Order) -> bool:
        packer = self.packer
        kept = packer.open.copy()
        packer.record()
        guests = self.close(release)
        if keep is not None:
            self._keep(keep)
        items = order(i for i in (*guests, *self.on[release]) if keep != self.board.home[i])
        if self.allows(len(items)) and not place_all(packer, items, _STIRS // 4):
            return True
        packer.undo(kept)
        return False

    def close(self, host: int) -> list[int]:
        """Take all guests of a kept host off it, and let it take no others; the guests."""
        guests = sorted(self.packer.guests[host])
        for i in guests:
            self.packer.take_back(i)
        self.packer.set_open(host, False)
        return guests

    def allows(self, more: int) -> bool:
        """Whether so many more may move."""
        most = self.limit.moves
        return most is None or int((self.packer.at >= 0).sum()) + more <= most

    def _change_parts(self, fewest: int) -> None:
        """Let kept and released hosts change parts where that saves moves."""
        counts, tries = self.field.counts, _SWAPS
        while self._result()[1] > fewest and tries > 0:
            released = np.flatnonzero(self.field.occupied & ~self.packer.open)
            kept = np.flatnonzero(self.packer.open & self.field.occupied & ~self.field.forced)
            pairs = [(int(counts[k] - counts[r]), int(r), int(k)) for r in released for k in kept]
            spare = self._result()[1] - fewest
            useful = sorted(p for p in pairs if -spare <= p[0] < 0)[:tries]
            tries -= len(useful)
            if not any(self.exchange(release=k, keep=r) for _, r, k in useful):
                return

    def settle(self, choice: Choice, untried: frozenset[int] = frozenset()) -> Released:
        """Place what was found on the board under all rules; a host that they hold back is kept after all."""
        board, packer = self.board, self.packer
        board.open = packer.open
        held: set[int] = set()
        for i, host in packer.placed().items():
            if board.passes(i, host):
                board.place(i, host)
            elif (other := board.best(i, board.tight)) is not None:
                board.place(i, other)
            else:
                held.add(int(board.home[i]))
        for host in held:
            for i in self.on[host]:
                if i in board.placed:
                    board.take_back(i)
        board.open[list(held)] = True
        released = self.field.occupied & ~board.open
        hosts = sorted(np.flatnonzero(released).tolist(), key=lambda h: (self.field.counts[h], h))
        taken = np.zeros(len(board.hosts), dtype=bool)
        taken[list(board.placed.values())] = True
        left = int(((self.field.occupied & board.open) | taken).sum())
        fewest = choice.fewest_moves(left)
        return Released(tuple(hosts), dict(board.placed), left, choice.bound, fewest, untried)
