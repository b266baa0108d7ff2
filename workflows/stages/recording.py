"""Keeps the record of a plan that ends, for whoever wants it undone later."""

from __future__ import annotations

from temporalio.exceptions import ActivityError

from workflows import calls
from workflows.plan.control import Control
from workflows.plan.way_back import to_undo
from workflows.stages.cancelling import Cancelling
from workflows.wire.failure import sentence_of
from workflows.wire.messages import now


async def keep_record(control: Control, cancelling: Cancelling) -> None:
    """For a Rollback that may be asked for when the namespace has forgotten this workflow."""
    progress = control.progress
    if progress is None or progress.plan.execution.dry_run or not to_undo(progress):
        return
    window = progress.plan.execution.rollback_window_seconds
    try:
        await cancelling.uninterrupted(calls.keep_record(window))
    except ActivityError as error:
        said = f"the record is kept only as long as this workflow: {sentence_of(error)}"
        control.complain(said, now())
