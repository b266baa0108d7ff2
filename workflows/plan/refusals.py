"""PURE: when a message to a plan is refused; each refusal says the state and the remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from plan_schemas.plan import ActionState, PlanState, SkipCause
from workflows.progress import Progress
from workflows.wire.messages import (
    APPROVE,
    CANCEL,
    DECIDE,
    HOLD_ACTION,
    PAUSE,
    REJECT,
    RELEASE_ACTION,
    RESUME,
    RETRY_ACTION,
    ROLL_BACK,
    SUPERSEDE,
    Approve,
    CancelAction,
    Command,
    Message,
    OnAction,
)

P, S = PlanState, ActionState
RUNNING = frozenset({P.PENDING, P.ONGOING, P.PAUSED, P.NEEDS_DECISION})
REVIEWS = (APPROVE, REJECT, SUPERSEDE)


class Life(Protocol):
    """What of a plan's life decides whether a message makes sense."""

    @property
    def state(self) -> PlanState: ...

    @property
    def progress(self) -> Progress | None: ...

    @property
    def review(self) -> Command | None: ...


class Refused(ValueError):
    """A message that makes no sense now; says the state and the remedy."""


def check(life: Life, command: Command, message: Message) -> None:
    """Raise Refused when the message makes no sense now."""
    if life.progress is None:
        raise Refused(f"{command.name}: the plan is still being checked; send it again in a moment")
    late = command is APPROVE and life.state in RUNNING and bool(life.progress.unapproved)
    if command in REVIEWS and not late and (life.state != P.RECOMMENDED or life.review):
        raise Refused(f"{command.name}: the plan is {life.state}; only a RECOMMENDED one can be reviewed")
    if isinstance(message, Approve):
        _check_approval(life.progress, message, late)
    if command in (PAUSE, RESUME, ROLL_BACK) and life.state not in RUNNING:
        raise Refused(f"{command.name}: the plan is {life.state}, not running")
    if command is CANCEL and life.state not in {P.RECOMMENDED, *RUNNING}:
        raise Refused(f"cancel: the plan is {life.state} already")
    if isinstance(message, OnAction):
        _check_action(life, life.progress, command, message)


def _check_approval(progress: Progress, message: Approve, late: bool) -> None:
    for id in message.actions or ():
        _check_known(progress, APPROVE, id)
        if late and not set(progress.with_needs([id])) & set(progress.unapproved):
            raise Refused(f"approve: {id} does not wait for approval; it is {progress.standing[id].state}")
    if not progress.plan.execution.four_eyes:
        return
    asks = progress.plan.requested_by
    if message.by.strip().casefold() == asks.strip().casefold():
        raise Refused(f"approve: {asks} asked for this plan; somebody else has to approve it (four_eyes)")
    if message.token is None:
        raise Refused(
            "approve: this plan takes signed approvals alone (four_eyes: enforced); "
            "send it with: ballast approve PLAN-ID --by NAME --key FILE"
        )


def _check_action(life: Life, progress: Progress, command: Command, message: OnAction) -> None:
    id = message.action
    _check_known(progress, command, id)
    if command in CHECKS:
        if said := CHECKS[command](life, progress, id):
            raise Refused(f"{command.name}: {said}")
        return
    state = progress.standing[id].state
    if state not in (S.PENDING, S.ONGOING):
        raise Refused(f"{command.name}: {id} is {state} already")
    if state == S.ONGOING and not progress.plan.types[progress.actions[id].type].abortable:
        raise Refused(f"{command.name}: {id} is running and cannot be aborted; roll it back afterwards")
    if state == S.ONGOING and isinstance(message, CancelAction) and not message.abort:
        raise Refused(f"{command.name}: {id} is running; only `abort: true` ends it before its time")


def _check_known(progress: Progress, command: Command, id: str) -> None:
    if id not in progress.actions:
        known = list(progress.actions)
        said = ", ".join(known[:5]) + (", …" if len(known) > 5 else "")
        raise Refused(f"{command.name}: no action {id!r} in this plan; its actions: {said}")


def _cannot_hold(_: Life, progress: Progress, id: str) -> str:
    state = progress.standing[id].state
    return "" if state == S.PENDING else f"{id} is {state}; only a pending action can be held"


def _cannot_release(_: Life, progress: Progress, id: str) -> str:
    return "" if id in progress.held else f"{id} is not held"


def _cannot_decide(_: Life, progress: Progress, id: str) -> str:
    if id in progress.asking:
        return ""
    asked = ", ".join(progress.asking) or "none"
    return f"nobody is asked about {id}, it is {progress.standing[id].state}; asked about: {asked}"


def _cannot_retry(life: Life, progress: Progress, id: str) -> str:
    standing = progress.standing[id]
    if life.state not in RUNNING or progress.stopped:
        return f"the plan is {life.state}; start a new plan instead"
    if id in progress.asking:
        return f'a decision on {id} is waited for; send decide with "choice": "retry"'
    if standing.root:
        return f"{id} is {standing.state}, because it {standing.why}; retry that one"
    if standing.cause == SkipCause.UNAPPROVED:
        return f"{id} was not approved ({standing.why}); plan it anew to have it approved"
    if standing.satisfies or standing.state not in (S.FAILED, S.SKIPPED, S.CANCELLED):
        return f"{id} is {standing.state}; only what failed or was left out can be done after all"
    return ""


# What must hold for the messages about one action; the others are about what is to be left out.
CHECKS: dict[Command, Callable[[Life, Progress, str], str]] = {
    HOLD_ACTION: _cannot_hold,
    RELEASE_ACTION: _cannot_release,
    RETRY_ACTION: _cannot_retry,
    DECIDE: _cannot_decide,
}
