"""PURE: what the attempts at an action tell their plan: that `activity pause` looks away from it."""

from __future__ import annotations

import pydantic

from plan_schemas.plan import ActionState
from workflows.progress import Progress


class Told(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)
    action: str
    says: str = pydantic.Field("", max_length=300)  # empty: it is as one expects


def hear(progress: Progress | None, told: Told) -> str:
    """Let the status of a running action say it. Answers a complaint if there is no such action."""
    for one in (progress, progress.back if progress else None):
        if one is not None and told.action in one.actions:
            if one.standing[told.action].state == ActionState.ONGOING:
                one.standing[told.action].why = told.says
            return ""
    return f"signal attempt: no action {told.action!r} runs here"
