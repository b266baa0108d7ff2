"""Policies of a worker: what they take from audits and plans, and when they let plans run."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import given

from activities import complete
from activities.decide import plan_for
from activities.doing.ceilings import Leave
from activities.door import Door, Failed
from activities.planner import inverse
from deploy import policies
from plan_schemas import admit, policy
from plan_schemas.audit import Selection
from plan_schemas.catalog import load
from plan_schemas.frozen import thaw
from plan_schemas.model import from_document
from plan_schemas.plan import Execution, Limits, Touches, execution_from
from plan_schemas.policy import Policy
from plan_schemas.problems import Invalid
from plan_schemas.windows import DAYS, Window, openings
from tests.deciding.test_golden import HERE

MONDAY = datetime(2026, 3, 23, tzinfo=UTC)
KINDS = ("live", "cold", "service")


@given(st.lists(st.frozensets(st.sampled_from(KINDS)), max_size=2), st.integers(1, 9), st.integers(1, 9))
def test_the_most_restrictive_of_all_wins(allowed: list[frozenset[str]], first: int, second: int) -> None:
    """No policy gives what a plan or another policy withholds, and no limit is above the lowest."""
    asked = Execution(allow=("live", "cold"), limits=Limits(parallel=5))
    above = [
        Policy(f"p{i}", allow=a, limits={"parallel": n})
        for i, (a, n) in enumerate(zip(allowed, (first, second), strict=False))
    ]
    got = policy.bounded(asked, above)
    assert set(got.allow) == {"live", "cold"}.intersection(*allowed)
    assert got.limits.parallel == min([5, *(p.limits["parallel"] for p in above)])
    for kind in KINDS:
        named = [p.name for p in above if p.allow is not None and kind not in p.allow]
        said = policy.forbids(kind, above)
        assert said.startswith(f"the policy {named[0]} does not allow") if named else said == ""


@given(st.booleans(), st.integers(1, 9))
def test_what_undoes_waits_for_no_window_and_counts_in_no_budget(undoes: bool, slots: int) -> None:
    """Neither the plan's own windows and budgets nor a policy's hold an undo; slots of hosts do."""
    window = Window.of({"start": "01:00", "end": "02:00"})
    limits = Limits(out_per_host=slots, cloud=3, per_hour=7)
    execution = Execution(limits=limits, windows=((window,),), allow=KINDS)
    above = [Policy("p", limits={"out_per_host": 2, "per_hour": 5}, windows=(window,))]
    document = {"ballast": "v1", "kind": "ActionPlan", "cloud": "c", "actions": [{"id": "a", "type": "nop"}]}
    plan = admit.plan(document, load(), name="p", created_at="2026-01-01T00:00:00Z")
    plan = {**plan, "execution": thaw(asdict(execution)), "actions": [{**plan["actions"][0], "expects": {}}]}
    got = execution_from(complete.plan(plan, no_door, above, undoes=undoes)["execution"])
    assert bool(got.windows) is not undoes
    assert (got.limits.cloud, got.limits.per_hour) == ((None, None) if undoes else (3, 5))
    assert got.limits.out_per_host == min(slots, 2)
    back = inverse.exempt(execution)
    assert (back.windows, back.limits) == ((), Limits(out_per_host=slots))


def no_door(cloud: str) -> Door:
    raise AssertionError(f"nothing is to be asked of {cloud}")


def test_a_policy_of_another_cloud_says_nothing() -> None:
    """A policy that names clouds holds there alone."""
    here, there, everywhere = Policy("a", ("c1",)), Policy("b", ("c2",)), Policy("c")
    assert policy.of_cloud((here, there, everywhere), "c1") == (here, everywhere)


def test_what_is_protected_is_left_alone_by_audits_and_refused_where_it_is_carried_out() -> None:
    """No decision touches it, and a plan that does so all the same is refused with the policy's name."""
    cluster = from_document(yaml.safe_load((HERE / "world.yaml").read_text()))
    strategy = "vm_workload_consolidation"
    document = {"ballast": "v1", "kind": "Audit", "name": "x", "cloud": "grove", "strategy": strategy}
    audit = admit.audit(document, load())
    free = plan_for(audit, cluster, load()).plan
    assert free is not None
    moved = next(a.touches for a in free.actions if a.touches.instance)
    above = (Policy("keep", protect=Selection(instances=(str(moved.instance),), hosts=(str(moved.into),))),)
    bound = plan_for(audit, cluster, load(), policies=above).plan
    for action in bound.actions if bound else ():
        assert action.touches.instance != moved.instance
        assert moved.into not in (action.touches.into, action.touches.out, action.touches.service)
    for touches in (Touches(instance=moved.instance), Touches(into=moved.into), Touches(service=moved.into)):
        with pytest.raises(Failed, match="the policy keep protects"):
            Leave(frozenset(), above).require_unprotected(touches, cluster)


def test_windows_are_those_of_the_clocks_of_their_zone() -> None:
    """A night of Berlin is an hour earlier in UTC in summer; an end before the start is tomorrow's."""
    night = Window("22:00", "06:00", ("sat", "sun"), "Europe/Berlin")
    found = openings([(night,)], MONDAY, MONDAY + timedelta(days=7))
    assert [(a.strftime("%d %H"), b.strftime("%d %H")) for a, b in found] == [
        ("23 00", "23 05"),
        ("28 21", "29 04"),  # the night in which clocks go forward is an hour shorter
        ("29 20", "30 00"),
    ]


@given(
    st.lists(
        st.lists(
            st.builds(
                Window,
                st.sampled_from(["00:00", "06:30", "22:00"]),
                st.sampled_from(["00:00", "07:00", "23:59"]),
                st.lists(st.sampled_from(DAYS), unique=True).map(tuple),
                st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata"]),
            ),
            min_size=1,
            max_size=3,
        ),
        max_size=3,
    ),
    st.integers(0, 14 * 24 * 60),
)
def test_it_is_open_exactly_while_each_group_has_a_window_open(
    groups: list[list[Window]], minute: int
) -> None:
    """Outside of declared windows nothing is open; without any everything is."""
    now, end = MONDAY + timedelta(minutes=minute), MONDAY + timedelta(days=15)

    def holds(window: Window) -> bool:
        return any(a <= now < b for a, b in window.spans(MONDAY.date() - timedelta(days=3), end.date()))

    expected = all(any(holds(w) for w in group) for group in groups)
    assert any(a <= now < b for a, b in openings(groups, MONDAY, end)) == expected


def test_policies_are_read_as_a_whole_with_every_problem(tmp_path: Path) -> None:
    """An unknown zone and a document of another kind are told with their files, all at once."""
    example = Path(policy.__file__).parent / "documents" / "examples" / "policy.yaml"
    assert [p.name for p in policies.read(example)] == ["production"]
    assert policies.read(None) == ()
    document: dict[str, Any] = yaml.safe_load(example.read_text())
    document["windows"][0]["zone"] = "Europe/Nowhere"
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(Invalid, match=r"a\.yaml.*there is no time zone \"Europe/Nowhere"):
        policies.read(tmp_path)
    (tmp_path / "a.yaml").write_text((example.parent / "rollback.yaml").read_text())
    with pytest.raises(Invalid, match="is Rollback; keep only policies here"):
        policies.read(tmp_path)
