"""What other plans do on the same cloud, asked of Temporal: who runs, what moves yet, what is outdated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from plan_schemas.frozen import thaw
from plan_schemas.plan import ActionState, PlanState, from_document

RUNNING = (
    PlanState.PENDING,
    PlanState.ONGOING,
    PlanState.PAUSED,
    PlanState.NEEDS_DECISION,
    PlanState.CANCELLING,
    PlanState.ROLLING_BACK,
)
MOVES_AT_MOST = timedelta(days=1)  # whatever a plan asked of Nova has ended by then
LEFT = (ActionState.PENDING, ActionState.ONGOING, ActionState.REVERTING)


class Neighbours:
    """Activities over Temporal's list of workflows, which may lag a second behind."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def all(self) -> Sequence[Callable[..., Any]]:
        return [self.running, self.holders, self.moves, self.supersede]

    @activity.defn(name="plans.running")
    async def running(self, cloud: str) -> list[str]:
        """The ids of the plans that change this cloud now."""
        return [id async for id in self._plans(f"BallastCloud = {quoted(cloud)}", RUNNING)]

    @activity.defn(name="plans.holders")
    async def holders(self, cloud: str) -> dict[str, Any]:
        """Who may hold what permits that are opened anew do not know of: the plans that run, and those that
        ended without a word so lately that what they asked for may still move."""
        now = datetime.now(UTC)
        since = (now - MOVES_AT_MOST).isoformat()
        ended = (
            f"WorkflowType = 'ActionPlan' AND BallastCloud = {quoted(cloud)} "
            f"AND ExecutionStatus IN ('Terminated', 'TimedOut') AND CloseTime > '{since}'"
        )
        lost = [row async for row in self._client.list_workflows(ended)]
        quiet = min((now - row.close_time for row in lost if row.close_time), default=MOVES_AT_MOST)
        return {
            "running": await self.running(cloud),
            "lost": list(dict.fromkeys(row.id for row in lost)),
            "quiet": quiet.total_seconds(),
        }

    @activity.defn(name="plans.moves")
    async def moves(self, plans: list[str]) -> list[dict[str, Any]]:
        """`{instance, type, parameters}` of all that these plans have not brought to its end."""
        found: list[dict[str, Any]] = []
        for id in plans:
            record = await self._record(id)
            if "plan" not in record or (plan := from_document(record["plan"])).execution.dry_run:
                continue
            for action in plan.actions:
                instance, state = action.touches.instance, record["actions"][action.id]["state"]
                if instance and state in LEFT:
                    parameters = thaw(action.parameters)
                    found.append({"instance": instance, "type": action.type, "parameters": parameters})
        return found

    @activity.defn(name="plans.supersede")
    async def supersede(self, audit: str, newer: str) -> list[str]:
        """End the plans of earlier rounds of an audit that nobody has approved; answers their ids."""
        told = []
        async for id in self._plans(f"BallastAudit = {quoted(audit)}", (PlanState.RECOMMENDED,)):
            if id != newer and await self._tell(id, newer):
                told.append(id)
        return told

    async def _tell(self, plan: str, newer: str) -> bool:
        said = {"by": newer, "reason": "a newer round of the audit has looked again"}
        try:
            await self._client.get_workflow_handle(plan).signal("supersede", said)
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:  # it has ended meanwhile
                return False
            raise
        return True

    async def _record(self, plan: str) -> dict[str, Any]:
        try:
            record: dict[str, Any] = await self._client.get_workflow_handle(plan).query("record")
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return {}
            raise
        return record

    async def _plans(self, which: str, states: Sequence[PlanState]) -> AsyncIterator[str]:
        wanted = ", ".join(quoted(s) for s in states)
        running = "WorkflowType = 'ActionPlan' AND ExecutionStatus = 'Running'"
        query = f"{running} AND {which} AND BallastState IN ({wanted})"
        async for row in self._client.list_workflows(query):
            yield row.id


def quoted(text: str) -> str:
    """A text inside a list query; a quote in it could end it early and ask something else."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
