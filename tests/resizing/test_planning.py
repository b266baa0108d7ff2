"""A resize that a person gives is planned where it can be, and refused by name elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from activities import complete, decide
from activities.door import Failed
from activities.planner import inverse
from deploy.simcloud.cloud import Cloud
from plan_schemas import admit
from plan_schemas.catalog import load
from plan_schemas.model import Cluster, to_document
from plan_schemas.plan import Plan
from plan_schemas.plan import to_document as papers
from tests import judge
from tests.deciding.truth import untrue_refusals
from tests.how.acting import door_to, observed
from tests.how.one_action import uuid_of
from tests.resizing.test_resize import sized

Row = dict[str, Any]
CATALOG = load()


def planned(model: Cluster, *actions: Row, allow: tuple[str, ...] = ("resize", "live", "cold")) -> Plan:
    """Found to be without fault by the judge, its refusals true."""
    audit = {
        "ballast": "v1",
        "kind": "Audit",
        "name": "given",
        "cloud": model.cloud,
        "strategy": "actuator",
        "parameters": {"actions": list(actions)},
        "execution": {"allow": list(allow)},
    }
    effective = admit.effective_audit(audit, CATALOG)
    plan = decide.plan_for(admit.audit(effective, CATALOG), model, CATALOG).plan
    assert plan is not None
    document, snapshot = papers(plan), to_document(model)
    assert judge.plan(snapshot, document, audit=effective) == []
    assert list(untrue_refusals(snapshot, document, effective)) == []
    return plan


def given(id: str, uuid: str, flavor: str) -> Row:
    return {"id": id, "type": "resize", "parameters": {"instance": uuid, "flavor": flavor}}


def move(id: str, uuid: str) -> Row:
    where = {"source": "a1", "destination": "a2", "kind": "live"}
    return {"id": id, "type": "migrate", "parameters": {"instance": uuid, **where}}


def test_a_given_resize_is_planned_with_its_way_back() -> None:
    """It says what it costs; its undo leads back to the flavor before and expects no host."""
    cloud = sized()
    web, db = uuid_of(cloud, "web"), uuid_of(cloud, "db")
    plan = planned(observed(cloud), given("up", web, "m1.more"), given("wide", db, "wide"))
    assert [action.id for action in plan.actions] == ["up", "wide"]
    assert plan.actions[0].numbers["downtime_seconds"] > 0
    assert "2 instances get another size, on hosts that Nova chooses then." in plan.reason
    assert inverse.irreversible(plan) == ("wide: a resize cannot be undone",)
    back = inverse.undo_plan(plan, ["up"], reason="no").plan
    assert back is not None
    assert dict(back.actions[0].parameters) == {"instance": web, "flavor": "m1"}
    assert dict(back.actions[0].expects) == {
        "flavor": "m1.more",
        "locked": False,
        "status": "ACTIVE",
        "task_state": None,
    }


@pytest.mark.parametrize(
    ("flavor", "code"),
    [("m1", "no_effect"), ("thin", "disk"), ("vast", "no_room"), ("none", "flavor")],
)
def test_a_resize_that_cannot_be_is_refused_by_name(flavor: str, code: str) -> None:
    """The rest of the plan stays."""
    cloud = sized()
    uuids = uuid_of(cloud, "web"), uuid_of(cloud, "db")
    plan = planned(observed(cloud), given("no", uuids[0], flavor), given("yes", uuids[1], "m1.more"))
    assert [action.id for action in plan.actions] == ["yes"]
    assert [refusal.code for refusal in plan.rejected] == [code]


def test_without_leave_nothing_is_resized() -> None:
    """What is missing in `allow` is named."""
    cloud = sized()
    web, db = uuid_of(cloud, "web"), uuid_of(cloud, "db")
    moved = move("go", web)
    plan = planned(observed(cloud), moved, given("no", db, "m1.more"), allow=("live",))
    assert [refusal.code for refusal in plan.rejected] == ["not_allowed"]


def test_what_is_resized_is_not_moved_afterwards() -> None:
    """Nobody knows from where; a move before it is fine."""
    cloud = sized()
    web = uuid_of(cloud, "web")
    model = observed(cloud)
    after = planned(model, given("up", web, "m1.more"), move("go", web))
    assert [action.id for action in after.actions] == ["up"]
    assert "Nova chooses its host" in after.rejected[0].text
    before = planned(model, move("go", web), given("up", web, "m1.more"))
    assert [action.id for action in before.actions] == ["go", "up"]
    assert before.actions[1].expects["host"] == "a2"
    assert inverse.irreversible(before) == (
        "go: its server can be anywhere when up is undone, and is moved back only from a2",
    )


@pytest.mark.parametrize("flavor", ["m1.more", "m1.same"])
def test_what_is_resized_is_not_touched_again(flavor: str) -> None:
    """A second resize or a stop would find it on another host than it expects, and be skipped."""
    cloud = sized()
    web = uuid_of(cloud, "web")
    stop = {"id": "off", "type": "stop", "parameters": {"instance": web}}
    for later in (given("again", web, "m1"), move("again", web), {**stop, "id": "again"}):
        plan = planned(observed(cloud), given("up", web, flavor), later, allow=("resize", "live", "stop"))
        assert [action.id for action in plan.actions] == ["up"]
        assert "Nova chooses its host" in plan.rejected[0].text


def test_a_plan_by_hand_says_what_comes_after_a_resize() -> None:
    """What is there now is not what a later action on the same server will find."""
    cloud = sized()
    web, db = uuid_of(cloud, "web"), uuid_of(cloud, "db")
    rows = [
        given("up", web, "m1.more"),
        {**given("on", web, "wide"), "needs": ["up"]},
        given("db", db, "wide"),
    ]
    with pytest.raises(Failed, match=r"^on: up comes before it on the same server.*`expects`") as refused:
        completed(cloud, rows)
    assert "db" not in refused.value.reason
    rows[1]["expects"] = {"flavor": "m1.more", "status": "ACTIVE", "task_state": None}
    assert completed(cloud, rows)["actions"][1]["expects"] == rows[1]["expects"]


def test_expectations_by_hand_that_do_not_tell_what_is_undone_are_refused() -> None:
    """The fact that is missing is named, also where the flavor is the same and nothing leads back."""
    cloud = sized()
    row = {**given("up", uuid_of(cloud, "web"), "m1"), "expects": {"flavor": "m1"}}
    with pytest.raises(Failed, match="up: expects lacks 'task_state'"):
        completed(cloud, [row])


def completed(cloud: Cloud, rows: list[Row]) -> Row:
    document = {
        "ballast": "v1",
        "kind": "ActionPlan",
        "cloud": "simcloud",
        "reason": "a test",
        "execution": {"allow": ["resize"]},
        "actions": [{**row, "reason": "a test"} for row in rows],
    }
    whole = admit.plan(document, CATALOG, name="x", created_at="2026-01-01T00:00:00Z")
    return complete.plan(whole, lambda _: door_to(cloud))
