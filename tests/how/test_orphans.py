"""A terminated plan that cannot be looked at is told of, and stops no audit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment

from activities.door import Door, Failed, Transient
from activities.memory.keeping import Keeping
from activities.others.orphans import Orphans
from tests.how.acting import door_to
from tests.how.test_remains import REASON, cut_off
from tests.simcloud.kit import small

CUT, OTHER = (
    SimpleNamespace(id=f"plan/{n}", run_id=n, start_time=datetime(2026, 1, 1, hour, tzinfo=UTC))
    for n, hour in (("cut", 10), ("other", 9))
)


class Temporal:
    """A client at the edge: one terminated plan, one other, and what they answer."""

    def __init__(self, **records: Any) -> None:
        self.records = records

    async def list_workflows(self, query: str) -> AsyncIterator[Any]:
        if "Terminated" in query:
            yield CUT
        elif "(CloseTime > '2026-01-01T00:00:00+00:00' OR ExecutionStatus = 'Running')" in query:
            yield CUT
            yield OTHER

    def get_workflow_handle(self, id: str, *, run_id: str) -> Any:
        async def query(name: str) -> Any:
            told = self.records[run_id]
            if isinstance(told, Exception):
                raise told
            return told

        return SimpleNamespace(query=query)


def looked(root: Path, temporal: Temporal, door: Door | Exception) -> dict[str, Any]:
    def open_door(_: str) -> Door:
        if isinstance(door, Exception):
            raise door
        return door

    orphans = Orphans(cast(Client, temporal), Keeping(root), open_door)
    return dict(asyncio.run(ActivityEnvironment().run(orphans.orphans, "simcloud")))


def test_a_plan_that_does_not_replay_any_more_is_told_once(tmp_path: Path) -> None:
    temporal = Temporal(cut=WorkflowQueryFailedError("nondeterminism"))
    told = looked(tmp_path, temporal, door_to(small()))["told"]
    assert told == [
        "plan/cut was terminated: records cannot be read (nondeterminism); "
        "look at what its history asked of the cloud"
    ]


def test_a_plan_that_nobody_can_be_asked_for_is_told_again_by_the_next_audit(tmp_path: Path) -> None:
    """A worker that can tell may come."""
    cloud = small()
    record = cut_off(cloud)
    nobody = RPCError("no poller", RPCStatusCode.FAILED_PRECONDITION, b"")
    told = looked(tmp_path, Temporal(cut=nobody), door_to(cloud))["told"]
    assert told[0].startswith("plan/cut was terminated: records cannot be read (no poller)")
    again = looked(tmp_path, Temporal(cut=record, other={}), door_to(cloud))["told"]
    assert "move was ONGOING" in again[0]


@pytest.mark.parametrize("refusal", [Transient("Nova cannot be reached"), Failed("locked out", "mend it")])
def test_a_cloud_that_does_not_answer_is_asked_again_by_the_next_audit(
    tmp_path: Path, refusal: Exception
) -> None:
    """What was under way stays to be told."""
    cloud = small()
    record = cut_off(cloud)
    door_to(cloud).set_service(door_to(cloud).service("a1"), "disabled", REASON)
    temporal = Temporal(cut=record, other={})
    found = looked(tmp_path, temporal, refusal)
    assert f"the next audit tries again: {refusal}" in found["told"][0]
    assert found["plan"] is None
    assert "move was ONGOING" in looked(tmp_path, temporal, door_to(cloud))["told"][0]


@pytest.mark.parametrize(
    ("row", "opened"),
    [
        ({"state": "SUCCEEDED"}, False),
        ({"state": "SKIPPED", "cause": "already"}, False),
        ({"state": "SKIPPED", "cause": "person"}, True),
        ({"state": "PENDING"}, True),
    ],
)
def test_a_host_that_an_older_plan_set_or_found_closed_meanwhile_stays_closed(
    tmp_path: Path, row: dict[str, str], opened: bool
) -> None:
    """It may have begun before and been approved afterwards; one that has done nothing has no say."""
    cloud = small()
    record = cut_off(cloud)
    other = {**record, "actions": {"close": row, "move": row}}
    door_to(cloud).set_service(door_to(cloud).service("a1"), "disabled", REASON)
    found = looked(tmp_path, Temporal(cut=record, other=other), door_to(cloud))
    assert (found["plan"] is not None) is opened
    assert any("another plan has set its service too" in said for said in found["told"]) is not opened
