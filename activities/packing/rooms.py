"""Which hosts take an instance when all is placed: asked once for all that are alike and have no company."""

from __future__ import annotations

import numpy as np

from activities.packing.board import Board, Ints, Mask
from activities.packing.drain import nowhere
from plan_schemas.plan import Refusal


class Rooms:
    """Answers of a board on which nothing is placed any more."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._kind: list[int] = board.instance_kinds.tolist()
        self._every = np.arange(len(board.hosts))
        self._taking: dict[int, tuple[Mask, int]] = {}
        self._codes: dict[int, Ints] = {}

    def others(self, i: int, host: int) -> int:
        """How many hosts could take the instance, but for this one and its home."""
        board = self._board
        if board.instances[i].server_group is not None:
            fits = board.fits(i)
            return int(np.count_nonzero(fits)) - int(fits[host])
        mask, number = self._takes(i)
        home = int(board.home[i])
        return number - int(mask[host]) - (int(mask[home]) if home != host else 0)

    def _takes(self, i: int) -> tuple[Mask, int]:
        """The hosts that take such an instance, its home as any other, and how many they are."""
        kind = self._kind[i]
        if kind not in self._taking:
            board, home = self._board, int(self._board.home[i])
            mask = board.fits(i)
            standing = board.open[home] and board.masks[board.mask_of[i], home]
            mask[home] = standing and board.has_room(i, home)
            self._taking[kind] = mask, int(np.count_nonzero(mask))
        return self._taking[kind]

    def nowhere(self, i: int, hosts: Ints) -> Refusal:
        """Why the instance finds no place on these hosts."""
        board = self._board
        if board.instances[i].server_group is not None or board.ledger.apart(board.uuids[i]):
            return nowhere(board, i, hosts)
        kind = self._kind[i]
        if kind not in self._codes:
            self._codes[kind] = board.codes(i, self._every)
        return nowhere(board, i, hosts, self._codes[kind][hosts])
