"""What a finished plan demanded of those who let it run, its rollback demands of them too."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from activities import rollback
from deploy.simcloud.cloud import Cloud
from plan_schemas import admit
from plan_schemas.catalog import load
from plan_schemas.plan import Refused, to_document
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
