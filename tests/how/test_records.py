"""Whom the workers believe what of a plan."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from activities.memory.keeping import Keeping
from activities.memory.records import Records
from plan_schemas.plan import Refused

NOW = datetime.now(UTC)


class Temporal:
    """A client at the edge: one workflow of a type, that answers a query or does not."""

    namespace = "default"

    def __init__(self, workflow_type: str, told: Any = None) -> None:
        self.workflow_type, self.told = workflow_type, told
        deployment = SimpleNamespace(deployment_version=SimpleNamespace(build_id=""))
        info = SimpleNamespace(versioning_info=deployment)
        self.raw_description = SimpleNamespace(workflow_execution_info=info)
        self.status, self.close_time = None, NOW

    def get_workflow_handle(self, id: str, *, run_id: str = "") -> Temporal:
        return self

    async def describe(self) -> Temporal:
        if self.workflow_type == "":
            raise RPCError("gone", RPCStatusCode.NOT_FOUND, b"")
        return self

    async def query(self, name: str) -> Any:
        if isinstance(self.told, Exception):
            raise self.told
        return self.told


def records(root: Path, *temporal: Any) -> Records:
    return Records(cast(Client, Temporal(*temporal)), Keeping(root))


@pytest.mark.parametrize(
    ("parent", "type", "exempt"),
    [
        (["rollback/x", "r"], "Audit", False),
        (["my-undo", "r"], "Rollback", True),
        (["rollback/x", "r"], "", False),
        ([], "Rollback", False),
    ],
)
def test_only_the_type_of_its_parent_makes_a_plan_an_undo(
    tmp_path: Path, parent: list[str], type: str, exempt: bool
) -> None:
    """Windows and budgets are not for what undoes; ids are whatever somebody chose."""
    assert asyncio.run(records(tmp_path, type).is_rollback(parent)) is exempt


def test_a_plan_that_does_not_replay_any_more_is_known_by_its_kept_record(tmp_path: Path) -> None:
    """Without one the refusal says what there is to do."""
    known = records(tmp_path, "ActionPlan", WorkflowQueryFailedError("nondeterminism"))
    with pytest.raises(
        Refused, match="no record of it is kept: nondeterminism; start a worker of the version"
    ):
        asyncio.run(known.of("plan/a"))
    Keeping(tmp_path).keep_record("plan/a", {"state": "SUCCEEDED"}, NOW + timedelta(days=1), NOW)
    assert asyncio.run(known.of("plan/a")) == {"state": "SUCCEEDED"}


def test_what_temporal_tells_comes_first(tmp_path: Path) -> None:
    Keeping(tmp_path).keep_record("plan/a", {"state": "FAILED"}, NOW + timedelta(days=1), NOW)
    told = asyncio.run(records(tmp_path, "ActionPlan", {"state": "SUCCEEDED"}).of("plan/a"))
    assert told == {"state": "SUCCEEDED", "over": True, "ended": NOW.isoformat()}
