"""The search attributes that Ballast registers and keeps up to date."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from temporalio.common import SearchAttributeKey, SearchAttributeUpdate

from plan_schemas.plan import ActionState

STATE = SearchAttributeKey.for_keyword("BallastState")
GOAL = SearchAttributeKey.for_keyword("BallastGoal")
STRATEGY = SearchAttributeKey.for_keyword("BallastStrategy")
AUDIT = SearchAttributeKey.for_keyword("BallastAudit")
CLOUD = SearchAttributeKey.for_keyword("BallastCloud")
WAITING_FOR = SearchAttributeKey.for_keyword("BallastWaitingFor")
FAILED_ACTIONS = SearchAttributeKey.for_int("BallastFailedActions")
SKIPPED_ACTIONS = SearchAttributeKey.for_int("BallastSkippedActions")
EFFICACY = SearchAttributeKey.for_float("BallastEfficacy")

ALL = (STATE, GOAL, STRATEGY, AUDIT, CLOUD, WAITING_FOR, FAILED_ACTIONS, SKIPPED_ACTIONS, EFFICACY)


def identity(
    cloud: str, goal: str | None, strategy: str | None, audit: str | None
) -> list[SearchAttributeUpdate[Any]]:
    """What a workflow is about: set once, as soon as it is known."""
    known = ((CLOUD, cloud), (GOAL, goal), (STRATEGY, strategy), (AUDIT, audit))
    return [key.value_set(value) for key, value in known if value]


def standing(
    state: str, waiting_for: str, counts: Mapping[ActionState, int] | None
) -> list[SearchAttributeUpdate[Any]]:
    """Where a workflow stands: set on every change of its state."""
    out: list[SearchAttributeUpdate[Any]] = [STATE.value_set(str(state))]
    out.append(WAITING_FOR.value_set(waiting_for) if waiting_for else WAITING_FOR.value_unset())
    if counts:
        out.append(FAILED_ACTIONS.value_set(counts.get(ActionState.FAILED, 0)))
        out.append(SKIPPED_ACTIONS.value_set(counts.get(ActionState.SKIPPED, 0)))
    return out
