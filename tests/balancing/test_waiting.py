"""What waits for its turn, and whether one host takes an instance: each against the slow way to ask it."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.balancing.floor import Floor, scene
from activities.balancing.load import CPU
from activities.balancing.waiting import Waiting
from plan_schemas.audit import Scope
from tests.bench.clouds import cloud, usage

VALUES = st.integers(-4, 0).map(float)  # few, so that many are equal
LATER = st.lists(st.tuples(VALUES, st.integers(0, 9), st.booleans()), max_size=6)


@given(st.lists(VALUES, max_size=12), LATER)
def test_it_gives_out_in_the_order_of_a_heap(
    values: list[float], later: list[tuple[float, int, bool]]
) -> None:
    """Whatever is put back on the way, the next one is the one that a heap of all would give."""
    heap = [(v, i, False) for i, v in enumerate(values)]
    heapify(heap)
    waiting = Waiting(np.array(values), np.arange(len(values)))
    while heap:
        assert waiting.first() == heap[0]
        assert waiting.pop() == heappop(heap)
        if later:
            waiting.push(later[-1])
            heappush(heap, later.pop())
    assert not waiting


@pytest.mark.parametrize("seed", range(3))
def test_one_host_takes_what_all_arrays_and_rules_let_come(seed: int) -> None:
    """On a full cloud with zones, traits and groups, also after moves: asked of one host or of all."""
    made = cloud(20, seed=seed, constrained=True, fill=(0.85, 0.93))
    seen = scene(made, Scope().rules(made, ("live", "service")), usage(made, seed), [CPU])
    floor = Floor(seen, seen.movable(made.hosts))
    answers = set()
    for i in range(len(floor.uuids)):
        fits = floor.fits(i)
        for host in range(len(floor.hosts)):
            takes = floor.takes(i, host)
            assert takes == bool(fits[host] and not floor.against(i, host))
            answers.add(takes)
        if i % 9 == 0 and fits.any():
            host = int(fits.argmax())
            if floor.takes(i, host):
                floor.move(i, host)
    assert answers == {True, False}
