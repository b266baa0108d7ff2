"""The plain arrays of the packing know what the rules know, and come back to what they were."""

from __future__ import annotations

from random import Random

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.packing.packer import Packer
from activities.packing.repair import place_all
from activities.rules import checks
from plan_schemas.model import Cluster
from tests.packing.boards import board, broken, sharing

few = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@few
@given(sharing(), st.randoms(use_true_random=False))
def test_the_arrays_take_what_the_rules_take(cluster: Cluster, chance: Random) -> None:
    """For every instance and host, whoever was placed before: room, shared disks, wishes and company."""
    made = board(cluster)
    packer = Packer(made)
    for i in chance.sample(range(len(made.uuids)), len(made.uuids)):
        for host, name in enumerate(made.hosts):
            if host == made.home[i]:
                continue
            refused = checks.refusals(cluster, made.ledger, made.uuids[i], name, made.rules)
            assert packer.takes(i, host) == made.takes(i, host) == (not refused), refused
            assert (made.codes(i, np.array([host]))[0] > 0) == bool(refused)
        packer.set_open(int(made.home[i]), False)
        if chance.random() < 0.7 and packer.put(i):
            made.place(i, int(packer.at[i]))
        packer.set_open(int(made.home[i]), True)


@few
@given(sharing(), st.randoms(use_true_random=False))
def test_whatever_is_placed_keeps_the_rules_and_nobody_is_lost(cluster: Cluster, chance: Random) -> None:
    """All on the closed hosts are placed or told to be left, on open hosts, whatever was sent on for them."""
    packer = Packer(board(cluster))
    kept = np.array([chance.random() < 0.6 for _ in packer.open])
    packer.start(kept)
    items = [i for i, host in enumerate(packer.board.home.tolist()) if not kept[host]]
    for order in (packer.by_size, packer.by_choice):
        packer.start(kept)
        left = place_all(packer, order(items), 60)
        assert sorted([*packer.placed(), *left]) == items
        assert broken(packer) == []
        assert all(kept[host] for host in packer.placed().values())


@few
@given(sharing(), st.randoms(use_true_random=False))
def test_what_was_tried_in_vain_leaves_no_trace(cluster: Cluster, chance: Random) -> None:
    """After any search, what is restored is as if nothing else had ever been: room, guests and scores."""
    packer = Packer(board(cluster))
    closed = {h for h in range(len(packer.open)) if chance.random() < 0.5}
    kept = np.array([h not in closed for h in range(len(packer.open))])
    packer.start(kept)
    items = [i for i, host in enumerate(packer.board.home.tolist()) if host in closed]
    packer.put_all(items[::2])
    before = packer.at.copy()
    place_all(packer, [*items[1::2], *(i for i in items[::2] if before[i] < 0)], 60)
    packer.restore(before, kept)
    again = Packer(board(cluster))
    again.start(kept)
    for i, host in packer.placed().items():
        again.place(i, host)
    assert (packer.free == again.free).all()
    assert {h: g for h, g in packer.guests.items() if g} == {h: g for h, g in again.guests.items() if g}
    for i in items:
        assert np.allclose(packer.scores(i), again.scores(i), rtol=1e-9)
        assert [packer.takes(i, h) for h in range(len(kept))] == [again.takes(i, h) for h in range(len(kept))]
