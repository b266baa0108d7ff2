"""One audit from request to report: observe, decide, plan, review, execute, measure."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, cast

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

from workflows import calls
from workflows.action_plan import ActionPlan
from workflows.plan.rounds import Ending, Rounds
from workflows.plan.status import cut
from workflows.stages import clean_up
from workflows.stages.clean_up import CleanUp
from workflows.wire import attributes
from workflows.wire.answers import Decision, Measured, Snapshot
from workflows.wire.failure import details_of, sentence_of
from workflows.wire.messages import redirects

Plan = workflow.ChildWorkflowHandle[Any, dict[str, Any]]
LOOK_AGAIN = timedelta(seconds=10)
MEASURED, PLANNED_AGAIN = "measured", "planned again"


@workflow.defn(name="Audit")
@redirects
class Audit:
    """`audit/<name>`: takes only `cancel`; the plan it makes is `plan/<audit id>` and takes all messages."""

    def __init__(self) -> None:
        self.report: dict[str, Any] = {"state": "PENDING", "sentence": "is being checked"}
        self.came_to = ""  # the plan's end, as soon as there is one
        self.step = PLANNED_AGAIN  # what comes after it
        self.rounds = Rounds(workflow.info().workflow_id)
        self.dry_run = False
        self.measured: Measured | None = None  # before anything was changed
        self.asked: dict[str, Any] = {}

    @workflow.run
    async def run(self, document: dict[str, Any]) -> dict[str, Any]:
        try:
            audit = self.asked = await calls.admit_audit(document)
            self.rounds = Rounds(workflow.info().workflow_id, audit["execution"]["replans"])
            self.dry_run = audit["execution"]["dry_run"]
            await self._serve(audit)
        except (ActivityError, ChildWorkflowError, asyncio.CancelledError) as error:
            raise self._ended_early(error) from None
        return self.report

    def refused(self, why: str) -> None:
        """The document cannot even be read."""
        self._turn("FAILED", why)

    def _ended_early(self, error: BaseException) -> BaseException:
        """What a step that failed or was cancelled means for the audit; what the plan came to is told too."""
        if isinstance(error, FailureError) and not is_cancelled_exception(error):
            said = sentence_of(error)
            said = f"{self.came_to}; this could not be {self.step}: {said}" if self.came_to else said
            self._turn("FAILED", said)
            return ApplicationError(said, type="AuditFailed", non_retryable=True)
        # Without a reason it is only the worker that lets go of this workflow.
        if workflow.cancellation_reason() is not None and self.report["state"] != "CANCELLED":
            cut_short = f"{self.came_to}; cancelled before this was {self.step}"
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
        await CleanUp(self._tell_of_earlier).run(audit)
        before = await self._observe(audit, audit["max_age_seconds"])
        decision = await self._decide(audit, before, others)
        if decision["plan"] is None:
            self._turn("SUCCEEDED", f"nothing to do: {decision['summary']}")
            return
        plan = await self._start_plan(decision["plan"])
        self.report |= {"plan": plan.id, "forecast": decision["plan"].get("forecast", {})}
        if audit["execution"]["mode"] == "advise":
            summary = decision["summary"].rstrip(".")
            self._turn("SUCCEEDED", f"{summary}; {plan.id} is RECOMMENDED and waits for approval")
            return
        state = await self._see_through(audit, decision, plan)
        self.step = MEASURED
        await self._measure(audit, before, decision["plan"], state)
        self._close(state)

    async def _observe(self, audit: dict[str, Any], max_age: float = 0) -> Snapshot:
        self._turn("ONGOING", f"observes {audit['cloud']}")
        found = await calls.observe(audit["cloud"], audit["max_uncertain"], max_age)
        self._turn("ONGOING", f"decides by {audit['strategy']}", model=found, observed=found["told"])
        return found

    async def _decide(self, audit: dict[str, Any], before: Snapshot, others: list[str]) -> Decision:
        measured = await self._measure_usage(audit, before)
        self.measured = self.measured or measured
        if measured:
            self._turn("ONGOING", f"decides by {audit['strategy']}", usage=measured)
        moves = await calls.moves_of(others) if others else []
        decision = await calls.decide(audit, before, workflow.info().workflow_id, moves, measured)
        _stop_if_cancelled()
        await calls.supersede(audit["name"], self.rounds.plan_id)
        return decision

    async def _measure_usage(
        self, audit: dict[str, Any], seen: Snapshot, *, is_result: bool = False
    ) -> Measured | None:
        """Right after the observation, so that both tell of one moment; nothing where allocations suffice."""
        if not audit.get("metrics"):
            return None
        return await calls.measure_usage(audit, seen, is_result=is_result)

    async def _see_through(self, audit: dict[str, Any], decision: Decision, plan: Plan) -> str:
        """Wait for the plan, and for each that takes its place after drift; answers the last one's state."""
        while decision["plan"] is not None:
            self.report |= {"summary": decision["summary"]}
            self._turn(
                "ONGOING",
                f"{decision['summary'].rstrip('.')}; {plan.id} holds review and execution",
                plan=plan.id,
            )
            ending = await self._wait_for(plan)
            self.rounds.note(ending, decision["plan"].get("forecast", {}))
            self.came_to = f"{self.rounds.sentence} ({decision['summary'].rstrip('.')})"
            self.report |= {"plan_state": ending["state"], "counts": self.rounds.counts}
            self.report["rounds"] = self.rounds.told
            if not self.rounds.again:
                return ending["state"]
            if why := self.rounds.obstacle(audit):
                self.came_to += f"; {why}"
                return "FAILED"
            decision = await self._plan_again(audit)
            if decision["plan"] is not None:
                plan = await self._start_plan(decision["plan"])
        self.came_to = f"{self.rounds.sentence}; then there was nothing left to do: {decision['summary']}"
        return "SUCCEEDED"

    async def _plan_again(self, audit: dict[str, Any]) -> Decision:
        """On a new snapshot, whatever its age: the last one is known to be outdated."""
        once_begun = {**audit["execution"], "on_running": "wait"}  # an audit that moved things is no rival
        if audit["execution"]["on_running"] == "allow":
            once_begun["on_running"] = "allow"
        others = await self._others({**audit, "execution": once_begun})
        return await self._decide(self.rounds.left(audit), await self._observe(audit), others)

    def _tell_of_earlier(self, said: list[str]) -> None:
        """What terminated plans left, and what becomes of it."""
        self.report["earlier"] = said
        workflow.set_current_details(_page(self.report))

    async def _others(self, audit: dict[str, Any]) -> list[str]:
        """The plans that change the cloud now; under `on_running: wait` there is none left in the end."""
        while True:
            running = await calls.running_plans(audit["cloud"])
            ours = (*self.rounds.ids, clean_up.plan_id(audit["cloud"]))  # a list may lag behind our own
            others = [id for id in running if id not in ours]
            if not others or audit["execution"]["on_running"] != "wait":
                return others
            self._turn("PENDING", f"waits: {_among(others)}", waiting="plan")
            await workflow.sleep(LOOK_AGAIN, summary=f"until {others[0]} has ended")

    async def _start_plan(self, document: dict[str, Any]) -> Plan:
        id = self.rounds.plan_id
        try:
            return await workflow.start_child_workflow(
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

    async def _wait_for(self, plan: Plan) -> Ending:
        """What the plan came to. Cancelling the audit cancels the plan."""
        if workflow.cancellation_reason() is not None:
            plan.cancel()  # it came together with the plan's start, and woke nobody
        try:
            return cast(Ending, await plan)
        except ChildWorkflowError as error:
            if is_cancelled_exception(error):
                self._turn("CANCELLED", f"{plan.id} was cancelled", plan_state="CANCELLED")
                raise asyncio.CancelledError(f"{plan.id} was cancelled") from error
            failed: Ending = {"state": "FAILED", "sentence": sentence_of(error)}
            return {**failed, **cast(Ending, details_of(error))}

    async def _measure(
        self, audit: dict[str, Any], before: Snapshot, plan: dict[str, Any], state: str
    ) -> None:
        """The forecast's own indicators again, from a new snapshot after the settle time."""
        if audit["execution"]["dry_run"]:
            self.came_to += "; nothing was changed, so nothing was measured"
            return
        settle = audit["execution"].get("settle_seconds", 0)
        if settle:
            self._turn("ONGOING", f"waits {settle:g} s for the cloud to settle")
            await workflow.sleep(settle, summary="settle time before measuring")
        after = await calls.observe(audit["cloud"], audit["max_uncertain"])
        used = await self._measure_usage(audit, after, is_result=True)
        found = await calls.measure(audit, before, after, self.measured, used)
        if state in ("SUCCEEDED", "FAILED"):  # what somebody refused, or undid, is as he wanted it
            self.came_to = "; ".join((self.came_to, *found["told"]))
        measured = self.report["measured"] = found["values"]
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
        if self.dry_run:
            sentence = f"DRY RUN: {sentence}"
        self.report = {**self.report, **facts, "state": state, "sentence": sentence}
        workflow.upsert_search_attributes(attributes.standing(state, waiting, None))
        workflow.set_current_details(_page(self.report))

    def addressee(self) -> str:
        plan = self.report.get("plan", self.rounds.plan_id)
        return f"an audit takes no messages; send it to its plan, {plan}"

    def complain(self, text: str) -> None:
        self.report["rejected_messages"] = [*self.report.get("rejected_messages", []), text]
        workflow.set_current_details(_page(self.report))

    @workflow.query(name="status", description="state, the plan's id, forecast and measured indicators")
    def status(self) -> dict[str, Any]:
        return self.report

    @workflow.query(name="audit", description="the effective audit document; `ballast explain` reads it")
    def audit(self) -> dict[str, Any]:
        return self.asked


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
    if report.get("observed"):
        lines += ["", f"Decided on: {report['observed']}"]
        lines += [f"and on {report['usage']['told']}"] if report.get("usage") else []
    lines += _listed("Left by terminated plans", report.get("earlier", []))
    rounds = [f"`{r['plan']}` {r['state']}: {r['sentence']}" for r in report.get("rounds", [])]
    lines += _listed("Rounds", rounds)
    if report.get("forecast"):
        measured = report.get("measured", {})
        lines += ["", "| indicator | forecast | measured |", "|---|---|---|"]
        lines += [f"| {k} | {v:g} | {_number(measured.get(k))} |" for k, v in report["forecast"].items()]
    lines += _listed("Refused messages", report.get("rejected_messages", [])[-8:])
    return cut("\n".join(lines))


def _listed(title: str, rows: list[str]) -> list[str]:
    return ["", f"**{title}**", *(f"* {row}" for row in rows[:20])] if rows else []


def _number(value: float | None) -> str:
    return "not yet" if value is None else f"{value:g}"
