"""What terminated plans left on a cloud: told by the next audit, and put right by a plan beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ChildWorkflowError, WorkflowAlreadyStartedError, is_cancelled_exception
from temporalio.workflow import ParentClosePolicy

from workflows import calls
from workflows.action_plan import ActionPlan
from workflows.wire.failure import details_of, sentence_of

Document = dict[str, Any]
Plan = workflow.ChildWorkflowHandle[Any, Document]
PATIENCE = timedelta(minutes=1)


def plan_id(cloud: str) -> str:
    """One for each cloud at a time, whichever audit starts it."""
    return f"plan/clean-up/{cloud}"


class CleanUp:
    """The audit waits a moment for its plan, because an open host is one more to decide about, and no longer:
    it may need an approval, an open window or a thaw, and what becomes of it is not the audit's end."""

    def __init__(self, tell: Callable[[list[str]], None]) -> None:
        self._tell = tell
        self._told: list[str] = []
        self._watching: asyncio.Task[None] | None = None  # kept, or it would be collected as garbage

    async def run(self, audit: Document) -> None:
        """Tell what is left; who may act without asking also puts it right."""
        left = await calls.orphans(audit["cloud"])
        self._told = left["told"]
        if left["plan"] is None:
            self._note()
            return
        hosts = ", ".join(action["touches"]["service"] for action in left["plan"]["actions"])
        execution, id = audit["execution"], plan_id(audit["cloud"])
        if execution["mode"] != "auto" or execution["dry_run"]:
            self._note(
                f"not opened again, for that an audit has to run in mode auto without dry_run: {hosts}"
            )
            return
        try:
            plan = await self._start(left["plan"], id)
        except WorkflowAlreadyStartedError:
            self._note(f"{id} of an earlier audit has not ended; once it has, {hosts} can be opened again")
            return
        self._note(f"{id} opens {hosts} again, which a terminated plan left closed, and has not ended")
        self._watching = asyncio.create_task(self._watch(plan, hosts))
        try:
            await workflow.wait_condition(
                self._watching.done, timeout=PATIENCE, timeout_summary=f"for the end of {id}"
            )
        except TimeoutError:
            return  # the audit goes on; the end is told whenever it comes

    async def _start(self, document: Document, id: str) -> Plan:
        return await workflow.start_child_workflow(
            ActionPlan.run,
            document,
            id=id,
            parent_close_policy=ParentClosePolicy.ABANDON,
            static_summary=document["reason"],
        )

    async def _watch(self, plan: Plan, hosts: str) -> None:
        """Who cancels the clean-up cancels no audit."""
        try:
            ending = await plan
        except ChildWorkflowError as error:
            state = "CANCELLED" if is_cancelled_exception(error) else "FAILED"
            ending = {"state": state, "sentence": sentence_of(error), **details_of(error)}
        self._note(f"{plan.id}, which opens {hosts} again: {ending['state']}, {ending['sentence']}")

    def _note(self, *more: str) -> None:
        if self._told or more:
            self._tell([*self._told, *more])
