"""Finds a place for every instance of one host, the most constrained first."""

from __future__ import annotations

from collections import Counter

import numpy as np

from activities.packing.board import Board
from activities.packing.release import eject
from activities.rules import checks
from activities.words import amounts, count
from plan_schemas.plan import Refusal


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
            eject(board, i)
    if len(board.placed) <= len(evenly):
        _clear(board)
        for i, host in evenly.items():
            board.place(i, host)


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


def nowhere(board: Board, i: int, hosts: list[str]) -> Refusal:
    """Why an instance finds no place at all: the rules, each with the number of hosts that it closes."""
    one, found = board.instances[i], refused(board, i, hosts)
    rules = sorted(Counter(r.code for r in found).items(), key=lambda row: (-row[1], row[0] != "capacity"))
    if not rules:
        text = f"{one.name} ({amounts(one.resources)}) finds no place: there is no other host in the choice"
        return Refusal("capacity", one.uuid, text)
    told = ", ".join(f"{code} on {number}" for code, number in rules)
    closest = found[int(np.argmax([r.code == "capacity" for r in found]))]
    text = f"{one.name} finds no place on {count(len(hosts), 'other host')} ({told}); for one, {closest.text}"
    return Refusal(rules[0][0], one.uuid, text, closest.culprits)
