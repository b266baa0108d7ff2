"""What is remembered of a plan: by Temporal, or by the workers where Temporal cannot tell it any more."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from activities.memory.keeping import Keeping
from plan_schemas.plan import Refused

Document = dict[str, Any]


class Records:
    def __init__(self, client: Client, keeping: Keeping) -> None:
        self._client, self._keeping = client, keeping

    async def is_rollback(self, workflow: list[str]) -> bool:
        """Whether the workflow `[id, run]` is a Rollback. By its type: an id is whatever somebody chose."""
        if not workflow:
            return False
        id, run = workflow
        try:
            known = await self._client.get_workflow_handle(id, run_id=run).describe()
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:  # deleted meanwhile, and nobody's word for anything
                return False
            raise
        return known.workflow_type == "Rollback"

    async def of(self, plan_id: str) -> Document:
        """The record of a plan; `over` if it ended, however. Raises Refused."""
        handle, build = self._client.get_workflow_handle(plan_id), ""
        try:
            known = await handle.describe()
            pinned = known.raw_description.workflow_execution_info.versioning_info
            build = pinned.deployment_version.build_id
            if known.workflow_type != "ActionPlan":
                raise Refused(
                    f"{plan_id!r} is a workflow {known.workflow_type}; only a plan is rolled back",
                    "give the id of an ActionPlan, such as plan/audit/<name>",
                )
            record: Document = await handle.query("record")
        except RPCError as error:
            unheard = error.status == RPCStatusCode.FAILED_PRECONDITION and build  # nobody to ask
            if error.status != RPCStatusCode.NOT_FOUND and not unheard:
                raise
            return self._kept(plan_id) or self._lost(plan_id, build if unheard else "")
        except WorkflowQueryFailedError as error:
            if kept := self._kept(plan_id):
                return kept
            raise Refused(
                f"{plan_id} cannot be asked what it did, and no record of it is kept: {error}",
                "start a worker of the version that ran it and ask again",
            ) from None
        over = known.status != WorkflowExecutionStatus.RUNNING
        return {**record, "over": over, "ended": known.close_time.isoformat() if known.close_time else None}

    def _kept(self, plan_id: str) -> Document | None:
        return self._keeping.record(plan_id, datetime.now(UTC))

    def _lost(self, plan_id: str, build: str) -> Document:
        if build:
            said = f"no worker of build {build}, on which {plan_id} ran, is there to tell what it did"
            raise Refused(said, f"start one (BALLAST_BUILD_ID={build}) and ask again")
        raise Refused(
            f"Temporal has no plan {plan_id!r} (any more), and no record of it is kept: there was none, "
            "or its rollback_window is over, or it was kept where this worker does not look (namespace "
            f"{self._client.namespace} forgets closed workflows after its own retention). Look ids up "
            "with: temporal workflow list --query 'WorkflowType=\"ActionPlan\"'"
        )
