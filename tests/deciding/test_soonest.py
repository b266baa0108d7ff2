"""The order in which a plan is over soonest, and how little it suffers when durations are other ones."""

from __future__ import annotations

from activities.planner import plan
from activities.planner.names import name
from activities.planner.order import order
from activities.planner.soonest import soonest
from activities.planner.step import step
from activities.planner.verify import verify
from activities.rules.occupancy import Occupancy
from plan_schemas.audit import Rules
from plan_schemas.plan import Action, Bound, Limits
from tests.bench.scheduling import Case, case, noisy

TWO_SLOTS = Limits(10**6, 2, 2)


def test_a_long_move_that_lasts_longer_than_expected_does_not_start_last() -> None:
    """With two slots per host its end alone decides when everybody else is done: it starts with the first."""
    wanted = case("own", 100, 709)
    actions, timing = _planned(wanted)
    assert timing.value <= 1.02 * timing.bound
    lasted, _, limit = noisy(actions, wanted.cluster, TWO_SLOTS, wanted.seed)
    assert lasted <= 1.05 * limit


def test_few_tries_suffice_for_an_exchange_of_thousands() -> None:
    """What holds up the end of the best orders goes first in the next try: no rule alone gets this near."""
    wanted = case("exchange", 400, 704)
    actions, timing = _planned(wanted)
    verify(actions, wanted.cluster)
    assert timing.value <= 1.25 * timing.bound


def _planned(wanted: Case) -> tuple[tuple[Action, ...], Bound]:
    cluster = wanted.cluster
    rules = Rules(frozenset(cluster.hosts), allow=frozenset(("live", "service")))
    named = zip(wanted.changes, name(wanted.changes, cluster), strict=True)
    ordered = order([step(c, n, id) for n, (c, id) in enumerate(named)], cluster, rules)
    found, _ = plan.actions_of(ordered, cluster, 3)
    return soonest(found, {}, Occupancy(cluster), TWO_SLOTS)
