"""What a terminated plan left is told; only what is surely its own and for nothing is put right."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from activities.others import remains
from deploy.simcloud.cloud import Cloud
from plan_schemas import admit
from plan_schemas.catalog import load
from plan_schemas.plan import to_document
from tests.how.acting import door_to, no_new_writes, observed, planned
from tests.how.one_action import uuid_of
from tests.how.test_rehearsal import as_plan
from tests.simcloud.kit import small

REASON = "ballast: test"


def cut_off(cloud: Cloud, *, moved: str = "ONGOING", closed: str = "SUCCEEDED", dry_run: bool = False) -> Any:
    """The record of a plan that closes a1 and moves web off it, as Temporal's terminate left it."""
    model = observed(cloud)
    close = planned(model, "change_nova_service_state", "close", host="a1", state="disabled", reason=REASON)
    web = {"instance": uuid_of(cloud, "web"), "source": "a1", "destination": "a2", "kind": "live"}
    move = planned(model, "migrate", "move", **web)
    plan = as_plan(close, replace(move, needs=("close",)), dry_run=dry_run)
    return {
        "state": "ONGOING",
        "plan": to_document(plan),
        "actions": {"close": {"state": closed}, "move": {"state": moved}},
    }


def left_by(cloud: Cloud, record: Any, later: frozenset[str] = frozenset()) -> remains.Remains:
    with no_new_writes(cloud):
        return remains.of(record, door_to(cloud), later)


def test_a_host_closed_for_what_was_cut_off_is_to_be_opened() -> None:
    """The opening is a whole action of a plan, and expects what was found."""
    cloud = small()
    record = cut_off(cloud)
    door = door_to(cloud)
    door.set_service(door.service("a1"), "disabled", REASON)
    left = left_by(cloud, record)
    assert left.told[0].startswith("move was ONGOING; now: host a1, status ACTIVE")
    assert left.told[1] == f"a1 is still disabled ({REASON}), and what it was closed for was cut off"
    (opening,) = left.openings
    assert opening["parameters"] == {"host": "a1", "state": "enabled"}
    assert opening["expects"] == {"status": "disabled", "disabled_reason": REASON}
    document = {"ballast": "v1", "kind": "ActionPlan", "cloud": "c", "actions": [opening]}
    assert admit.problems(document, load()) == ()


@pytest.mark.parametrize(
    ("record", "reason", "later", "told"),
    [
        ({}, "fan is loud", set(), ""),
        ({"moved": "SUCCEEDED"}, REASON, set(), "all that it was closed for is done"),
        ({}, REASON, {"a1"}, "another plan has set its service too"),
        ({"closed": "PENDING"}, REASON, set(), ""),
        ({"dry_run": True}, REASON, set(), ""),
    ],
)
def test_what_may_be_meant_so_is_left_alone(record: Any, reason: str, later: set[str], told: str) -> None:
    """Another reason, a finished drain, another plan, no closing at all: told at most, never undone."""
    cloud = small()
    row = cut_off(cloud, **record)
    door = door_to(cloud)
    door.set_service(door.service("a1"), "disabled", reason)
    left = left_by(cloud, row, frozenset(later))
    assert left.openings == ()
    assert any(told in said for said in left.told) if told else not any("a1 is" in said for said in left.told)


def test_what_is_gone_is_told() -> None:
    cloud = small()
    record = cut_off(cloud)
    del cloud.instances[uuid_of(cloud, "web")]
    assert left_by(cloud, record).told == ("move was ONGOING; what it is about does not exist any more",)
