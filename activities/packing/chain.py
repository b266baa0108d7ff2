"""Places instances one by one, until one finds no place: quick where most of what is tried is in vain."""

from __future__ import annotations

from collections.abc import Sequence

from activities.packing.packer import Packer
from activities.packing.repair import in_the_way


def first_without(packer: Packer, items: Sequence[int]) -> int | None:
    """Place each where it fits best, in this order; which finds no place and ends it, or None."""
    left = list(items)
    while left := packer.put_all(left, until_one_fails=True):
        if not _make_room(packer, left[0]):
            return len(items) - len(left)
        del left[0]
    return None


def _make_room(packer: Packer, i: int) -> bool:
    """Place an instance where a guest gives way that finds room elsewhere, or where another gives way to it.

    All is looked up as things are before anybody moves, once for all of a kind.
    """
    guests = in_the_way(packer, i)
    if any(packer.elsewhere(j) and _pass_on(packer, (i, j)) for j in guests):
        return True
    for j in guests:
        for k in in_the_way(packer, j):
            if packer.at[k] != packer.at[j] and packer.elsewhere(k) and _pass_on(packer, (i, j, k)):
                return True
    return False


def _pass_on(packer: Packer, chain: Sequence[int]) -> bool:
    """Each takes the place of the next, and the last finds another; nothing happens where one cannot."""
    hosts = [packer.take_back(j) for j in chain[1:]]
    placed: list[int] = []
    for i, host in zip(chain, hosts):
        if not packer.takes(i, host):  # company
            break
        packer.place(i, host)
        placed.append(i)
    else:
        if packer.put(chain[-1]):
            return True
    for i in placed:
        packer.take_back(i)
    for j, host in zip(chain[1:], hosts):
        packer.place(j, host)
    return False
