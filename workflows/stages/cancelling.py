"""Temporal's own cancel, as a plan takes it: a wish to stop by the plan's policy, never a sudden end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from temporalio import workflow

from plan_schemas.plan import PlanState
from workflows import calls
from workflows.plan.control import Control
from workflows.wire.messages import Cancel, now

T = TypeVar("T")


class Cancelling:
    """Takes the cancel of one run. It can be swallowed, so `look()` wherever something may start."""

    def __init__(self, control: Control, changed: Callable[[], None]) -> None:
        self._control, self._changed = control, changed
        self._absorbed = False

    def look(self) -> None:
        """Temporal's own cancel is `cancel` by the plan's policy."""
        reason, control = workflow.cancellation_reason(), self._control
        if reason is None or control.cancelled is not None or control.state == PlanState.ROLLING_BACK:
            return
        reason = reason[:1000] or "by Temporal's own cancel"
        control.cancelled = Cancel(reason=reason)
        control.log.append(f"{now()} cancel {reason}")
        control.stop(reason, abort=False)
        self._changed()

    def absorb(self, error: asyncio.CancelledError) -> None:
        """Temporal tells of a cancel once, and the plan decides what it means. Any other CancelledError is
        the worker letting go of this workflow, and must pass."""
        if self._absorbed or workflow.cancellation_reason() is None:
            raise error
        self._absorbed = True

    async def uninterrupted(self, call: Coroutine[Any, Any, T]) -> T:
        """What must come to its end, cancelled or not."""
        task = asyncio.create_task(call)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError as error:
            self.absorb(error)
            return await task

    async def end(self) -> None:
        """End as Canceled in Temporal's eyes too, whichever way the cancellation came."""
        if workflow.cancellation_reason() is None:
            await calls.end_as_cancelled(self._control.sentence)
            await workflow.wait_condition(lambda: workflow.cancellation_reason() is not None)
        raise asyncio.CancelledError(self._control.sentence)
