"""Makes room for instances that found no place: others that were placed before them change places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np

from activities.packing.board import Ints
from activities.packing.packer import Packer

_EJECTIONS = 12  # instances that are tried to be sent on, at each step of a chain
_DEPTH = 2  # steps of a chain
_ALIKE = 2  # instances of a kind that are tried: the rest would fail alike


def place_all(packer: Packer, items: Sequence[int], stirs: int) -> list[int]:
    """Place each where it fits best, in this order; those without a place after all that was tried."""
    left = _squeeze(packer, items)
    return stir(packer, left, stirs) if left and not _too_much(packer, left) else left


def _squeeze(packer: Packer, items: Sequence[int]) -> list[int]:
    left = packer.put_all(items)
    for depth in range(1, _DEPTH + 1):
        if not left or _too_much(packer, left):
            return left
        left = _eject_for(packer, left, depth)
    return left


def _too_much(packer: Packer, items: Sequence[int]) -> bool:
    """Whether they need more than a whole host, which is too much to squeeze in."""
    return float(packer.size[items].sum()) > packer.host_size


def _eject_for(packer: Packer, items: Iterable[int], depth: int) -> list[int]:
    """Those that could not be placed, in this order. What is alike fails alike and is not tried again."""
    left: list[int] = []
    failed: set[int] = set()
    for i in items:
        if packer.kind[i] not in failed and (packer.put(i) or eject(packer, i, depth)):
            continue
        left.append(i)
        if not packer.choosy(i):
            failed.add(packer.kind[i])
    return left


def eject(packer: Packer, i: int, depth: int) -> bool:
    """Place an instance by sending one that is no larger to another host, or that one by a chain of such."""
    for j in in_the_way(packer, i):
        if depth == 1 and not (packer.choosy(i) or packer.elsewhere(j)):
            continue
        host = packer.take_back(j)
        if not packer.takes(i, host):  # company
            packer.place(j, host)
            continue
        packer.place(i, host)
        if packer.put(j) or (depth > 1 and eject(packer, j, depth - 1)):
            return True
        packer.take_back(i)
        packer.place(j, host)
    return False


def in_the_way(packer: Packer, i: int) -> list[int]:
    """Guests, none larger, whose departure alone makes room for the instance, the smallest first.

    One of the same size helps where it is less particular about its host. Guests that need the same and may
    go to the same hosts fail alike: the first two of each kind.
    """
    kind = packer.kind[i]
    if kind not in packer.in_the_way:
        packer.in_the_way[kind] = list(islice(_in_the_way(packer, i), _EJECTIONS))
    return packer.in_the_way[kind]


def _in_the_way(packer: Packer, i: int) -> Iterator[int]:
    reach, columns = np.flatnonzero(packer.reach(i)), np.flatnonzero(packer.need[i]).tolist()
    lacking = packer.lacking(i, reach, columns)
    helped = np.zeros(len(packer.open) + 1, dtype=bool)  # the last stands for no host
    seen = Counter({packer.kind[i]: _ALIKE})
    for some, hosts in packer.ladder.helping(float(packer.size[i]), lacking, columns):
        helped[reach] = hosts
        for j in _enough(packer, i, some[helped[packer.at[some]]], columns).tolist():
            seen[packer.kind[j]] += 1
            if seen[packer.kind[j]] <= _ALIKE:
                yield j


def _enough(packer: Packer, i: int, guests: Ints, columns: list[int]) -> Ints:
    """Those of the guests without whom their host has room for the instance."""
    for column in columns:
        hosts = packer.at[guests]
        enough = packer.free[column, hosts] + packer.needs[column, guests] >= packer.need[i, column]
        if column in packer.shared:
            enough |= packer.board.spared(i, column)[hosts]
        guests = guests[enough]
    return guests


def stir(packer: Packer, waiting: list[int], tries: int) -> list[int]:
    """Empty a few hosts of their guests and fill them again, more tightly; those that still wait.

    The hosts are those with most room that the largest one waiting may use, and others in turn.
    """
    last = 0  # turn that helped
    for turn in range(tries):
        if not waiting or turn - last > tries // 3:
            break
        first = waiting[turn % len(waiting)]
        hosts = _to_stir(packer, first, turn)
        if len(hosts) < 2:
            continue
        before = [(j, h) for h in hosts for j in sorted(packer.guests[h])]
        lacked = float(packer.size[waiting].sum())
        for j, _ in before:
            packer.take_back(j)
        left = _refill(packer, [*(j for j, _ in before), *waiting], hosts, turn)
        left = packer.put_all(packer.by_size(left))
        if float(packer.size[left].sum()) <= lacked and set(left) != set(waiting):
            waiting = packer.by_size(left)
            last = turn if float(packer.size[left].sum()) < lacked else last
        elif left != waiting:
            touched = {*(j for j, _ in before), *waiting}
            for j in sorted(touched):
                if packer.at[j] >= 0:
                    packer.take_back(j)
            for j, host in before:
                packer.place(j, host)
    return waiting


def _to_stir(packer: Packer, i: int, turn: int) -> list[int]:
    """A few hosts in which there might be room for the instance, others each turn."""
    reach = np.flatnonzero(packer.reach(i))
    if not len(reach):
        return []
    room = packer.weight @ packer.free[:, reach]
    order = reach[np.argsort(-room, kind="stable")]
    most = int(order[turn // 3 % min(len(order), 8)])
    step = 1 + (turn * 7919) % max(len(order) - 1, 1)
    others = islice((int(order[(turn * 31 + n * step) % len(order)]) for n in range(12)), 12)
    return list(dict.fromkeys([most, *others]))[: 2 + turn % 3]


def _refill(packer: Packer, items: list[int], hosts: list[int], turn: int) -> list[int]:
    """Fill these hosts one after the other, each as tightly as a greedy choice does; what is left over."""
    rest = packer.by_size(items)
    for host in hosts if turn % 2 else reversed(hosts):
        skipped: list[int] = []
        failed = -1
        for i in rest:
            if packer.kind[i] != failed and packer.takes(i, host):
                packer.place(i, host)
            else:
                failed = -1 if packer.choosy(i) else packer.kind[i]
                skipped.append(i)
        rest = skipped
    return rest
