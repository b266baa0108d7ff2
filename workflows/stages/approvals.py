"""Approvals that have to be looked at: who signed them, and until when they are waited for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from workflows import calls
from workflows.plan.control import Control
from workflows.wire.failure import sentence_of
from workflows.wire.messages import Approve, Message, now


async def vouched(plan: Any, message: Message) -> str:
    """Who signed the message that a plan got, in a clause for the log; empty for one without a token.

    Raises ApplicationError when the token does not stand for exactly this message and this plan.
    """
    progress = plan.control.progress
    if not isinstance(message, Approve) or message.token is None or progress is None:
        return ""
    approval = {
        "plan": workflow.info().workflow_id,
        "digest": progress.plan.digest,
        "by": message.by,
        "reason": message.reason,
        "actions": message.actions,
    }
    try:
        signer = await calls.verify_approval(approval, message.token)
    except ActivityError as error:
        said = f"approve: {sentence_of(error)}"
        raise ApplicationError(said, type="Refused", non_retryable=True) from None
    return f" signed by {signer}"


async def wait_for_consent(control: Control, changed: Callable[[], None], left: timedelta) -> None:
    """While a plan runs: leave out what needs an approval and gets none in the time that is left."""
    progress = control.progress
    if progress is None:
        raise AssertionError("a plan waits for consent only once it is known")
    try:
        await workflow.wait_condition(
            lambda: not progress.consent.waiting,  # also what is blocked now: a retry may bring it back
            timeout=left,
            timeout_summary="deadline of approvals",
        )
    except TimeoutError:
        control.nobody_approved(now())
        changed()
