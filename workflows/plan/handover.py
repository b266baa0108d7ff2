"""PURE: what one run of a plan hands over to the next, so that nothing is lost when its history is full."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plan_schemas.frozen import thaw
from plan_schemas.plan import ActionState, Plan, PlanState, SkipCause, from_document
from workflows.plan.consent import Consent
from workflows.plan.control import Control
from workflows.progress import Progress
from workflows.wire.messages import COMMANDS, Cancel

Document = dict[str, Any]
S = ActionState
# One letter an action: ten thousand of them are ten kilobytes.
LETTERS = {
    S.PENDING: "p",
    S.ONGOING: "o",
    S.SUCCEEDED: "s",
    S.FAILED: "f",
    S.SKIPPED: "k",
    S.CANCELLED: "c",
    S.BLOCKED: "b",
    S.REVERTING: "r",
    S.REVERTED: "u",
    S.REVERT_FAILED: "x",
}
STATES = {letter: state for state, letter in LETTERS.items()}
MESSAGES = 1000  # newest that people still see; the trail has them all


def of_progress(progress: Progress) -> Document:
    """All that is known of a plan's actions. Raises ValueError while one of them runs."""
    if progress.running or progress.queued:
        raise ValueError(f"{', '.join([*progress.running, *progress.queued][:3])} must have ended first")
    known = progress.standing.items()
    return {
        "states": "".join(LETTERS[one.state] for _, one in known),
        "why": {id: one.why for id, one in known if one.why},
        "cause": {id: str(one.cause) for id, one in known if one.cause},
        "evidence": {id: thaw(one.evidence) for id, one in known if one.evidence},
        "root": {id: one.root for id, one in known if one.root},
        "before": {id: [LETTERS[one.before[0]], one.before[1]] for id, one in known if one.before},
        "paused": progress.paused,
        "stopped": progress.stopped,
        "closed": progress.closed,
        "frozen": progress.frozen,
        "held": dict(progress.held),
        "asking": dict(progress.asking),
        "consent": progress.consent.as_document(),
        "breaker": progress.breaker.as_document(),
    }


def progress_from(plan: Plan, document: Mapping[str, Any]) -> Progress:
    """The progress that was handed over; it goes on as if nothing had been."""
    progress = Progress(plan)
    why, cause, root = document["why"], document["cause"], document["root"]
    for (id, standing), letter in zip(progress.standing.items(), document["states"], strict=True):
        progress.set(id, STATES[letter], why.get(id, ""), SkipCause(cause[id]) if id in cause else None)
        standing.root = root.get(id, "")
    for id, evidence in document["evidence"].items():
        progress.standing[id].evidence = evidence
    for id, (letter, said) in document["before"].items():
        progress.standing[id].before = (STATES[letter], said)
    progress.paused, progress.stopped = document["paused"], document["stopped"]
    progress.closed, progress.frozen = document["closed"], document["frozen"]
    progress.held, progress.asking = dict(document["held"]), dict(document["asking"])
    progress.consent = Consent.from_document(document["consent"])
    progress.breaker.restore(document["breaker"])
    progress.changes = []  # all of it was told
    progress.line_up()
    return progress


def of_control(control: Control) -> Document:
    """What people said, and where the plan stands by it."""
    return {
        "state": str(control.state),
        "sentence": control.sentence,
        "waiting_for": control.waiting_for,
        "review": control.review.name if control.review else None,
        "reviewed": control.reviewed,
        "cancelled": control.cancelled.model_dump() if control.cancelled else None,
        "rollback_asked": control.rollback_asked,
        "drifted": control.drifted,
        "undo_by_policy": control.undo_by_policy,
        "left_out": {id: [LETTERS[state], why] for id, (state, why) in control.left_out.items()},
        "log": control.log[-MESSAGES:],
        "rejected": control.rejected,
    }


def restore(control: Control, document: Mapping[str, Any]) -> None:
    """The control as it was, but for its progress."""
    commands = {command.name: command for command in COMMANDS}
    control.state = PlanState(document["state"])
    control.sentence, control.waiting_for = document["sentence"], document["waiting_for"]
    control.review = commands[document["review"]] if document["review"] else None
    control.reviewed = document["reviewed"]
    control.cancelled = Cancel(**document["cancelled"]) if document["cancelled"] else None
    control.rollback_asked = document["rollback_asked"]
    control.drifted, control.undo_by_policy = document["drifted"], document["undo_by_policy"]
    control.left_out = {id: (STATES[letter], why) for id, (letter, why) in document["left_out"].items()}
    control.log, control.rejected = list(document["log"]), list(document["rejected"])


def of_plan(control: Control, way_back: Mapping[str, Any]) -> Document:
    """Where a plan stands, there and back; `way_back` is the plan that undoes it, if that has begun."""
    progress = control.progress
    if progress is None:
        raise ValueError("nothing is known of the plan yet")
    return {
        "control": of_control(control),
        "progress": of_progress(progress),
        "back": of_progress(progress.back) if progress.back else None,
        "way_back": dict(way_back),
    }


def restore_plan(control: Control, plan: Mapping[str, Any], document: Mapping[str, Any]) -> None:
    """Where the plan stood."""
    restore(control, document["control"])
    control.progress = progress_from(from_document(plan), document["progress"])
    if document["back"]:
        back = progress_from(from_document(document["way_back"]), document["back"])
        control.progress.back, back.forth = back, control.progress
