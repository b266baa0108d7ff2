"""Plans that were terminated in the middle, found by the next audit of their cloud."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from temporalio import activity
from temporalio.client import Client, WorkflowExecution, WorkflowQueryFailedError
from temporalio.service import RPCError

from activities.doing.pulse import signs_of_life
from activities.door import Door, Failed, Transient
from activities.memory.keeping import FORGOTTEN, Keeping
from activities.others import remains
from activities.others.neighbours import quoted
from activities.others.remains import Remains
from plan_schemas.plan import SkipCause

Document = dict[str, Any]


class Orphans:
    """An activity over Temporal's list of workflows and the cloud itself. Nothing is written."""

    def __init__(self, client: Client, keeping: Keeping, open_door: Callable[[str], Door]) -> None:
        self._client, self._keeping, self._open_door = client, keeping, open_door

    def all(self) -> Sequence[Callable[..., Any]]:
        return [self.orphans]

    @activity.defn(name="plans.orphans")
    async def orphans(self, cloud: str) -> Document:
        """Of each plan that was terminated what it left, once; again while it left hosts to open."""
        told: list[str] = []
        openings: dict[str, Document] = {}
        async with signs_of_life():
            async for row in self._terminated(cloud):
                left = await self._left_by(row, cloud)
                new = self._keeping.teller(row.run_id) in ("", activity.info().workflow_run_id)
                if new or left.openings:
                    told += [f"{row.id} was terminated: {said}" for said in left.told]
                    openings |= {one["id"]: one for one in left.openings}
                if new and left.told and left.whole:
                    self._keeping.note_told(row.run_id, activity.info().workflow_run_id or "")
        return {"told": told, "plan": _clean_up(cloud, list(openings.values())) if openings else None}

    def _terminated(self, cloud: str) -> Any:
        since = (datetime.now(UTC) - FORGOTTEN).isoformat()
        return self._client.list_workflows(
            f"WorkflowType = 'ActionPlan' AND BallastCloud = {quoted(cloud)} "
            f"AND ExecutionStatus IN ('Terminated', 'TimedOut') AND CloseTime > '{since}'"
        )

    async def _left_by(self, row: WorkflowExecution, cloud: str) -> Remains:
        try:
            record = await self._record(row.id, row.run_id)
            others = await self._services_of_others(row, record) if _closed_something(record) else frozenset()
        except (RPCError, WorkflowQueryFailedError) as error:
            said = f"records cannot be read ({error.message}); look at what its history asked of the cloud"
            for_good = isinstance(error, WorkflowQueryFailedError)  # it does not replay any more
            return Remains((said,), (), whole=for_good)
        try:
            door = await asyncio.to_thread(self._open_door, cloud)
            return await asyncio.to_thread(remains.of, record, door, others)
        except (Failed, Transient) as error:
            said = f"what it left cannot be looked at now, the next audit tries again: {error}"
            return Remains((said,), (), whole=False)

    async def _services_of_others(self, row: WorkflowExecution, record: Document) -> frozenset[str]:
        """The hosts whose service other plans set that were alive since this one began, whenever they began
        themselves. Raises if one cannot be read."""
        found: list[Document] = []
        plan = record["plan"]  # which may have gone on in a new run since it was made
        since = min(row.start_time, datetime.fromisoformat(plan["created_at"])).isoformat()
        query = (
            f"WorkflowType = 'ActionPlan' AND BallastCloud = {quoted(plan['cloud'])} "
            f"AND ExecutionStatus != 'ContinuedAsNew' "
            f"AND (CloseTime > '{since}' OR ExecutionStatus = 'Running')"
        )
        async for other in self._client.list_workflows(query):
            if other.run_id != row.run_id:
                told = await self._record(other.id, other.run_id)
                if "plan" in told and _did_something(told):
                    found.append(told["plan"])
        return remains.services(found)

    async def _record(self, plan: str, run: str) -> Document:
        record: Document = await self._client.get_workflow_handle(plan, run_id=run).query("record")
        return record


def _closed_something(record: Document) -> bool:
    rows = record.get("plan", {}).get("actions", [])
    return any(row.get("touches", {}).get("sets") == "disabled" for row in rows)


def _did_something(record: Document) -> bool:
    """Whoever found it done already relies on it too."""
    idle = ("PENDING", "CANCELLED", "SKIPPED")
    rows = record["actions"].values()
    return any(row["state"] not in idle or row.get("cause") == SkipCause.ALREADY for row in rows)


def _clean_up(cloud: str, openings: list[Document]) -> Document:
    """A plan like any other: it needs permits and leave, and what it finds changed it leaves alone."""
    return {
        "ballast": "v1",
        "kind": "ActionPlan",
        "cloud": cloud,
        "reason": "Opens hosts that terminated plans left closed.",
        "requested_by": activity.info().workflow_id or "",
        "execution": {"mode": "auto", "on_failure": "continue", "allow": ["service"], "approve_within": "1h"},
        "actions": openings,
    }
