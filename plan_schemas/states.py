"""In which states a plan and its actions can be, and why an action was skipped."""

from __future__ import annotations

from enum import StrEnum


class PlanState(StrEnum):
    RECOMMENDED = "RECOMMENDED"
    PENDING = "PENDING"
    ONGOING = "ONGOING"
    PAUSED = "PAUSED"
    NEEDS_DECISION = "NEEDS_DECISION"
    CANCELLING = "CANCELLING"
    ROLLING_BACK = "ROLLING_BACK"
    SUCCEEDED = "SUCCEEDED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    SUPERSEDED = "SUPERSEDED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    ROLLED_BACK = "ROLLED_BACK"
    ROLLBACK_INCOMPLETE = "ROLLBACK_INCOMPLETE"


PLAN_ENDS = (
    PlanState.SUCCEEDED,
    PlanState.REJECTED,
    PlanState.EXPIRED,
    PlanState.SUPERSEDED,
    PlanState.CANCELLED,
    PlanState.FAILED,
    PlanState.ROLLED_BACK,
    PlanState.ROLLBACK_INCOMPLETE,
)


class ActionState(StrEnum):
    PENDING = "PENDING"
    ONGOING = "ONGOING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    CANCELLED = "CANCELLED"
    BLOCKED = "BLOCKED"
    REVERTING = "REVERTING"
    REVERTED = "REVERTED"
    REVERT_FAILED = "REVERT_FAILED"


class SkipCause(StrEnum):
    """Why an action was skipped (or cancelled, by a PERSON); only ALREADY satisfies those that need it."""

    ALREADY = "already"
    PERSON = "person"
    PRECONDITION = "precondition"
    DRIFT = "drift"
    DEPENDENCY = "dependency"
    UNAPPROVED = "unapproved"
