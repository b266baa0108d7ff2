"""How near a plan comes to the shortest there can be: its bound, its priorities."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.planner import bounds, roomy, schedule, soonest
from activities.rules.occupancy import Occupancy
from plan_schemas.plan import Limits
from tests.deciding.crowds import crowd, exchanged
from tests.deciding.planning import make, move, row


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(1, 3), st.integers(1, 3))
def test_no_schedule_beats_the_bound(seed: int, parallel: int, out: int, into: int) -> None:
    """The expected makespan is never below its bound and never above doing one thing after the other."""
    cluster = crowd(3 + seed % 5, 0.7, seed)
    limits = Limits(parallel, out, into)
    plan = make(cluster, exchanged(cluster, 0.5, seed), limits)
    value = schedule.makespan(plan.actions, limits)
    limit = bounds.makespan(plan.actions, limits, Occupancy(cluster))
    assert bounds.makespan(plan.actions, limits) <= limit <= value + 1e-6
    assert value <= sum(a.seconds for a in plan.actions) + 1e-6


def test_the_bound_knows_that_others_must_leave_first() -> None:
    """Who comes to a full host cannot start before the shortest way to room for it, whatever the slots."""
    cluster = row(("x", "a", 4), ("y", "b", 3), ("z", "b", 1))
    moves = [move("x", "a", "b"), move("y", "b", "c"), move("z", "b", "c")]
    plan = make(cluster, moves, Limits(20, 2, 2))
    assert {a.seconds for a in plan.actions} == {6.0}
    assert bounds.makespan(plan.actions, plan.execution.limits) == 6.0
    # Both have to leave, at once at best, and as if they could in parts: 6 s. Then x comes, in 6 s.
    (timing,) = plan.bounds
    assert (timing.bound, timing.value) == (12.0, 12.0)


def test_the_bound_knows_that_a_long_move_makes_no_room_before_its_end() -> None:
    """However many slots: a move takes its own time to leave, and those that wait for it come after that."""
    cluster = row(("x", "a", 2), ("y", "a", 2), ("z", "b", 4))
    moves = [move("x", "a", "b"), move("y", "a", "b"), move("z", "b", "c")]
    (timing,) = make(cluster, moves, Limits(20, 4, 4)).bounds
    assert (timing.bound, timing.value) == (12.0, 12.0)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("looked_at", [25_000, 100])
def test_an_exchange_is_no_slower_than_by_the_first_rule(
    seed: int, looked_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan is never slower than its own edges allow with the first rule of urgency, large or small."""
    monkeypatch.setattr(soonest, "_ACTIONS", looked_at)
    cluster = crowd(8, 0.75, seed)
    limits = Limits(20, 1, 1)
    plan = make(cluster, exchanged(cluster, 0.5, seed), limits)
    (timing,) = plan.bounds
    assert timing.value == pytest.approx(schedule.makespan(plan.actions, limits), abs=0.01)
    ranks = schedule.priorities(plan.actions, limits)
    as_found = schedule.makespan([replace(a, priority=ranks[a.id]) for a in plan.actions], limits)
    assert timing.value <= as_found + 0.01


@pytest.mark.parametrize(("seed", "helps"), [(2, False), (5, True), (11, False)])
def test_where_only_slots_hold_moves_up_other_ranks_are_tried(seed: int, helps: bool) -> None:
    """Ranks found are told with the forecast that they come to: sooner than by any rule, within the bound."""
    cluster, limits = crowd(8, 0.7, seed), Limits(100, 2, 2)
    moves = make(cluster, exchanged(cluster, 0.5, seed), limits).actions
    free = [replace(a, freed_by=()) for a in moves]
    ranks = schedule.priorities(free, limits)
    by_rule = min(schedule.makespan(free, limits, r) for r in (ranks, {a.id: a.seconds for a in free}))
    limit = bounds.makespan(free, limits)
    found = roomy.sooner(free, ranks, limits, by_rule, limit)
    assert (found is not None) == helps
    for chosen, lasts in [found] if found else []:
        assert lasts == schedule.makespan(free, limits, chosen)
        assert limit - 1e-6 <= lasts < by_rule


def test_the_busiest_go_first() -> None:
    """Of two moves that may start, the one with more work behind it has the higher priority."""
    cluster = row(("x", "a", 1), ("y", "a", 1), ("z", "b", 1))
    plan = make(cluster, [move("z", "b", "c"), move("x", "a", "c"), move("y", "a", "c")])
    rank = {a.id: a.priority for a in plan.actions}
    assert max(rank["migrate-x"], rank["migrate-y"]) > rank["migrate-z"]
