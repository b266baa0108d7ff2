"""Undo a finished plan by its id: every expectation is checked before the first write."""

from __future__ import annotations

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, ChildWorkflowError, is_cancelled_exception
from temporalio.workflow import ParentClosePolicy

from workflows import calls
from workflows.action_plan import ActionPlan
from workflows.wire import attributes
from workflows.wire.failure import advice, details_of, sentence_of
from workflows.wire.messages import redirects


@workflow.defn(name="Rollback")
@redirects
class Rollback:
    """`rollback/<plan id>`: derives the inverse of a finished plan, checks it, runs it as an ActionPlan."""

    def __init__(self) -> None:
        self.report: dict[str, Any] = {"state": "PENDING", "sentence": "is being checked"}
        self.undone = "it"  # the plan that is to be undone
        self.obstacles: list[str] = []  # what is left as it is, by permission of allow_partial

    @workflow.run
    async def run(self, document: dict[str, Any]) -> dict[str, Any]:
        try:
            wanted = await calls.admit_rollback(document)
            undo = await calls.derive_rollback(
                wanted["plan"], wanted["reason"], wanted["allow_partial"], wanted.get("requested_by", "")
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                self._turn("CANCELLED", "cancelled before anything was changed")
                raise
            raise self.refused(sentence_of(error)) from None
        self.undone = wanted["plan"]
        self.obstacles = [*undo["changed"], *undo["leftovers"]]
        said = f"nothing was changed; {wanted['plan']} cannot be undone"
        if self.obstacles and not wanted["allow_partial"]:
            raise self.refused(
                f"{said} as a whole: {'; '.join(self.obstacles)}. "
                "Put these back by hand, or send the same document with allow_partial: true"
            )
        if undo["plan"] is None and self.obstacles:
            raise self.refused(f"{said} even in part: {'; '.join(self.obstacles)}")
        if undo["plan"] is None:
            self._turn("SUCCEEDED", f"{wanted['plan']} left nothing to undo")
            return self.report
        return await self._run(undo["plan"])

    async def _run(self, plan: dict[str, Any]) -> dict[str, Any]:
        id = f"plan/{workflow.info().workflow_id}"
        asked = " as soon as it is approved" if plan["execution"]["mode"] == "approve" else ""
        self._turn("ONGOING", f"{id} undoes {len(plan['actions'])} actions{asked}", plan=id)
        try:
            told = await workflow.execute_child_workflow(
                ActionPlan.run, plan, id=id, parent_close_policy=ParentClosePolicy.ABANDON
            )
        except ChildWorkflowError as error:
            if is_cancelled_exception(error):
                self._turn("CANCELLED", f"{id} was cancelled")
                raise
            raise self._incomplete(id, details_of(error).get("unfinished") or [sentence_of(error)]) from None
        if told["unfinished"]:
            raise self._incomplete(id, told["unfinished"])
        partly = f"; not undone, as allowed: {'; '.join(self.obstacles)}" if self.obstacles else ""
        self._turn("SUCCEEDED", told["sentence"] + partly, counts=told["counts"], leftovers=self.obstacles)
        return self.report

    def _incomplete(self, id: str, left: list[str]) -> ApplicationError:
        """Skipped is not undone: a rollback that left anything behind says so and names it."""
        left = [*self.obstacles, *left]
        self._turn(
            "ROLLBACK_INCOMPLETE", f"{id} left {'; '.join(left)}. {advice(self.undone)}", leftovers=left
        )
        return ApplicationError(
            f"ROLLBACK_INCOMPLETE: {self.report['sentence']}", type="PlanFailed", non_retryable=True
        )

    def refused(self, why: str) -> ApplicationError:
        self._turn("FAILED", why)
        return ApplicationError(why, type="Refused", non_retryable=True)

    def _turn(self, state: str, sentence: str, **facts: Any) -> None:
        self.report = {**self.report, **facts, "state": state, "sentence": sentence}
        workflow.upsert_search_attributes(attributes.standing(state, "", None))
        workflow.set_current_details(f"**{state}**: {sentence}")

    def addressee(self) -> str:
        plan = self.report.get("plan", f"plan/{workflow.info().workflow_id}")
        return f"a rollback takes no messages; send it to the plan that it runs, {plan}"

    def complain(self, text: str) -> None:
        self.report["rejected_messages"] = [*self.report.get("rejected_messages", []), text]

    @workflow.query(name="status", description="state, the undoing plan's id, what could not be undone")
    def status(self) -> dict[str, Any]:
        return self.report
