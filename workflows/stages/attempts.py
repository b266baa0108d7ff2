"""What the attempts at an action tell their plan: that Temporal's `activity pause` looks away from it."""

from __future__ import annotations

from typing import Literal

import pydantic
from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from plan_schemas.plan import ActionState
from workflows.progress import Progress

# A word is all that comes in: anybody can send one, and what people read is the plan's own sentence.
SENTENCES = {
    "": "",
    "paused": "paused by `temporal activity pause`: what the cloud was asked for goes on there, and Ballast "
    "looks again after `activity unpause`",
}


class Told(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)
    action: str
    says: Literal["", "paused"] = ""  # empty: it is as one expects


def hear(progress: Progress | None, payload: RawValue) -> str:
    """Let the status of a running action say it. Answers a complaint if that makes no sense."""
    try:
        told = workflow.payload_converter().from_payload(payload.payload, Told)
    except ApplicationError as error:
        return f"signal attempt: {error.message}"
    for one in (progress, progress.back if progress else None):
        if one is not None and told.action in one.actions:
            if one.standing[told.action].state == ActionState.ONGOING:
                one.standing[told.action].why = SENTENCES[told.says]
            return ""
    return f"signal attempt: no action {told.action!r} runs here"
