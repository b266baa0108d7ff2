"""One audit from request to report: observe, decide, plan, review, execute, measure."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ChildWorkflowError,
    FailureError,
    WorkflowAlreadyStartedError,
    is_cancelled_exception,
)
from temporalio.workflow import ParentClosePolicy

from workflows import attributes, calls
from workflows.action_plan import ActionPlan
from workflows.failure import details_of, sentence_of
from workflows.messages import redirects

LOOK_AGAIN = timedelta(seconds=10)


@workflow.defn(name="Audit")
@redirects
class Audit:
    """`audit/<name>`: takes only `cancel`; the plan it makes is `plan/<audit id>` and takes all messages."""

    def __init__(self) -> None:
        self.report: dict[str, Any] = {"state": "PENDING", "sentence": "is being checked"}
        self.came_to = ""  # the plan's end, as soon as there is one

    @workflow.run
    async def run(self, document: dict[str, Any]) -> dict[str, Any]:
        try:
            audit = await calls.admit_audit(document)
            await self._serve(audit)
        except (ActivityError, ChildWorkflowError, asyncio.CancelledError) as error:
            raise self._ended_early(error) from None
        return self.report

    def _ended_early(self, error: BaseException) -> BaseException:
        """What a step that failed or was cancelled means for the audit; what the plan came to is told too."""
        if isinstance(error, FailureError) and not is_cancelled_exception(error):
            said = sentence_of(error)
            said = f"{self.came_to}; this could not be measured: {said}" if self.came_to else said
            self._turn("FAILED", said)
            return ApplicationError(said, type="AuditFailed", non_retryable=True)
        # Without a reason it is only the worker that lets go of this workflow.
        if workflow.cancellation_reason() is not None and self.report["state"] != "CANCELLED":
            cut_short = f"{self.came_to}; cancelled before this was measured"
            self._turn("CANCELLED", cut_short if self.came_to else "cancelled before a plan was made")
        return error

    async def _serve(self, audit: dict[str, Any]) -> None:
        workflow.upsert_search_attributes(
            attributes.identity(audit["cloud"], audit["goal"], audit["strategy"], audit["name"])
        )
        others = await self._others(audit)
        if others and audit["execution"]["on_running"] == "skip":
            self._turn("SUCCEEDED", f"nothing was looked at: {_among(others)} (on_running: skip)")
            return
        self._turn("ONGOING", f"observes {audit['cloud']}")
        before = await calls.observe(audit["cloud"], audit["max_uncertain"])
        self._turn("ONGOING", f"decides by {audit['strategy']}", model=before)
        moves = await calls.moves_of(others) if others else []
        decision = await calls.decide(audit, before, workflow.info().workflow_id, moves)
        _stop_if_cancelled()
        await calls.supersede(audit["name"], self.plan_id)
        if decision["plan"] is None:
            self._turn("SUCCEEDED", f"nothing to do: {decision['summary']}")
            return
        plan = await self._start_plan(decision["plan"])
        if audit["execution"]["mode"] == "advise":
            self._turn("SUCCEEDED", f"{decision['summary']}; {plan.id} is RECOMMENDED and waits for approval")
            return
        self.report["summary"] = decision["summary"]
        self._turn("ONGOING", f"{decision['summary']}; {plan.id} holds review and execution", plan=plan.id)
        ending = await self._wait_for(plan)
        self.came_to = f"{plan.id} {ending[0]}: {ending[1]} ({decision['summary'].rstrip('.')})"
        self.report |= {"plan_state": ending[0], "counts": ending[2]}
        await self._measure(audit, before, decision["plan"])
        self._close(ending[0])

    async def _others(self, audit: dict[str, Any]) -> list[str]:
        """The plans that change the cloud now; under `on_running: wait` there is none left in the end."""
        while True:
            others = await calls.running_plans(audit["cloud"])
            if not others or audit["execution"]["on_running"] != "wait":
                return others
            self._turn("PENDING", f"waits: {_among(others)}", waiting="plan")
            await workflow.sleep(LOOK_AGAIN, summary=f"until {others[0]} has ended")

    @property
    def plan_id(self) -> str:
        return f"plan/{workflow.info().workflow_id}"

    async def _start_plan(
        self, document: dict[str, Any]
    ) -> workflow.ChildWorkflowHandle[Any, dict[str, Any]]:
        id = self.plan_id
        try:
            handle = await workflow.start_child_workflow(
                ActionPlan.run,
                document,
                id=id,
                parent_close_policy=ParentClosePolicy.ABANDON,
                static_summary=document.get("reason", "")[:200],
            )
        except WorkflowAlreadyStartedError:
            said = (
                f"{id} of an earlier round is still open; approve, reject or cancel it, then start this again"
            )
            self._turn("FAILED", said)
            raise ApplicationError(said, type="AuditFailed", non_retryable=True) from None
        self.report["plan"] = id
        self.report["forecast"] = document.get("forecast", {})
        return handle

    async def _wait_for(
        self, plan: workflow.ChildWorkflowHandle[Any, dict[str, Any]]
    ) -> tuple[str, str, dict[str, Any]]:
        """The plan's end state, its sentence and its counts. Cancelling the audit cancels the plan."""
        if workflow.cancellation_reason() is not None:
            plan.cancel()  # it came together with the plan's start, and woke nobody
        try:
            told = await plan
        except ChildWorkflowError as error:
            if is_cancelled_exception(error):
                self._turn("CANCELLED", f"{plan.id} was cancelled", plan_state="CANCELLED")
                raise asyncio.CancelledError(f"{plan.id} was cancelled") from error
            told = details_of(error)
            return (
                told.get("state", "FAILED"),
                told.get("sentence", sentence_of(error)),
                told.get("counts", {}),
            )
        return told["state"], told["sentence"], told.get("counts", {})

    async def _measure(self, audit: dict[str, Any], before: calls.Snapshot, plan: dict[str, Any]) -> None:
        """The forecast's own indicators again, from a new snapshot after the settle time."""
        settle = audit["execution"].get("settle_seconds", 0)
        if settle:
            self._turn("ONGOING", f"waits {settle:g} s for the cloud to settle")
            await workflow.sleep(settle, summary="settle time before measuring")
        after = await calls.observe(audit["cloud"], audit["max_uncertain"])
        measured = await calls.measure(audit["goal"], before, after)
        self.report["measured"] = measured
        self.report["model_after"] = after
        ratio = _efficacy(plan.get("forecast", {}), measured)
        if ratio is not None:
            workflow.upsert_search_attributes([attributes.EFFICACY.value_set(ratio)])

    def _close(self, state: str) -> None:
        good = state in ("SUCCEEDED", "REJECTED", "EXPIRED", "SUPERSEDED")
        self._turn("SUCCEEDED" if good else "FAILED", self.came_to)
        if not good:
            raise ApplicationError(self.report["sentence"], type="AuditFailed", non_retryable=True)

    def _turn(self, state: str, sentence: str, waiting: str = "", **facts: Any) -> None:
        self.report = {**self.report, **facts, "state": state, "sentence": sentence}
        workflow.upsert_search_attributes(attributes.standing(state, waiting, None))
        workflow.set_current_details(_page(self.report))

    def addressee(self) -> str:
        plan = self.report.get("plan", self.plan_id)
        return f"an audit takes no messages; send it to its plan, {plan}"

    def complain(self, text: str) -> None:
        self.report["rejected_messages"] = [*self.report.get("rejected_messages", []), text]
        workflow.set_current_details(_page(self.report))

    @workflow.query(name="status", description="state, the plan's id, forecast and measured indicators")
    def status(self) -> dict[str, Any]:
        return self.report


