"""The least number of hosts is told exactly, whichever way it is found: plans are held against it."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.packing.program import Kinds, fewest_hosts

some = settings(max_examples=150, deadline=None)


@st.composite
def kinds(draw: st.DrawFn) -> Kinds:
    """Zones of hosts of a few kinds, some demands within them and across, and what all hosts hold."""
    zones = [n for n in range(draw(st.integers(1, 3))) for _ in range(draw(st.integers(1, 2)))]
    number = len(zones)
    counts = draw(st.lists(st.integers(1, 3), min_size=number, max_size=number))
    capacity = np.array([[draw(st.integers(1, 9)), draw(st.integers(0, 9))] for _ in zones], float)
    least = [draw(st.sampled_from((0, 0, 0, 1))) for _ in zones]
    masks = [np.array(zones) == n for n in range(3 * draw(st.booleans()))]
    masks += [np.array(draw(st.lists(st.booleans(), min_size=number, max_size=number)))]
    demands, spread = [], []
    for mask in (np.ones(number, bool), *masks):
        whole = (capacity * mask[:, None] * np.array(counts)[:, None]).sum(axis=0)
        demands.append((mask, np.floor(whole * draw(st.floats(0.0, 0.95)))))
        spread.append((mask, draw(st.integers(0, int(np.array(counts) @ mask)))))
    few = draw(st.integers(0, len(spread)))
    moves = np.ones(number)
    return Kinds(
        capacity, np.array(counts, float), np.array(least, float), moves, tuple(demands), tuple(spread[:few])
    )


@some
@given(kinds())
def test_the_fewest_hosts_are_what_trying_all_numbers_finds(given: Kinds) -> None:
    """With demands of zones apart, of hosts across zones, of all hosts, and with hosts that stay."""
    every = product(*(range(int(low), int(most) + 1) for low, most in zip(given.least, given.count)))
    found = [sum(kept) for kept in every if _holds(given, np.array(kept, float))]
    assert fewest_hosts(given) == min(found)


def _holds(given: Kinds, kept: np.ndarray) -> bool:
    room = all((kept * mask @ given.capacity >= wanted).all() for mask, wanted in given.demands)
    return room and all(kept @ mask >= number for mask, number in given.spread)
