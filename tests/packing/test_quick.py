"""What makes a search quick changes nothing of what it finds: each short cut beside the long way."""

from __future__ import annotations

from random import Random

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.packing.chain import first_without
from activities.packing.packer import Packer
from activities.packing.repair import in_the_way
from activities.packing.rooms import Rooms
from plan_schemas.model import Cluster
from tests.packing.boards import board, broken, sharing

few = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def filled(cluster: Cluster, chance: Random) -> tuple[Packer, list[int]]:
    """A packer on which some of what is on closed hosts was placed, and all that is there."""
    packer = Packer(board(cluster))
    packer.start(np.array([chance.random() < 0.6 for _ in packer.open]))
    items = [i for i, host in enumerate(packer.board.home.tolist()) if not packer.open[host]]
    packer.put_all(chance.sample(items, len(items) * 2 // 3))
    return packer, items


@few
@given(sharing(), st.randoms(use_true_random=False))
def test_those_in_the_way_are_the_smallest_without_whom_there_is_room(
    cluster: Cluster, chance: Random
) -> None:
    """Two of each kind, no larger and of another kind, found by asking each guest in turn."""
    packer, items = filled(cluster, chance)
    for i in items:
        if packer.at[i] >= 0:
            continue
        wanted: list[int] = []
        for j in sorted(packer.placed(), key=lambda j: (packer.size[j], j)):
            host, alike = int(packer.at[j]), [k for k in wanted if packer.kind[k] == packer.kind[j]]
            if packer.kind[j] == packer.kind[i] or packer.size[j] > packer.size[i] or len(alike) == 2:
                continue
            room = packer.free[:, host] + packer.need[j] >= packer.need[i]
            spared = [c in packer.shared and packer.board.spared(i, c)[host] for c in range(len(room))]
            if packer.reach(i)[host] and (room | spared | (packer.need[i] == 0)).all():
                wanted.append(j)
        assert in_the_way(packer, i) == wanted[:12]


@few
@given(sharing(), st.randoms(use_true_random=False))
def test_one_by_one_all_are_placed_by_the_rules_or_the_first_that_is_not_is_told(
    cluster: Cluster, chance: Random
) -> None:
    """What was placed before keeps a place, and an undone trial leaves everything where it was."""
    packer, items = filled(cluster, chance)
    before, kept = packer.placed(), packer.open.copy()
    rest = packer.by_size(i for i in items if i not in before)
    packer.record()
    stuck = first_without(packer, rest)
    here = rest if stuck is None else rest[:stuck]
    assert sorted(packer.placed()) == sorted([*before, *here])
    assert broken(packer) == []
    if stuck is not None:
        assert not packer.put(rest[stuck])
    packer.undo(kept)
    assert packer.placed() == before
    again = Packer(board(cluster))
    again.start(kept)
    for i, host in before.items():
        again.place(i, host)
    assert (packer.free == again.free).all()
    assert all(np.allclose(packer.scores(i), again.scores(i), rtol=1e-9) for i in items)


@few
@given(sharing(), st.randoms(use_true_random=False))
def test_what_is_asked_once_for_all_that_are_alike_is_true_of_each(cluster: Cluster, chance: Random) -> None:
    """How many hosts take an instance, from its kind, is what the board counts for itself."""
    packer, _ = filled(cluster, chance)
    made = packer.board
    for i, host in packer.placed().items():
        if made.passes(i, host):
            made.place(i, host)
    made.open = packer.open
    rooms = Rooms(made)
    for i in range(len(made.uuids)):
        for host in range(len(made.hosts)):
            fits = made.fits(i)
            assert rooms.others(i, host) == int(fits.sum()) - int(fits[host])
    assert made.sizes().tolist() == [made.size(i) for i in range(len(made.uuids))]
