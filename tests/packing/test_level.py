"""Arrivals are spread, and nothing else changes by it."""

from __future__ import annotations

from random import Random

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.packing.level import level
from activities.packing.packer import Packer
from plan_schemas.model import Cluster
from tests.packing.boards import board, broken, sharing

MOVE = 8_192  # MiB that a move counts beside its memory


def busiest(packer: Packer) -> float:
    """The most that comes to one host, in MiB."""
    column = packer.board.classes.index("MEMORY_MB")
    work = (packer.board.need[list(g), column].sum() + MOVE * len(g) for g in packer.guests.values())
    return float(max(work, default=0.0))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(sharing(), st.randoms(use_true_random=False))
def test_the_busiest_destination_has_no_more_than_before(cluster: Cluster, chance: Random) -> None:
    """The same instances move to open hosts under all rules, and doing it again does nothing."""
    packer = Packer(board(cluster))
    kept = np.array([chance.random() < 0.6 for _ in packer.open])
    packer.start(kept)
    packer.put_all(i for i, host in enumerate(packer.board.home.tolist()) if not kept[host])
    before, most = set(packer.placed()), busiest(packer)
    level(packer)
    assert set(packer.placed()) == before
    assert busiest(packer) <= most
    assert broken(packer) == []
    assert all(kept[host] for host in packer.placed().values())
    spread = packer.at.copy()
    level(packer)
    assert (packer.at == spread).all()
