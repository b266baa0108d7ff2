"""Spreads arrivals: a consolidation takes as long as its busiest host, and that need not be a destination."""

from __future__ import annotations

import numpy as np

from activities.packing.packer import Packer

_MEMORY = "MEMORY_MB"
_EACH = 8_192  # MiB that every move counts beside its memory: what it takes to begin and to end


def level(packer: Packer) -> None:
    """Send arrivals of the busiest destinations to idler ones, until a source takes longest in any case.

    Hosts and moves stay as they are; further than that it spreads nothing, so that what is full stays full.
    """
    work, arriving = _work(packer)
    leaving = np.bincount(packer.board.home, work * (packer.at >= 0), len(arriving))
    done = np.zeros(len(arriving), dtype=bool)
    for _ in range(int((packer.at >= 0).sum())):
        busy = int(np.where(done, -1.0, arriving).argmax()) if len(arriving) else 0
        if not len(arriving) or done[busy] or arriving[busy] <= leaving.max():
            return
        if not _relieve(packer, busy, work, arriving):
            done[busy] = True


def _work(packer: Packer) -> tuple[np.ndarray, np.ndarray]:
    classes = packer.board.classes
    memory = packer.need[:, classes.index(_MEMORY)] if _MEMORY in classes else np.zeros(len(packer.at))
    work = memory + _EACH
    placed = packer.at >= 0
    return work, np.bincount(packer.at[placed], work[placed], len(packer.board.hosts))


def _relieve(packer: Packer, busy: int, work: np.ndarray, arriving: np.ndarray) -> bool:
    """Send one arrival of this host to the idlest that takes it and stays idler; False when none does."""
    for i in packer.by_size(packer.guests[busy]):
        idler = packer.fitting(i) & (arriving + work[i] < arriving[busy])
        if not idler.any():
            continue
        there = int(np.where(idler, arriving, np.inf).argmin())
        if packer.takes(i, there):
            packer.take_back(i)
            packer.place(i, there)
            arriving[busy] -= work[i]
            arriving[there] += work[i]
            return True
    return False
