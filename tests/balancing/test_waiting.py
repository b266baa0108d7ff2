"""What waits for its turn, and whether one host takes an instance: each against the slow way to ask it."""

from __future__ import annotations

from functools import partial
from heapq import heapify, heappop, heappush

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.balancing.coolest import Coolest
from activities.balancing.floor import Floor, scene
from activities.balancing.load import CPU, Floats
from activities.balancing.waiting import Waiting
from activities.packing.board import Ints
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


def _of(score: Floats, _: int, hosts: Ints) -> Floats:
    found: Floats = score[hosts]
    return found


def _with(load: float, level: float, whole: float) -> float:
    return -(level + load / whole)


@pytest.mark.parametrize("fill", [(0.35, 0.75), (0.85, 0.93)])
@pytest.mark.parametrize("seed", range(2))
def test_the_coolest_of_its_kind_is_the_best_of_all(seed: int, fill: tuple[float, float]) -> None:
    """With zones, traits and groups, also after moves and when some are undone: as asked of all hosts."""
    made = cloud(220, seed=seed, constrained=True, fill=fill)
    seen = scene(made, Scope().rules(made, ("live", "service")), usage(made, seed), [CPU])
    floor = Floor(seen, seen.movable(list(made.hosts)[:40]))
    coolest, known = Coolest(floor), 0
    for i in range(len(floor.uuids)):
        parts = floor.load[i, 0] / floor.capacity[:, 0]
        least = -0.2 - 0.3 * (i % 3)
        score = -(floor.level[:, 0] + parts)
        best = next(floor.ranked(i, score > least, partial(_of, score)), None)
        found = coolest.first(i, partial(_with, floor.load.item(i, 0)), least)
        if found is not None:
            assert found[1] == best
            known += best is not None
        if best is not None and i % 3 == 0:
            floor.move(i, best)
            if i % 2 and floor.fits_home(i):
                floor.back(i)
    assert known > len(floor.uuids) / 4
