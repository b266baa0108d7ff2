"""The schedule and the loads: what is drawn is what the plan allows and what the cloud has."""

from __future__ import annotations

from collections import Counter

from hypothesis import HealthCheck, given, settings

from deploy.review.content import Review, review
from deploy.review.schedule import IN, OTHER, OUT, clock, lanes, ticks, timeline
from plan_schemas.catalog import load
from plan_schemas.model import Cluster, to_document
from plan_schemas.plan import Plan, from_document
from tests import worlds
from tests.deciding.test_golden import proposed
from tests.judge.picture import Picture
from tests.review.test_page import consolidated


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(worlds.clusters(min_hosts=4))
def test_what_is_drawn_could_be_so(cluster: Cluster) -> None:
    """Every action once, after all that it waits for, in no more slots than its host has; and the loads are
    those that the judge counts before and after."""
    plan = consolidated(cluster)
    if plan is None:
        return
    shown = review(plan, cluster, known=load())
    ends = {m.action.id: m.end for m in shown.moments}
    assert set(ends) == {a.id for a in plan.actions}
    for moment in shown.moments:
        assert all(ends[id] <= moment.start + 1e-6 for id in moment.action.waits_for)
    limits, drawn = plan.execution.limits, lanes(shown.moments)
    for lane in drawn:
        assert lane.slot <= {OUT: limits.out_per_host, IN: limits.in_per_host}.get(lane.way, 1)
        assert all(a.end <= b.start + 1e-6 for a, b in zip(lane.moments, lane.moments[1:]))
    moves = sum(a.touches.into is not None for a in plan.actions)
    assert Counter(lane.way for lane in drawn for _ in lane.moments)[OUT] == moves
    _counted_by_the_judge(cluster, plan, shown)


def test_what_has_no_host_has_a_row_of_its_own() -> None:
    """A sleep and a nop, one after the other, last."""
    plan = from_document(proposed("dummy") | {"types": {}})
    drawn = lanes(timeline(plan))
    assert [(lane.host, lane.way, len(lane.moments)) for lane in drawn] == [("", OTHER, 3)]


def _counted_by_the_judge(cluster: Cluster, plan: Plan, shown: Review) -> None:
    before, after = (Picture(to_document(cluster)) for _ in range(2))
    for action in plan.actions:
        if action.touches.instance is not None:
            after.put(action.touches.instance, action.touches.into)
    for row in shown.loads:
        assert row.instances == (len(before.guests(row.host)), len(after.guests(row.host)))
        for name, span in row.allocated.items():
            most = cluster.hosts[row.host].capacity(name)
            used = [picture.used(row.host, name) for picture in (before, after)]
            assert [round(span.before * most / 100), round(span.after * most / 100)] == used


def test_times_are_told_in_few_words() -> None:
    """Seconds, minutes and hours; an axis of a few round times."""
    said = {0: "0 s", 0.4: "0.4 s", 23.04: "23 s", 60: "1 min", 250: "4 min 10 s", 7500: "2 h 05 min"}
    assert {seconds: clock(seconds) for seconds in said} == said
    assert clock(3599.7) == "1 h"
    assert ticks(254.6) == (0, 60, 120, 180, 240)
    assert all(len(ticks(10.0**n)) <= 9 for n in range(8))
