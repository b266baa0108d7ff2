"""What measures the goals: a false bound, a miss that is hidden, a broken rule unseen would tell lies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plan_schemas.plan import Change, Proposal
from tests.bench import alone, limits, meter, optimum
from tests.bench.clouds import cloud
from tests.bench.goals import consolidation
from tests.bench.landing import landed
from tests.bench.table import Goal, verdicts


def test_a_verdict_looks_at_worst_and_median() -> None:
    """In the direction in which a goal is better; one row beyond the worst is a miss."""
    rows = [{"goal": "G", "ratio": r} for r in (1.0, 1.0, 1.2)]
    assert [v.met for v in verdicts([Goal("G", "x", worst=1.2, median=1.0)], rows)] == [True]
    assert [v.met for v in verdicts([Goal("G", "x", worst=1.1)], rows)] == [False]
    assert [v.met for v in verdicts([Goal("G", "x", median=0.9)], rows)] == [False]
    assert [v.met for v in verdicts([Goal("G", "x", worst=1.0, better="higher")], rows)] == [True]
    assert [v.met for v in verdicts([Goal("G", "x", worst=1.1, better="higher")], rows)] == [False]
    assert verdicts([Goal("other", "x", worst=1)], rows) == []


@pytest.mark.parametrize("constrained", [False, True])
def test_no_proposal_betters_a_bound(constrained: bool) -> None:
    """Neither with all moves nor with few; and the bounds are no giveaway."""
    for seed in range(3):
        made = cloud(20, seed=seed, constrained=constrained)
        least = limits.fewest_hosts(made)
        whole = landed(made, consolidation.decided(made)[0])
        assert least <= whole.hosts <= least + 1
        assert limits.fewest_moves(made, whole.freed) <= whole.moves
        few = landed(made, consolidation.decided(made, max_moves=40)[0])
        assert few.freed <= limits.most_freed(made, 40, least)
        assert limits.most_freed(made, 0, least) == 0


@pytest.mark.parametrize(("seed", "proved"), [(501, 11), (508, 10), (603, 11)])
def test_the_bound_of_a_small_cloud_is_what_cp_sat_proves(seed: int, proved: int) -> None:
    """Company counts, and that a host is emptied as a whole: without them up to two hosts fewer would do."""
    assert limits.fewest_hosts(cloud(20, seed=seed, constrained=True)) == proved


def test_whether_a_host_can_be_relieved_is_proved_both_ways() -> None:
    """Not where one load is above what any host may bear; where many small ones are, or it is cool."""
    made = cloud(6, per_host=8, seed=1)
    cores = dict.fromkeys(made.instances, 0.01)
    hot, other = (made.on(name) for name in ("host-1", "host-2"))
    cores[hot[0].uuid] = 40.0
    cores |= {one.uuid: 0.4 for one in other}
    level = sum(cores[one.uuid] for one in other) / made.hosts["host-2"].inventory["VCPU"].total
    found = [optimum.relievable(made, cores, level - 0.001, f"host-{n}") for n in (1, 2, 3)]
    assert found == [False, True, True]


def test_a_broken_rule_at_the_end_is_found() -> None:
    """A host too full, a zone left, a trait missed, two of a triple together, a host that is not emptied."""
    made = cloud(12, seed=2, constrained=True)
    proposal = consolidation.decided(made)[0]
    moves = [c for c in proposal.changes if c.type == "migrate"]
    assert landed(made, proposal).moves == len(moves) > 0
    with pytest.raises(RuntimeError, match="is not empty"):
        landed(made, replace(proposal, changes=tuple(moves[1:])))
    found: set[str] = set()
    for name in made.hosts:
        for there in made.hosts:
            away = tuple(_to(i.uuid, name, there) for i in made.on(name))
            try:
                landed(made, Proposal(changes=away, summary=""))
            except RuntimeError as broken:
                found.add(str(broken))
    for rule in ("left its zone", "where its trait is not", "share a host"):
        assert any(rule in text for text in found), rule
    full = cloud(12, seed=2, fill=(0.7, 0.7))
    with pytest.raises(RuntimeError, match="holds"):
        landed(full, Proposal(tuple(_to(i.uuid, "host-01", "host-02") for i in full.on("host-01")), ""))


def _to(uuid: str, source: str, there: str) -> Change:
    return Change("migrate", {"instance": uuid, "source": source, "destination": there}, "test")


def test_the_meter_counts_a_function_wherever_it_is_known() -> None:
    """The bounds cost something, and less than the decision that they are a part of."""
    made = cloud(20, seed=1)
    with meter.of(consolidation.BOUNDS) as spent:
        _, seconds = consolidation.decided(made)
    assert 0 < spent.seconds < seconds
    spent.seconds = 0.0
    consolidation.decided(made)
    assert spent.seconds == 0.0


def test_a_measurement_alone_tells_its_own_memory() -> None:
    row = alone.alone(consolidation.budgets, 12, 1, True)
    assert 30 < row["peak_mb"] < 200
    assert all(one["freed"] <= one["freed_bound"] for one in row["budgets"])
    with pytest.raises(RuntimeError, match="budgets"):
        alone.alone(consolidation.budgets, 12, "no seed", True)
