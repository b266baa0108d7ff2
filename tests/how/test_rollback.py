"""What a finished plan demanded of those who let it run, its rollback demands of them too."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from activities import rollback
from deploy.simcloud import fleet
from deploy.simcloud.cloud import Cloud
from plan_schemas import admit
from plan_schemas.catalog import load
from plan_schemas.frozen import freeze
from plan_schemas.plan import Action, Plan, Refused, to_document
from tests.how.acting import door_to, observed, planned
from tests.how.one_action import uuid_of
from tests.how.test_rehearsal import as_plan
from tests.simcloud.kit import small


def done(cloud: Cloud, *, four_eyes: str) -> dict[str, Any]:
    """The record of eve's finished plan, which moved web."""
    web = {"instance": uuid_of(cloud, "web"), "source": "a1", "destination": "a2", "kind": "live"}
    plan = as_plan(planned(observed(cloud), "migrate", "move", **web), dry_run=False)
    execution = replace(plan.execution, mode="approve", four_eyes=four_eyes)
    plan = replace(plan, requested_by="eve", execution=execution)
    return {
        "state": "SUCCEEDED",
        "plan": to_document(plan),
        "actions": {"move": {"state": "SUCCEEDED"}},
    }


def derived(cloud: Cloud, record: dict[str, Any], by: str) -> dict[str, Any]:
    cloud.instances[uuid_of(cloud, "web")].host = "a2"
    now = datetime(2026, 1, 2, tzinfo=UTC)
    said: dict[str, Any] = {
        "plan_id": "plan/x",
        "reason": "r",
        "partial": False,
        "now": now,
        "requested_by": by,
    }
    found: dict[str, Any] = rollback.derive(record, lambda _: door_to(cloud), **said)["plan"]
    return found


@pytest.mark.parametrize(("four_eyes", "mode"), [("enforced", "approve"), ("", "auto")])
def test_the_rollback_of_a_plan_for_four_eyes_is_another_plan_for_four_eyes(
    four_eyes: str, mode: str
) -> None:
    """It is admitted, waits for a person where the plan had to, and is asked for by who wants the rollback:
    she could otherwise sign it herself."""
    cloud = small()
    back = derived(cloud, done(cloud, four_eyes=four_eyes), "ann")
    assert admit.problems(back, load(), "ActionPlan") == ()
    assert (back["execution"]["mode"], back["requested_by"]) == (mode, "ann")


def test_a_rollback_for_four_eyes_says_who_asks() -> None:
    cloud = small()
    with pytest.raises(Refused, match="add requested_by: NAME to the Rollback; somebody else"):
        derived(cloud, done(cloud, four_eyes="enforced"), "")
    cloud = small()
    assert "requested_by" not in derived(cloud, done(cloud, four_eyes=""), ""), "eve did not ask for this"


def changed(cloud: Cloud, plan: Plan) -> list[str]:
    """What stands against the rollback of this plan, all of whose actions were done."""
    rows = {action.id: {"state": "SUCCEEDED"} for action in plan.actions}
    record = {"state": "SUCCEEDED", "plan": to_document(plan), "actions": rows}
    now = datetime(2026, 1, 2, tzinfo=UTC)
    found = rollback.derive(
        record, lambda _: door_to(cloud), plan_id="plan/x", reason="r", partial=False, now=now
    )
    return list(found["changed"])


def moved(cloud: Cloud) -> Action:
    """The action that brought web from a1 to a2, where it is now."""
    web = {"instance": uuid_of(cloud, "web"), "source": "a1", "destination": "a2", "kind": "live"}
    action = planned(observed(cloud), "migrate", "move", **web)
    cloud.instances[uuid_of(cloud, "web")].host = "a2"
    return action


def test_a_host_that_takes_nothing_stands_against_the_way_back_to_it() -> None:
    """Disabled or down: the list has it before the first write."""
    cloud = small()
    plan = as_plan(moved(cloud), dry_run=False)
    assert changed(cloud, plan) == []
    fleet.set_status(cloud, cloud.hosts["a1"], enabled=False, reason="fan")
    assert changed(cloud, plan) == ["undo-move: a1 is disabled (fan)"]
    fleet.set_status(cloud, cloud.hosts["a1"], enabled=True, reason=None)
    cloud.hosts["a1"].forced_down = True
    assert changed(cloud, plan) == ["undo-move: nova-compute on a1 is down"]
    cloud.instances[uuid_of(cloud, "web")].host = "a1"
    with pytest.raises(Refused, match="undone already"):
        changed(cloud, plan)


def test_a_host_that_is_no_more_stands_against_the_way_back_to_it() -> None:
    """Its name is told, and the rest could be undone without it."""
    cloud = small()
    action = moved(cloud)
    lost = replace(action, parameters=freeze({**action.parameters, "source": "z9"}))
    plan = as_plan(lost, dry_run=False)
    assert changed(cloud, plan) == ["undo-move: there is no nova-compute on z9 any more"]


def test_a_host_that_the_undo_itself_opens_stands_against_nothing() -> None:
    """A drain disabled it, and its undo enables it before anything goes back."""
    cloud = small()
    drain = {"host": "a1", "state": "disabled", "reason": "memory"}
    close = planned(observed(cloud), "change_nova_service_state", "close", **drain)
    plan = as_plan(close, replace(moved(cloud), needs=("close",)), dry_run=False)
    fleet.set_status(cloud, cloud.hosts["a1"], enabled=False, reason="memory")
    assert changed(cloud, plan) == []
    fleet.set_status(cloud, cloud.hosts["a1"], enabled=False, reason="somebody else's")
    assert [row.partition(":")[0] for row in changed(cloud, plan)] == ["undo-close"]