def _among(plans: list[str]) -> str:
    if len(plans) == 1:
        return f"{plans[0]} runs on this cloud"
    return f"{plans[0]} and {len(plans) - 1} more run on this cloud"


def _stop_if_cancelled() -> None:
    """A cancel that arrived while an activity finished normally would otherwise be lost."""
    if workflow.cancellation_reason() is not None:
        raise asyncio.CancelledError(workflow.cancellation_reason())


def _efficacy(forecast: dict[str, float], measured: dict[str, float]) -> float | None:
    """Measured over forecast of the first indicator that promised a change; None when none did."""
    for name, promised in forecast.items():
        if promised and name in measured:
            return measured[name] / promised
    return None


def _page(report: dict[str, Any]) -> str:
    lines = [f"**{report['state']}**: {report['sentence']}"]
    if report.get("plan"):
        lines += ["", f"Plan: `{report['plan']}` (send it all messages)"]
    if report.get("forecast"):
        measured = report.get("measured", {})
        lines += ["", "| indicator | forecast | measured |", "|---|---|---|"]
        lines += [f"| {k} | {v:g} | {_number(measured.get(k))} |" for k, v in report["forecast"].items()]
    if report.get("rejected_messages"):
        lines += ["", "**Refused messages**", *(f"* {said}" for said in report["rejected_messages"][-8:])]
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "not yet" if value is None else f"{value:g}"
