"""PURE: what each message does to a plan's life, and when it is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from plan_schemas.plan import ActionState, PlanState, SkipCause
from workflows.messages import (
    APPROVE,
    CANCEL,
    PAUSE,
    REJECT,
    RESUME,
    ROLL_BACK,
    SKIP_ACTION,
    Cancel,
    CancelAction,
    Command,
    Message,
    OnAction,
)
from workflows.progress import Progress

P, S = PlanState, ActionState
# Whoever sends nonsense must not make the status too large to be read: characters of one, number of newest.
LONGEST_COMPLAINT, COMPLAINTS = 1000, 200
RUNNING = frozenset({P.PENDING, P.ONGOING, P.PAUSED})


class Refused(ValueError):
    """A message that makes no sense now; says the state and the remedy."""


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
        # Running actions that a person wants left out: what they shall become, and who said so and why.
        self.left_out: dict[str, tuple[ActionState, str]] = {}
        self.log: list[str] = []
        self.rejected: list[str] = []
        self._abort = abort

    def turn(self, state: PlanState, sentence: str, waiting_for: str = "") -> None:
        self.state, self.sentence, self.waiting_for = state, sentence, waiting_for

    # -- refusals ---------------------------------------------------------------------------------------

    def check(self, command: Command, message: Message) -> None:
        """Raise Refused when the message makes no sense now."""
        if self.progress is None:
            raise Refused(f"{command.name}: the plan is still being checked; send it again in a moment")
        if command in (APPROVE, REJECT) and (self.state != P.RECOMMENDED or self.review):
            raise Refused(f"{command.name}: the plan is {self.state}; only a RECOMMENDED one can be reviewed")
        if command in (PAUSE, RESUME, ROLL_BACK) and self.state not in RUNNING:
            raise Refused(f"{command.name}: the plan is {self.state}, not running")
        if command is CANCEL and self.state not in {P.RECOMMENDED, *RUNNING}:
            raise Refused(f"cancel: the plan is {self.state} already")
        if isinstance(message, OnAction):
            self._check_action(self.progress, command, message)

    def _check_action(self, progress: Progress, command: Command, message: OnAction) -> None:
        id = message.action
        if id not in progress.actions:
            known = list(progress.actions)
            said = ", ".join(known[:5]) + (", …" if len(known) > 5 else "")
            raise Refused(f"{command.name}: no action {id!r} in this plan; its actions: {said}")
        state = progress.standing[id].state
        if state not in (S.PENDING, S.ONGOING):
            raise Refused(f"{command.name}: {id} is {state} already")
        if state == S.ONGOING and not progress.plan.types[progress.actions[id].type].abortable:
            raise Refused(f"{command.name}: {id} is running and cannot be aborted; roll it back afterwards")
        if state == S.ONGOING and isinstance(message, CancelAction) and not message.abort:
            raise Refused(f"{command.name}: {id} is running; only `abort: true` ends it before its time")

    # -- obedience --------------------------------------------------------------------------------------

    def obey(self, command: Command, message: Message, via: str, at: str) -> str:
        """Do what was checked, note who asked for it, and answer in one sentence."""
        answer = self._do(command, message)
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
        if standing.state == S.FAILED and policy.on_failure != "continue":
            progress.stop(f"{id} failed: {standing.why}")
        if standing.cause == SkipCause.DRIFT and policy.on_drift == "stop":
            progress.stop(f"the cloud changed under {id}: {standing.why}")
        if self.left_out.pop(id, None) and standing.state == S.SUCCEEDED:
            self.complain(f"{id} had already ended when the abort arrived; it is done", at)

    def outcome(self) -> tuple[PlanState, str]:
        """What the way forward came to, in one sentence."""
        progress = self._running_plan()
        if self.rollback_asked:
            return P.ROLLED_BACK, f"roll back asked for: {progress.stopped}"
        if self.cancelled is not None:
            return P.CANCELLED, f"cancelled: {self.cancelled.reason or 'no reason given'}"
        return progress.verdict()

    def undo_wanted(self) -> bool:
        """Whether what was done shall be undone: by a person's word, else by the plan's policy."""
        policy = self._running_plan().plan.execution
        if self.rollback_asked:
            return True
        if self.cancelled is not None:
            wanted = self.cancelled.rollback
            return policy.on_cancel == "rollback" if wanted is None else wanted
        return policy.on_failure == "rollback" and self.outcome()[0] == P.FAILED

    def _do(self, command: Command, message: Message) -> str:
        if isinstance(message, OnAction):
            return self._leave_out(command, message)
        if isinstance(message, Cancel):
            self.rollback_asked = self.rollback_asked or command is ROLL_BACK
            if command is CANCEL:
                self.cancelled = message
            self.stop(message.reason or f"{command.name} asked for", message.abort)
            aborted = "; what runs is being aborted" if message.abort else ""
            undone = "will be undone" if self.undo_wanted() else "stays"
            return f"nothing new starts{aborted}; what was done {undone}"
        if command in (APPROVE, REJECT):
            self.review = command
            self.reviewed = _said("approved" if command is APPROVE else "rejected", message)
            return "the plan will run" if command is APPROVE else "the plan will not run"
        return self._hold(command is PAUSE)

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

    def _hold(self, paused: bool) -> str:
        self._running_plan().paused = paused
        self.turn(P.PAUSED if paused else P.ONGOING, "held by a person" if paused else "goes on")
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
