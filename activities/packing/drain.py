"""Finds a place for every instance of one host, the most constrained first."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from activities.packing.board import Board, Ints
from activities.rules import checks
from activities.words import amounts, count
from plan_schemas.plan import Refusal

_EJECTIONS = 200  # pairs of instances that are looked at to make room for one


def drain(board: Board) -> None:
    """Place all instances of the board, evenly if that places as many as packing tightly does."""
    numbers = list(range(len(board.uuids)))
    reach = {i: int(board.fits(i).sum()) for i in numbers}
    order = sorted(numbers, key=lambda i: (reach[i], -board.size(i), i))
    for i in order:
        if (host := board.best(i, board.even)) is not None:
            board.place(i, host)
    if len(board.placed) == len(order):
        return
    evenly = dict(board.placed)
    _clear(board)
    for i in order:
        if (host := board.best(i, board.tight)) is not None:
            board.place(i, host)
        else:
            _eject(board, i)
    if len(board.placed) <= len(evenly):
        _clear(board)
        for i, host in evenly.items():
            board.place(i, host)


def _eject(board: Board, i: int) -> bool:
    """Place an instance by sending one that was placed before on to another host; False when none helps."""
    guests: dict[int, list[int]] = defaultdict(list)
    for j, host in board.placed.items():
        guests[host].append(j)
    reach = board.masks[board.mask_of[i]] & board.open
    short = board.short(i)
    size = short @ board.weight
    tries = 0
    for host in sorted((int(h) for h in np.flatnonzero(reach)), key=lambda h: (float(size[h]), h)):
        for j in sorted(guests[host], key=lambda j: (board.size(j), j)):
            if (board.need[j] < short[host]).any():
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


def only(board: Board, host: str) -> bool:
    """Place all instances on this one host; nothing is placed when it cannot take them all."""
    there = board.number[host]
    for i in sorted(range(len(board.uuids)), key=lambda i: (-board.size(i), i)):
        if not board.takes(i, there):
            _clear(board)
            return False
        board.place(i, there)
    return True


def _clear(board: Board) -> None:
    for i in list(board.placed):
        board.take_back(i)


def refused(board: Board, i: int, hosts: list[str]) -> tuple[Refusal, ...]:
    """Per host the first rule that keeps the instance from it now; hosts that take it are absent."""
    found = (checks.refusals(board.cluster, board.ledger, board.uuids[i], h, board.rules) for h in hosts)
    return tuple(f[0] for f in found if f)


def nowhere(board: Board, i: int, hosts: Ints, known: Ints | None = None) -> Refusal:
    """Why an instance finds no place at all: the rules, each with the number of hosts that it closes (by
    the board's codes of these hosts, if they are known).
    """
    one, codes = board.instances[i], board.codes(i, hosts) if known is None else known
    numbers = np.bincount(codes, minlength=len(board.codes_known)).tolist()
    rules = [(code, n) for code, n in zip(board.codes_known, numbers) if code and n]
    rules.sort(key=lambda row: (-row[1], row[0] != "capacity"))
    if not rules:
        text = f"{one.name} ({amounts(one.resources)}) finds no place: there is no other host in the choice"
        return Refusal("capacity", one.uuid, text)
    told = ", ".join(f"{code} on {number}" for code, number in rules)
    short = codes == board.codes_known.index("capacity")
    first = int(hosts[int((short if short.any() else codes > 0).argmax())])
    told = f"{one.name} finds no place on {count(len(hosts), 'other host')} ({told})"
    for closest in refused(board, i, [board.hosts[first]]):
        return Refusal(rules[0][0], one.uuid, f"{told}; for one, {closest.text}", closest.culprits)
    return Refusal(rules[0][0], one.uuid, told)
