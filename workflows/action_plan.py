"""The life of a plan: admitted, reviewed, carried out, undone when it must be, and told truthfully."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from plan_schemas.events import Link
from plan_schemas.plan import ActionState, Plan, PlanState, from_document
from workflows import calls
from workflows.plan import handover, status
from workflows.plan.control import Control
from workflows.plan.way_back import revert, reverted, to_undo
from workflows.progress import Progress
from workflows.sharing.leave import Leave
from workflows.stages import admission, approvals, liaison
from workflows.stages.attempts import hear
from workflows.stages.cancelling import Cancelling
from workflows.stages.dispatch import Dispatch
from workflows.stages.hours import Hours
from workflows.stages.liaison import Liaison
from workflows.stages.outbox import RESET, Outbox
from workflows.stages.questions import Questions
from workflows.stages.recording import keep_record
from workflows.stages.view import View, obstacle
from workflows.wire import descent
from workflows.wire.failure import advice, plan_failed, sentence_of
from workflows.wire.history import has_filled
from workflows.wire.messages import COMMANDS, now, receives

P, S = PlanState, ActionState
UNBEGUN = (P.PENDING, P.RECOMMENDED)


@workflow.defn(name="ActionPlan")
@receives(*COMMANDS, vouch=approvals.vouched)
class ActionPlan:
    """`plan/<audit id>`: holds review, execution and undo; all messages about a plan go here."""

    @workflow.init
    def __init__(self, document: dict[str, Any]) -> None:
        info = workflow.info()
        carried = document.get("carried") if descent.handed_over() else None
        self.control = Control(self._abort)
        self._carried, self._document = carried, document
        self._outcome: tuple[PlanState, str] | None = None  # of the way forward, once it has ended
        self._way_back: dict[str, Any] = {}  # the plan that undoes this one, once it is derived
        self.leftovers: list[str] = []
        if carried is not None:  # read here, before any message is
            self._restore(carried)
        urn = f"urn:ballast:{info.workflow_id}@"
        source = carried["source"] if carried else urn + info.first_execution_run_id
        link, waiting = (Link(*carried["link"]), carried["events"]) if carried else (Link(), [])
        self._outbox = Outbox(source, info.workflow_id, calls.publish, link, waiting)
        self._view = View(self.control, self._outbox.note, goes_on=carried is not None)
        self._dispatch: Dispatch | None = None
        self._liaison: Liaison | None = None
        self._questions = Questions(self.control, self.changed, carried["deadlines"] if carried else {})
        self._cancelling = Cancelling(self.control, self.changed)
        workflow.register_random_seed_callback(lambda seed: self._was_reset(seed, urn + info.run_id))

    @workflow.run
    async def run(self, document: dict[str, Any]) -> dict[str, Any]:
        progress = self.control.progress = self.control.progress or await self._admit(document)
        plan = progress.plan
        self._open_liaison(plan.cloud)
        self.changed()
        if await self._is_approved(plan):
            if self.control.state in UNBEGUN:
                self._turn(P.ONGOING, f"{len(plan.actions)} actions on cloud {plan.cloud}")
            if progress.consent.waiting and not progress.consent.expired:
                self._questions.await_consent(progress)
            await self._in_its_hours(progress)
            await self._conclude(progress)
        return await self._end()

    def _open_liaison(self, cloud: str) -> None:
        """Between this run of the plan and the permits of its cloud."""
        leave = Leave(workflow.info().workflow_id, workflow.info().run_id, cloud)
        if self._carried is not None:
            leave.restore(self._carried["leave"])
        self._liaison = Liaison(leave, lambda text: self.control.complain(text, now()))
        self._liaison.begin()

    async def _admit(self, document: dict[str, Any]) -> Progress:
        """The effective plan. A document that is refused ends the plan at once, with the complaint."""
        if said := descent.repeats():
            raise await self._end_refused(said)
        try:
            self._document = await admission.admitted(document)
        except ActivityError as error:
            if is_cancelled_exception(error):
                self._turn(P.CANCELLED, "cancelled before it was checked")
                await self._outbox.close()
                raise
            raise await self._end_refused(sentence_of(error)) from None
        plan = from_document(self._document)
        if said := admission.objection(plan):
            raise await self._end_refused(said)
        admission.show_identity(plan)
        return Progress(plan)

    def refused(self, why: str) -> None:
        """The document cannot even be read."""
        self._turn(P.FAILED, why)

    async def _end_refused(self, why: str) -> ApplicationError:
        self.refused(why)
        await self._outbox.close()
        return ApplicationError(why, type="PlanFailed", non_retryable=True)

    async def _is_approved(self, plan: Plan) -> bool:
        """Wait for the review, if there has to be one, and say whether the plan shall run."""
        control = self.control
        if control.state not in UNBEGUN or control.begins_by_itself():
            return True
        self._turn(P.RECOMMENDED, "waits for approval", "approval")
        deadline = timedelta(seconds=plan.execution.approve_within_seconds)
        self._cancelling.look()  # one that came with the end of the check woke nobody
        try:
            while control.review is None and control.cancelled is None:
                await workflow.wait_condition(
                    lambda: control.review is not None or control.cancelled is not None or self._is_full(),
                    timeout=self._questions.left("approval", deadline),
                    timeout_summary="approval deadline",
                )
                if control.review is None and control.cancelled is None:
                    await self._hand_over(lambda: control.cancelled is not None or control.review is not None)
        except TimeoutError:
            return self._unrun(P.EXPIRED, f"nobody approved it within {deadline}")
        except asyncio.CancelledError as error:
            self._cancelling.absorb(error)
            self._cancelling.look()
        if ended := control.ended_unrun():
            return self._unrun(*ended)
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

        groups = progress.plan.execution.windows if progress.back is None else ()
        for id in progress.asking:
            self._questions.ask(progress, id)
        if groups:
            progress.closed = "not known yet"
        hours = asyncio.create_task(Hours(groups, show).keep())
        await self._carry_out(progress, self._after_action)
        hours.cancel()

    async def _carry_out(self, progress: Progress, ended: Any) -> None:
        if self._liaison is None:
            raise AssertionError("a plan is carried out only once it is known")
        control, leave = self.control, self._liaison.leave
        while True:
            self._dispatch = Dispatch(progress, leave, control.left_out, self._cancelling, self._is_full)
            over = await self._dispatch.run(self.changed, ended)
            self._dispatch = None
            if over:
                return
            await self._hand_over(lambda: progress.over)

    def _after_action(self, id: str) -> None:
        self.control.after(id, now())
        if self.control.progress is not None and id in self.control.progress.asking:
            self._questions.ask(self.control.progress, id)
        self.changed()

    async def _conclude(self, progress: Progress) -> None:
        """What the way forward came to, and the way back when the policy or a person wants it."""
        self._outcome = state, sentence = self._outcome or self.control.outcome()
        if progress.back is not None or (self.control.undo_wanted() and to_undo(progress)):
            await self._roll_back(progress, sentence)
            if self.leftovers:
                state, sentence = (
                    P.ROLLBACK_INCOMPLETE,
                    f"{sentence}; not undone: {'; '.join(self.leftovers)}. {advice('this plan')}",
                )
            else:
                state = state if state == P.CANCELLED else P.ROLLED_BACK
                sentence = f"{sentence}; what was done is undone"
        self._turn(state, sentence)

    async def _roll_back(self, progress: Progress, why: str) -> None:
        """Undo what was done, in reverse order and as parallel as forward; a cancel cannot interrupt it."""
        if progress.back is not None:  # an earlier run has begun it
            await self._undo(progress, progress.back)
            return
        self._turn(P.ROLLING_BACK, why)
        undoing = calls.derive_undo(self._document, to_undo(progress), why)
        try:
            derived = await self._cancelling.uninterrupted(undoing)
        except ActivityError as error:
            said = f"the way back is unknown: {sentence_of(error)}"
            self.leftovers += [f"{id}: {said}" for id in to_undo(progress)]
            return
        self.leftovers += derived["leftovers"]
        if derived["plan"] is None:
            return
        self._way_back = derived["plan"]
        back = progress.back = Progress(from_document(derived["plan"]))
        back.forth = progress
        back.consent.give_all()
        for id in back.actions:
            revert(progress, id.removeprefix("undo-"))
        await self._undo(progress, back)

    async def _undo(self, progress: Progress, back: Progress) -> None:
        originals = {id: id.removeprefix("undo-") for id in back.actions}

        def undone(id: str) -> None:
            reverted(progress, originals[id], back.standing[id])
            self.changed()

        await self._carry_out(back, undone)
        for id, original in originals.items():
            if progress.standing[original].state == S.REVERTING:  # never began: what it needs failed
                reverted(progress, original, back.standing[id])
            if progress.standing[original].state == S.REVERT_FAILED:
                self.leftovers.append(f"{original}: {progress.standing[original].why}")

    # -- from one run to the next -------------------------------------------------------------------------

    def _is_full(self) -> bool:
        return has_filled(self.control.heard)

    async def _hand_over(self, needless: Callable[[], bool]) -> None:
        """Go on in a new run, with everything. Returns when what came meanwhile makes it needless."""
        if self._liaison is None:
            raise AssertionError("only a plan that is known is handed over")
        await self._cancelling.uninterrupted(self._liaison.rest())
        await self._cancelling.uninterrupted(self._outbox.hurry())
        await self._cancelling.uninterrupted(workflow.wait_condition(workflow.all_handlers_finished))
        self._cancelling.look()  # nothing is waited for any more: it is found here, or by the next run
        if needless():
            return
        link = self._outbox.link
        carried = {
            **handover.of_plan(self.control, self._way_back),
            "outcome": self._outcome,
            "leftovers": self.leftovers,
            "deadlines": self._questions.deadlines,
            "leave": self._liaison.leave.document(),
            "source": self._outbox.source,
            "link": [link.sequence, link.head],
            "events": self._outbox.waiting,
        }
        workflow.continue_as_new({"carried": carried, "plan": self._document}, memo=descent.remembered())

    def _restore(self, carried: dict[str, Any]) -> None:
        self._document, self._way_back = self._document["plan"], carried["way_back"]
        handover.restore_plan(self.control, self._document, carried)
        if carried["outcome"]:
            self._outcome = PlanState(carried["outcome"][0]), carried["outcome"][1]
        self.leftovers = list(carried["leftovers"])

    async def _end(self) -> dict[str, Any]:
        """The report that the workflow ends with; the whole record stays behind the query `record`."""
        if self._liaison is not None:
            await self._cancelling.uninterrupted(self._liaison.end())
        await keep_record(self.control, self._cancelling)
        if said := await self._cancelling.uninterrupted(self._outbox.close()):
            self.control.complain(said, now())
        await workflow.wait_condition(workflow.all_handlers_finished)
        control = self.control
        if control.state == P.CANCELLED:
            await self._cancelling.end()
        report = status.report(control.state, control.sentence, control.progress, control.drifted)
        if control.state in (P.FAILED, P.ROLLED_BACK, P.ROLLBACK_INCOMPLETE):
            raise plan_failed(report)
        return report

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
        dispatch, side = self._dispatch, self._liaison
        if dispatch is None or side is None:
            self._view.show("")
            return
        self._view.show(obstacle(self.control.state, dispatch.progress, side.leave))
        dispatch.wake()

    def _turn(self, state: PlanState, sentence: str, waiting_for: str = "") -> None:
        self.control.turn(state, sentence, waiting_for)
        self.changed()

    @workflow.signal(name="permits", description="between plans and permits, not for people")
    def permits(self, payload: RawValue) -> None:
        self.control.heard["signal"] += 1
        if said := liaison.hear(self._liaison, payload):
            self.control.complain(said, now())
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
        digest = self._document.get("digest", "")
        return status.document(str(c.state), c.sentence, c.progress, c.log, c.rejected, digest)

    @workflow.query(name="plan", description="the effective plan document")
    def plan(self) -> dict[str, Any]:
        return self._document if self.control.progress else {}

    @workflow.query(name="record", description="the plan and what became of each action; Rollback reads it")
    def record(self) -> dict[str, Any]:
        control, link = self.control, self._outbox.link
        trail = {"events": link.sequence, "head": link.head}
        state, document = str(control.state), self._document
        return status.record(state, control.sentence, control.progress, control.log, trail, document)
