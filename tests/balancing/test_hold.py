"""A load must have lasted for `hold`: a spike shorter than that never causes a plan, whatever its shape."""

from __future__ import annotations

from math import ceil
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.balancing.even import Aim, Evening
from activities.balancing.floor import Floor, scene
from activities.balancing.hold import past
from activities.balancing.load import KINDS
from activities.strategies import find
from plan_schemas.audit import Scope, Situation
from plan_schemas.frozen import FrozenDict
from plan_schemas.model import Cluster
from plan_schemas.plan import Proposal
from plan_schemas.usage import Course, Usage
from tests.bench.clouds import cloud

METRIC = "instance_cpu_usage"
PERIOD = 300.0
CALM, HIGH = 4.0, 90.0  # percent of what each instance has
CLUSTER = cloud(12, per_host=8, seed=5)
HOT = sorted(CLUSTER.hosts)[:3]  # where the spike is
ASKED: dict[str, dict[str, Any]] = {
    "workload_balance": {"threshold": 40.0},
    "workload_stabilization": {"metrics": [METRIC], "thresholds": {METRIC: 0.05}},
}


def usage(begun: float, ended: float, hold: float, window: float, cluster: Cluster = CLUSTER) -> Usage:
    """What is measured when instances of hot hosts were busy from so many to so many seconds ago."""

    def mean(ago: float, span: float) -> float:
        """Over a time that began so many seconds ago."""
        busy = max(0.0, min(ago, begun) - max(ago - span, ended))
        return CALM + (HIGH - CALM) * busy / span

    number = Course.windows(hold, window)
    calm = (CALM,) * number
    course = tuple(mean((number - n) * window, window) for n in range(number))
    busy = {i.uuid for name in HOT for i in cluster.on(name)}
    values = {u: mean(PERIOD, PERIOD) if u in busy else CALM for u in cluster.instances}
    courses = {u: course if u in busy else calm for u in cluster.instances}
    hosts = dict.fromkeys(cluster.hosts, 0.0)
    return Usage(
        FrozenDict({METRIC: FrozenDict(values), "host_cpu_usage": FrozenDict(hosts)}),
        courses=FrozenDict({METRIC: Course(window, FrozenDict(courses))}),
    )


def decided(strategy: str, used: Usage, hold: float) -> Proposal:
    rules = Scope().rules(CLUSTER, ("live", "service"))
    proposal: Proposal = find(strategy).decide(Situation(CLUSTER, rules, used), hold=hold, **ASKED[strategy])
    return proposal


@pytest.mark.parametrize("strategy", sorted(ASKED))
@settings(max_examples=40, deadline=None)
@given(st.floats(30, 3600), st.floats(15, 900), st.floats(0, 0.999), st.floats(0, 400))
def test_a_spike_shorter_than_hold_never_causes_a_plan(
    strategy: str, hold: float, window: float, share: float, ended: float
) -> None:
    """Whenever it began, and however wide the windows are in which the datasource tells of it."""
    spike = usage(ended + share * hold, ended, hold, ceil(window))
    assert not decided(strategy, spike, hold).changes


@pytest.mark.parametrize("strategy", sorted(ASKED))
@settings(max_examples=10, deadline=None)
@given(st.floats(60, 3600), st.floats(15, 900))
def test_what_has_lasted_for_hold_and_two_windows_does(strategy: str, hold: float, window: float) -> None:
    """The price of never being wrong: a plan comes two windows late at most."""
    lasting = usage(max(Course.windows(hold, ceil(window)) * ceil(window), PERIOD), 0.0, hold, ceil(window))
    assert decided(strategy, lasting, hold).changes
    assert decided(strategy, lasting, 0.0).changes == decided(strategy, lasting, hold).changes


def test_why_nothing_was_done_is_said_with_when_and_how_far_it_was_calm() -> None:
    """Of each hot host, and of the deviation; without `hold` the same spike moves something."""
    spike = usage(400.0, 0.0, 900.0, 60.0)
    hot = decided("workload_balance", spike, 900.0)
    assert hot.summary.endswith("3 more hosts are, but not for the 900 s of `hold`.")
    told = [r for r in hot.rejected if r.code == "hold"]
    assert [r.subject for r in told] == HOT
    assert "has not lasted for the 900 s of `hold`: it was at " in told[0].text
    assert told[0].text.endswith("% in the 60 s that began 480 s ago")
    uneven = decided("workload_stabilization", spike, 900.0)
    assert uneven.summary.startswith(
        "The load has not been uneven for as long as `hold` asks: deviation of CPU"
    )
    (why,) = [r for r in uneven.rejected if r.code == "hold"]
    assert why.text.startswith(
        "the deviation of CPU has not been above its threshold for the 900 s of `hold`"
    )
    assert all(decided(name, spike, 0.0).changes for name in ASKED)


def test_the_last_window_of_a_steady_load_is_the_load_of_now() -> None:
    """Levels and deviations are reckoned like those that are compared with thresholds."""
    steady = usage(9999.0, 0.0, 600.0, 60.0)
    kind, rules = KINDS[METRIC], Scope().rules(CLUSTER, ("live",))
    seen = scene(CLUSTER, rules, steady, [kind])
    then = past(kind, seen.roll, steady, seen.hosts())
    for n, name in enumerate(seen.hosts()):
        assert then.levels[n, -1] == pytest.approx(seen.levels[0][name])
    floor = Floor(seen, ())
    nothing = floor.capacity[0] * 0
    search = Evening(floor, Aim(nothing + 1, nothing, 0))
    assert then.least_deviation()[0] == pytest.approx(float(search.deviations()[0]))
