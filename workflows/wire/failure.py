"""How a failure reads: one sentence for people, a report for programs."""

from __future__ import annotations

from typing import Any

from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ChildWorkflowError,
    FailureError,
    TerminatedError,
    TimeoutError,
)

ACTIONS = ("act", "act.abort")  # activities that change the cloud


def advice(plan: str) -> str:
    """To whoever reads what an undo left behind of the plan."""
    return (
        f"Put these back by hand; or, when nothing stands in the way any more, start a Rollback of {plan} "
        "(allow_partial: true leaves out what was changed since)"
    )


def plan_failed(report: dict[str, Any]) -> ApplicationError:
    """Ends the workflow as Failed: state and cause in one sentence, the report as details."""
    return ApplicationError(
        f"{report['state']}: {report['sentence']}",
        {**report, "record": "query `record` of this workflow"},
        type="PlanFailed",
        non_retryable=True,
    )


def sentence_of(error: FailureError) -> str:
    """The innermost reason of a failed activity or child, without the engine's own words around it."""
    cause = _innermost(error)
    if isinstance(cause, TimeoutError):
        kind = cause.type.name.lower().replace("_", " ") if cause.type else "time limit"
        step = getattr(error, "activity_type", "")
        if step in ACTIONS:
            return f"ran out of time ({kind}); look at the server in Nova before trying again"
        remedy = "look at the worker's log and at how fast the cloud answers"
        return f"{step or 'it'} ran out of time ({kind}); {remedy}"
    if isinstance(cause, TerminatedError):
        id = getattr(error, "workflow_id", "it")
        return f"terminated in Temporal; what it had done stays, and a Rollback of {id} undoes it"
    return cause.message if isinstance(cause, FailureError) else str(cause)


def kind_of(error: FailureError) -> str:
    """What kind of failure ended an action, in the word that its activity gave it."""
    cause = _innermost(error)
    if isinstance(cause, TimeoutError):
        return "timeout"
    if isinstance(cause, ApplicationError):
        told = cause.details[0] if cause.details else None
        return str(told["kind"]) if isinstance(told, dict) and "kind" in told else str(cause.type).lower()
    return "failed"


def details_of(error: FailureError) -> dict[str, Any]:
    """The report that `plan_failed` sent along; empty when the child failed otherwise."""
    cause = _innermost(error)
    if isinstance(cause, ApplicationError) and cause.details and isinstance(cause.details[0], dict):
        return dict(cause.details[0])
    return {}


def _innermost(error: FailureError) -> BaseException:
    cause: BaseException = error
    while isinstance(cause, (ActivityError, ChildWorkflowError)) and cause.cause is not None:
        cause = cause.cause
    return cause
