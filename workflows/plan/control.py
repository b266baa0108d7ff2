"""PURE: what each message does to a plan's life, and when it is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta

from plan_schemas.plan import ActionState, PlanState, SkipCause
from workflows.plan import age, refusals
from workflows.plan.refusals import REVIEWS, RUNNING, Refused
from workflows.plan.verdict import verdict
from workflows.progress import Progress
from workflows.wire.messages import (
    APPROVE,
    CANCEL,
    HOLD_ACTION,
    PAUSE,
    REJECT,
    RELEASE_ACTION,
    RETRY_ACTION,
    ROLL_BACK,
    SKIP_ACTION,
    SUPERSEDE,
    Approve,
    Cancel,
    Command,
    Decide,
    Message,
    OnAction,
)

P, S = PlanState, ActionState
# Whoever sends nonsense must not make the status too large to be read: characters of one, number of newest.
LONGEST_COMPLAINT, COMPLAINTS = 1000, 200


class Control:
    """State of a plan as people steer it. `abort` asks a running action to end early."""

    def __init__(self, abort: Callable[[str], None]) -> None:
        self.state = P.PENDING
        self.sentence = "is being checked"
        self.waiting_for = ""
        self.progress: Progress | None = None
        self.review: Command | None = None
        self.reviewed = ""  # by whom and why
        self.cancelled: Cancel | None = None
        self.rollback_asked = False
        self.drifted = ""  # what changed in the cloud, when that is to end the plan for a new one
        self.undo_by_policy = False  # an action failed whose failure means that all is undone
        # Running actions that a person wants left out: what they shall become, and who said so and why.
        self.left_out: dict[str, tuple[ActionState, str]] = {}
        self.heard: Counter[str] = Counter()  # messages of this run, by the way they came
        self.log: list[str] = []
        self.rejected: list[str] = []
        self._abort = abort

    def turn(self, state: PlanState, sentence: str, waiting_for: str = "") -> None:
        if self.dry_run:
            sentence = f"DRY RUN: {sentence}"
        self.state, self.sentence, self.waiting_for = state, sentence, waiting_for

    @property
    def dry_run(self) -> bool:
        return self.progress is not None and self.progress.plan.execution.dry_run

    def check(self, command: Command, message: Message) -> None:
        """Raise Refused when the message makes no sense now."""
        refusals.check(self, command, message)

    # -- obedience --------------------------------------------------------------------------------------

    def obey(self, command: Command, message: Message, via: str, at: str) -> str:
        """Do what was checked, note who asked for it, and answer in one sentence."""
        self.heard[via] += 1
        answer = self._do(command, message)
        if command is APPROVE and self.progress is not None:
            answer += age.remark(self.progress.plan, at)
        who = message.by or "somebody"
        why = f" ({message.reason})" if message.reason else ""
        self.log.append(f"{at} {who} by {via}: {command.name}{why}: {answer}")
        return answer

    def complain(self, text: str, at: str) -> None:
        """Note a message that could not be obeyed where people see it."""
        self.rejected.append(f"{at} {text[:LONGEST_COMPLAINT]}")
        del self.rejected[:-COMPLAINTS]

    # -- policy -----------------------------------------------------------------------------------------

    def after(self, id: str, at: str) -> None:
        """An action of the way forward has ended: what the plan's policy makes of a failure and of drift."""
        progress = self._running_plan()
        standing, policy = progress.standing[id], progress.plan.execution
        if standing.state == S.FAILED:
            self.failed(id, progress.plan.on_failure(progress.actions[id]))
            self._trip(id)
        if standing.cause == SkipCause.DRIFT and policy.on_drift != "skip":
            said = f"the cloud changed under {id}: {standing.why}"
            if policy.on_drift == "replan":  # no failure: what was done is what the next plan begins with
                self.drifted = self.drifted or said
            else:
                self.undo_by_policy |= policy.on_failure == "rollback"
            progress.stop(said)
        if self.left_out.pop(id, None) and standing.state == S.SUCCEEDED:
            self.complain(f"{id} had already ended when the abort arrived; it is done", at)

    def failed(self, id: str, policy: str) -> None:
        """What this policy makes of an action that failed. See `nobody_decided` for the end of asking."""
        progress = self._running_plan()
        if policy == "ask":
            self._show_questions()
        elif policy != "continue":
            self.undo_by_policy |= policy == "rollback"
            progress.stop(f"{id} failed: {progress.standing[id].why}")

    def _trip(self, id: str) -> None:
        """Count the failure; when it is one too many, start nothing until a person says resume."""
        progress = self._running_plan()
        standing = progress.standing[id]
        progress.breaker.note(id, str(standing.evidence.get("kind", "failed")), standing.why)
        if progress.breaker.open and not progress.stopped and progress.counts[S.PENDING]:
            progress.paused = True
            self._show_questions()
            if self.state in (P.PENDING, P.ONGOING, P.PAUSED):
                self.turn(P.PAUSED, progress.breaker.open, "breaker")

    def begins_by_itself(self) -> bool:
        """Whether any of the plan runs without a person. What does not is held until it is approved."""
        progress = self._running_plan()
        if progress.plan.execution.mode != "auto":
            return False
        progress.consent.ask(progress.plan)
        return not progress.actions or len(progress.consent.waiting) < len(progress.actions)

    def nobody_approved(self, at: str) -> None:
        """The deadline of the approvals has passed: what waits for one is left out, now and later."""
        progress = self._running_plan()
        progress.consent.expired = True
        within = timedelta(seconds=progress.plan.execution.approve_within_seconds)
        if ids := self._leave_out_expired():
            self.log.append(f"{at} nobody approved {len(ids)} actions within {within}: they are left out")

    def _leave_out_expired(self) -> list[str]:
        """What waits for an approval that comes too late; answers which actions."""
        progress = self._running_plan()
        if not progress.consent.expired:
            return []
        within = timedelta(seconds=progress.plan.execution.approve_within_seconds)
        ids = progress.unapproved
        for id in ids:
            if progress.standing[id].state == S.PENDING:  # not ended with one before it
                said = progress.consent.waiting[id]
                progress.skip(
                    id, f"expired: nobody approved it within {within}; {said}", SkipCause.UNAPPROVED
                )
        return ids

    def nobody_decided(self, id: str, at: str) -> None:
        """The deadline of a question has passed: the plan's own word holds."""
        progress = self._running_plan()
        if id not in progress.asking:  # somebody decided in the very moment of the deadline
            return
        policy = progress.plan.execution.on_no_decision
        progress.decide(id, "fail", "")
        self.log.append(f"{at} nobody decided on {id} in time: {policy}")
        self.failed(id, policy)
        self._show_questions()

    def _show_questions(self) -> None:
        """Bring the state in line with what is asked."""
        progress = self._running_plan()
        if self.state not in RUNNING:
            return
        if progress.asking:
            execution = progress.plan.execution
            asked = "; ".join(f"{id} failed: {why}" for id, why in progress.asking.items())
            within = timedelta(seconds=execution.decide_within_seconds)
            choices = (
                f"decide retry, skip, fail or roll_back within {within}, else {execution.on_no_decision}"
            )
            self.turn(P.NEEDS_DECISION, f"{asked}; {choices}", "decision")
        elif self.state == P.NEEDS_DECISION and progress.breaker.open and progress.paused:
            self.turn(P.PAUSED, progress.breaker.open, "breaker")
        elif self.state == P.NEEDS_DECISION:
            self.turn(P.PAUSED if progress.paused else P.ONGOING, "decided")

    def ended_unrun(self) -> tuple[PlanState, str] | None:
        """What the review came to, where it gave no leave to run."""
        if self.cancelled is not None:
            return P.CANCELLED, f"cancelled before it ran: {self.cancelled.reason or 'no reason given'}"
        if self.review is REJECT:
            return P.REJECTED, self.reviewed
        if self.review is SUPERSEDE:
            return P.SUPERSEDED, self.reviewed
        return None

    def outcome(self) -> tuple[PlanState, str]:
        """What the way forward came to, in one sentence."""
        progress = self._running_plan()
        if self.rollback_asked:
            return P.ROLLED_BACK, f"roll back asked for: {progress.stopped}"
        if self.cancelled is not None:
            return P.CANCELLED, f"cancelled: {self.cancelled.reason or 'no reason given'}"
        if self.drifted and not progress.counts[S.FAILED]:
            done = f"{progress.counts[S.SUCCEEDED]} of {len(progress.actions)} actions"
            return P.SUPERSEDED, f"{self.drifted}; {done} are done and stay, its audit is to plan again"
        return verdict(progress)

    def undo_wanted(self) -> bool:
        """Whether what was done shall be undone: by a person's word, else by the plan's policy."""
        policy = self._running_plan().plan.execution
        if self.rollback_asked:
            return True
        if self.cancelled is not None:
            wanted = self.cancelled.rollback
            return policy.on_cancel == "rollback" if wanted is None else wanted
        return self.undo_by_policy and self.outcome()[0] == P.FAILED

    def _do(self, command: Command, message: Message) -> str:
        if isinstance(message, Decide):
            return self._decide(message)
        if isinstance(message, OnAction):
            return self._on_action(command, message)
        if isinstance(message, Cancel):
            self.rollback_asked = self.rollback_asked or command is ROLL_BACK
            if command is CANCEL:
                self.cancelled = message
            self.stop(message.reason or f"{command.name} asked for", message.abort)
            aborted = "; what runs is being aborted" if message.abort else ""
            undone = "will be undone" if self.undo_wanted() else "stays"
            return f"nothing new starts{aborted}; what was done {undone}"
        if command in REVIEWS:
            return self._review(command, message)
        return self._pause(command is PAUSE)

    def _review(self, command: Command, message: Message) -> str:
        if self.state in RUNNING and isinstance(message, Approve):
            return self._consent(message)
        self.review = command
        self.reviewed = _said({APPROVE: "approved", REJECT: "rejected"}.get(command, "superseded"), message)
        if command is not APPROVE:
            return "the plan will not run"
        if not (isinstance(message, Approve) and message.actions):
            self._running_plan().consent.give_all()
            return "the plan will run"
        progress = self._running_plan()
        kept = progress.keep_only(message.actions, f"not among the actions {self.reviewed}")
        progress.consent.give(kept)
        return f"{len(kept)} of {len(progress.actions)} actions will run: {', '.join(kept[:20])}"

    def _consent(self, message: Approve) -> str:
        """In a running plan: what waits for approval may start, with what it waits for."""
        progress = self._running_plan()
        waiting = set(progress.unapproved)
        ids = [id for id in progress.with_needs(message.actions or waiting) if id in waiting]
        progress.consent.give(ids)
        left = len(progress.unapproved)
        return f"{', '.join(ids[:20])} may start" + (f"; {left} more wait for approval" if left else "")

    def _decide(self, message: Decide) -> str:
        progress, id = self._running_plan(), message.action
        choice = message.choice
        progress.decide(id, "fail" if choice == "roll_back" else choice, _said("skipped", message))
        if choice == "roll_back":
            self.rollback_asked = True
            self.stop(f"{id} failed: {progress.standing[id].why}", abort=False)
            return "nothing new starts; what was done will be undone"
        self._show_questions()
        if choice == "retry":
            return f"{id} is tried again"
        return f"{id} is {progress.standing[id].state}; the plan goes on"

    def _on_action(self, command: Command, message: OnAction) -> str:
        progress, id = self._running_plan(), message.action
        if command is HOLD_ACTION:
            progress.hold(id, _said("held", message))
            return f"{id} does not start before release_action"
        if command is RELEASE_ACTION:
            progress.release(id)
            return f"{id} may start"
        if command is RETRY_ACTION:
            progress.retry(id)
            late = ", ".join(self._leave_out_expired()[:20])
            return f"{id} will be done after all" + (f"; nobody approved in time: {late}" if late else "")
        return self._leave_out(command, message)

    def _leave_out(self, command: Command, message: OnAction) -> str:
        progress, id = self._running_plan(), message.action
        verb = "skipped" if command is SKIP_ACTION else "cancelled"
        said = _said(verb, message)
        if progress.standing[id].state == S.ONGOING:
            self.left_out[id] = (S.SKIPPED if command is SKIP_ACTION else S.CANCELLED, said)
            self._abort(id)
            return f"{id} is running and is being aborted"
        if command is SKIP_ACTION:
            progress.skip(id, said)
        else:
            progress.cancel(id, said)
        return f"{id} will not run"

    def _pause(self, paused: bool) -> str:
        progress = self._running_plan()
        progress.paused = paused
        if not paused:
            progress.breaker.close()
        if paused and progress.breaker.open:  # that it is, and of what, is still to be seen
            self.turn(P.PAUSED, progress.breaker.open, "breaker")
        else:
            self.turn(P.PAUSED if paused else P.ONGOING, "held by a person" if paused else "goes on")
        self._show_questions()
        return "nothing new starts until resume; what runs may end" if paused else "the plan goes on"

    def stop(self, why: str, abort: bool) -> None:
        """Nothing new starts any more; what runs may end, or is aborted."""
        progress = self._running_plan()
        if self.state in RUNNING:
            self.turn(P.CANCELLING, why)
        progress.stop(why)
        if abort:
            self.abort_all(progress.running)

    def abort_all(self, ids: Iterable[str]) -> None:
        for id in ids:
            self._abort(id)

    def _running_plan(self) -> Progress:
        if self.progress is None:
            raise Refused("the plan is still being checked; send it again in a moment")
        return self.progress


def _said(verb: str, message: Message) -> str:
    return f"{verb} by {message.by or 'somebody'}: {message.reason or 'no reason given'}"
