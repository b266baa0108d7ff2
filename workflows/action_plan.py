"""The life of a plan: admitted, reviewed, carried out, undone when it must be, and told truthfully."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from plan_schemas.plan import ActionState, Plan, PlanState, from_document, to_document
from workflows import approvals, attributes, calls, status
from workflows.attempts import hear
from workflows.control import Control
from workflows.dispatch import Dispatch
from workflows.exchange import Answer
from workflows.failure import ADVICE, plan_failed, sentence_of
from workflows.hours import Hours
from workflows.leave import Leave
from workflows.liaison import Liaison
from workflows.messages import COMMANDS, REJECT, SUPERSEDE, Cancel, now, receives
from workflows.outbox import RESET, Outbox
from workflows.progress import Progress
from workflows.view import View, obstacle
from workflows.way_back import revert, reverted, to_undo

P, S = PlanState, ActionState
T = TypeVar("T")
MOST_KEPT = 4_000  # actions: the record of more is too large for one answer


@workflow.defn(name="ActionPlan")
@receives(*COMMANDS, vouch=approvals.vouched)
class ActionPlan:
    """`plan/<audit id>`: holds review, execution and undo; all messages about a plan go here."""

    def __init__(self) -> None:
        self.control = Control(self._abort)
        self.leftovers: list[str] = []
        info, urn = workflow.info(), f"urn:ballast:{workflow.info().workflow_id}@"
        self._outbox = Outbox(urn + info.first_execution_run_id, info.workflow_id, calls.publish)
        self._view = View(self.control, self._outbox.note)
        self._dispatch: Dispatch | None = None
        self._liaison: Liaison | None = None
        self._questions: set[asyncio.Task[None]] = set()  # kept, or they would be collected as garbage
        self._cancel_absorbed = False
        workflow.register_random_seed_callback(lambda seed: self._was_reset(seed, urn + info.run_id))

    @workflow.run
    async def run(self, document: dict[str, Any]) -> dict[str, Any]:
        plan = await self._admit(document)
        progress = self.control.progress = Progress(plan)
        workflow.upsert_search_attributes(
            attributes.identity(plan.cloud, plan.goal, plan.strategy, plan.name if plan.audit else None)
        )
        info = workflow.info()
        leave = Leave(info.workflow_id, info.run_id, plan.cloud)
        self._liaison = Liaison(leave, lambda text: self.control.complain(text, now()))
        self._liaison.begin()
        if await self._is_approved(plan):
            self._turn(P.ONGOING, f"{len(plan.actions)} actions on cloud {plan.cloud}")
            if progress.unapproved:
                self._questions.add(
                    asyncio.create_task(approvals.wait_for_consent(self.control, self.changed))
                )
            await self._in_its_hours(progress)
            await self._conclude(progress)
        return await self._end()

    async def _admit(self, document: dict[str, Any]) -> Plan:
        """The effective plan. A document that is refused ends the plan at once, with the complaint."""
        try:
            id, parent = workflow.info().workflow_id, workflow.info().parent
            undoes = parent is not None and parent.workflow_id.startswith("rollback/")
            plan = from_document(await calls.admit_plan(document, id, undoes))
        except ActivityError as error:
            if is_cancelled_exception(error):
                self._turn(P.CANCELLED, "cancelled before it was checked")
                await self._outbox.close()
                raise
            raise await self._refused(sentence_of(error)) from None
        if plan.execution.on_drift == "replan" and parent is None:
            raise await self._refused(
                "execution.on_drift: replan needs an audit that waits for this plan and makes the next; "
                "take skip or stop, or start the audit itself"
            )
        return plan

    async def _refused(self, why: str) -> ApplicationError:
        self._turn(P.FAILED, why)
        await self._outbox.close()
        return ApplicationError(why, type="PlanFailed", non_retryable=True)

    async def _is_approved(self, plan: Plan) -> bool:
        """Wait for the review, if there has to be one, and say whether the plan shall run."""
        control = self.control
        if control.begins_by_itself():
            return True
        self._turn(P.RECOMMENDED, "waits for approval", "approval")
        deadline = timedelta(seconds=plan.execution.approve_within_seconds)
        self._look_for_cancel()  # one that came with the end of the check woke nobody
        try:
            await workflow.wait_condition(
                lambda: control.review is not None or control.cancelled is not None,
                timeout=deadline,
                timeout_summary="approval deadline",
            )
        except TimeoutError:
            return self._unrun(P.EXPIRED, f"nobody approved it within {deadline}")
        except asyncio.CancelledError as error:
            self._absorb(error)
            self._look_for_cancel()
        if control.cancelled is not None:
            why = control.cancelled.reason or "no reason given"
            return self._unrun(P.CANCELLED, f"cancelled before it ran: {why}")
        if control.review is REJECT:
            return self._unrun(P.REJECTED, control.reviewed)
        if control.review is SUPERSEDE:
            return self._unrun(P.SUPERSEDED, control.reviewed)
        return True

    def _unrun(self, state: PlanState, why: str) -> bool:
        """The review ended without leave to run."""
        if self.control.progress is not None:
            self.control.progress.stop(why)
        self._turn(state, why)
        return False

    async def _in_its_hours(self, progress: Progress) -> None:
        """The way forward keeps to the plan's windows; the way back does not wait for any."""

        def show(why: str) -> None:
            progress.closed = why
            self.changed()

        groups = progress.plan.execution.windows
        if groups:
            progress.closed = "not known yet"
        hours = asyncio.create_task(Hours(groups, show).keep())
        await self._carry_out(progress, self._after_action)
        hours.cancel()

    async def _carry_out(self, progress: Progress, ended: Any) -> None:
        if self._liaison is None:
            raise AssertionError("a plan is carried out only once it is known")
        control, leave = self.control, self._liaison.leave
        self._dispatch = Dispatch(progress, leave, control.left_out, self._look_for_cancel, self._absorb)
        await self._dispatch.run(self.changed, ended)
        self._dispatch = None

    def _after_action(self, id: str) -> None:
        self.control.after(id, now())
        if self.control.progress is not None and id in self.control.progress.asking:
            self._questions.add(asyncio.create_task(self._await_decision(self.control.progress, id)))
        self.changed()

    async def _await_decision(self, progress: Progress, id: str) -> None:
        """Let the plan's own word hold when nobody decides on a failed action in time."""
        failure = progress.asking[id]
        try:
            await workflow.wait_condition(
                lambda: progress.asking.get(id) is not failure,
                timeout=progress.plan.execution.decide_within_seconds,
                timeout_summary=f"deadline of the decision on {id}",
            )
        except TimeoutError:
            self.control.nobody_decided(id, now())
            self.changed()

    async def _conclude(self, progress: Progress) -> None:
        """What the way forward came to, and the way back when the policy or a person wants it."""
        state, sentence = self.control.outcome()
        if self.control.undo_wanted() and to_undo(progress):
            await self._roll_back(progress, sentence)
            if self.leftovers:
                state, sentence = (
                    P.ROLLBACK_INCOMPLETE,
                    f"{sentence}; not undone: {'; '.join(self.leftovers)}. {ADVICE}",
                )
            else:
                state = state if state == P.CANCELLED else P.ROLLED_BACK
                sentence = f"{sentence}; what was done is undone"
        self._turn(state, sentence)

    async def _roll_back(self, progress: Progress, why: str) -> None:
        """Undo what was done, in reverse order and as parallel as forward; a cancel cannot interrupt it."""
        self._turn(P.ROLLING_BACK, why)
        undoing = calls.derive_undo(to_document(progress.plan), to_undo(progress), why)
        try:
            derived = await self._uninterrupted(undoing)
        except ActivityError as error:
            said = f"the way back is unknown: {sentence_of(error)}"
            self.leftovers += [f"{id}: {said}" for id in to_undo(progress)]
            return
        self.leftovers += derived["leftovers"]
        if derived["plan"] is None:
            return
        back = progress.back = Progress(from_document(derived["plan"]))
        back.forth = progress
        back.consent.give_all()
        originals = {id: id.removeprefix("undo-") for id in back.actions}
        for original in originals.values():
            revert(progress, original)

        def undone(id: str) -> None:
            reverted(progress, originals[id], back.standing[id])
            self.changed()

        await self._carry_out(back, undone)
        for id, original in originals.items():
            if progress.standing[original].state == S.REVERTING:  # never began: what it needs failed
                reverted(progress, original, back.standing[id])
            if progress.standing[original].state == S.REVERT_FAILED:
                self.leftovers.append(f"{original}: {progress.standing[original].why}")

    async def _end(self) -> dict[str, Any]:
        """The report that the workflow ends with; the whole record stays behind the query `record`."""
        if self._liaison is not None:
            await self._uninterrupted(self._liaison.end())
        await self._keep_record()
        if said := await self._uninterrupted(self._outbox.close()):
            self.control.complain(said, now())
        await workflow.wait_condition(workflow.all_handlers_finished)
        control = self.control
        if control.state == P.CANCELLED:
            await self._be_cancelled()
        report: dict[str, Any] = {"state": str(control.state), "sentence": control.sentence}
        if control.progress is not None:
            report["counts"] = status.counts(control.progress)
            report["unfinished"] = status.unfinished(control.progress)
            if control.drifted and control.state == P.SUPERSEDED:
                report |= {"drift": control.drifted, "moved": status.moved(control.progress)}
        if control.state in (P.FAILED, P.ROLLED_BACK, P.ROLLBACK_INCOMPLETE):
            raise plan_failed(report)
        return report

    async def _keep_record(self) -> None:
        """For a Rollback that may be asked for when the namespace has forgotten this workflow."""
        progress = self.control.progress
        if progress is None or progress.plan.execution.dry_run or not to_undo(progress):
            return
        if len(progress.actions) > MOST_KEPT:
            said = f"the record is kept only as long as this workflow: more than {MOST_KEPT} actions"
            self.control.complain(said, now())
            return
        try:
            await self._uninterrupted(calls.keep_record(progress.plan.execution.rollback_window_seconds))
        except ActivityError as error:
            said = f"the record is kept only as long as this workflow: {sentence_of(error)}"
            self.control.complain(said, now())

    async def _be_cancelled(self) -> None:
        """End as Canceled in Temporal's eyes too, whichever way the cancellation came."""
        if workflow.cancellation_reason() is None:
            await calls.end_as_cancelled(self.control.sentence)
            await workflow.wait_condition(lambda: workflow.cancellation_reason() is not None)
        raise asyncio.CancelledError(self.control.sentence)

    def _absorb(self, error: asyncio.CancelledError) -> None:
        """Temporal tells of a cancel once, and the plan decides what it means. Any other CancelledError is
        the worker letting go of this workflow, and must pass."""
        if self._cancel_absorbed or workflow.cancellation_reason() is None:
            raise error
        self._cancel_absorbed = True

    async def _uninterrupted(self, call: Coroutine[Any, Any, T]) -> T:
        task = asyncio.create_task(call)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError as error:
            self._absorb(error)
            return await task

    def _look_for_cancel(self) -> None:
        """Temporal's own cancel is `cancel` by the plan's policy; it can be swallowed, so look each time."""
        reason, control = workflow.cancellation_reason(), self.control
        if reason is None or control.cancelled is not None or control.state == P.ROLLING_BACK:
            return
        reason = reason[:1000] or "by Temporal's own cancel"
        control.cancelled = Cancel(reason=reason)
        control.log.append(f"{now()} cancel {reason}")
        control.stop(reason, abort=False)
        self.changed()

    def _was_reset(self, seed: int, source: str) -> None:
        """`temporal workflow reset` to here; called between activations: Temporal can be asked nothing."""
        self._outbox.fork(source)
        if self._liaison is not None:
            self._liaison.leave.renumber(seed)
        self.control.log.append(RESET)

    def _abort(self, id: str) -> None:
        if self._dispatch is not None:
            self._dispatch.abort(id)

    # -- what people see --------------------------------------------------------------------------------

    def changed(self) -> None:
        """Bring the UI up to date, and let the dispatcher look again."""
        dispatch, liaison = self._dispatch, self._liaison
        if dispatch is None or liaison is None:
            self._view.show("")
            return
        self._view.show(obstacle(self.control.state, dispatch.progress, liaison.leave))
        dispatch.wake()

    def _turn(self, state: PlanState, sentence: str, waiting_for: str = "") -> None:
        self.control.turn(state, sentence, waiting_for)
        self.changed()

    @workflow.signal(name="permits", description="between plans and permits, not for people")
    def permits(self, payload: RawValue) -> None:
        try:
            answer = workflow.payload_converter().from_payload(payload.payload, Answer)
        except ApplicationError as error:
            self.control.complain(f"signal permits: {error.message}", now())
        else:
            if self._liaison is not None:
                self._liaison.leave.hear(answer)
        self.changed()

    @workflow.signal(name="attempt", description="between actions and their plan, not for people")
    def attempt(self, payload: RawValue) -> None:
        if said := hear(self.control.progress, payload):
            self.control.complain(said, now())
        self.changed()

    @workflow.signal(dynamic=True)
    def unknown_signal(self, name: str, args: Sequence[RawValue]) -> None:  # noqa: ARG002  nothing to read
        known = ", ".join(c.name for c in COMMANDS)
        self.control.complain(f"signal {name!r} is unknown; known: {known}", now())
        self.changed()

    @workflow.query(name="status", description="state, counts, every action and every message")
    def status(self) -> dict[str, Any]:
        c = self.control
        return status.document(str(c.state), c.sentence, c.progress, c.log, c.rejected)

    @workflow.query(name="plan", description="the effective plan document")
    def plan(self) -> dict[str, Any]:
        return to_document(self.control.progress.plan) if self.control.progress else {}

    @workflow.query(name="record", description="the plan and what became of each action; Rollback reads it")
    def record(self) -> dict[str, Any]:
        control, link = self.control, self._outbox.link
        trail = {"events": link.sequence, "head": link.head}
        return status.record(str(control.state), control.sentence, control.progress, control.log, trail)
