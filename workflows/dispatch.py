"""Carries out what a `Progress` says may start: a task per running action, a free slot refilled at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from plan_schemas.plan import ActionState, SkipCause
from workflows import calls
from workflows.failure import sentence_of
from workflows.progress import Progress

S = ActionState
ENDINGS = {"done": S.SUCCEEDED, "skipped": S.SKIPPED, "cancelled": S.CANCELLED}


class Dispatch:
    """Runs one progress to its end.

    `look()` is called before every start; `absorb` takes Temporal's cancel.
    """

    def __init__(
        self,
        progress: Progress,
        left_out: Mapping[str, tuple[ActionState, str]],
        look: Callable[[], None],
        absorb: Callable[[asyncio.CancelledError], None],
    ) -> None:
        self.progress = progress
        self._left_out = left_out
        self._look = look
        self._absorb = absorb
        self._handles: dict[str, workflow.ActivityHandle[calls.Ending]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()

    async def run(self, began: Callable[[], None], ended: Callable[[str], None]) -> None:
        """`began()` is called whenever something started, `ended(id)` after every action."""
        while True:
            self._look()
            starting = self.progress.startable()
            for id in starting:
                task = asyncio.create_task(self._act(id, ended))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            if self.progress.over:
                return
            if starting:
                began()
            self._wake.clear()
            try:
                await self._wake.wait()
            except asyncio.CancelledError as error:
                self._absorb(error)  # only this loop is told; what runs is left to end

    def wake(self) -> None:
        """Something changed from outside: look again what may start."""
        self._wake.set()

    def abort(self, id: str) -> None:
        if id in self._handles:
            self._handles[id].cancel()

    async def _act(self, id: str, ended: Callable[[str], None]) -> None:
        handle = calls.start_action(self.progress.plan, self.progress.actions[id])
        self._handles[id] = handle
        try:
            self._ended(id, await handle)
        except ActivityError as error:
            self._failed(id, error)
        finally:
            del self._handles[id]
        ended(id)
        self._wake.set()

    def _ended(self, id: str, ending: calls.Ending) -> None:
        state, why = ENDINGS[ending["outcome"]], ending["why"]
        cause = SkipCause(ending["cause"]) if ending["cause"] else None
        if state == S.CANCELLED:
            self._aborted(id, why, ending["evidence"])
        else:
            self.progress.finish(id, state, why, cause, ending["evidence"])

    def _failed(self, id: str, error: ActivityError) -> None:
        if is_cancelled_exception(error):
            self._aborted(id, "it waited for its next attempt", {})
        else:
            self.progress.finish(id, S.FAILED, sentence_of(error))

    def _aborted(self, id: str, how: str, evidence: dict[str, Any]) -> None:
        """Somebody wanted an end: of this action, or of the whole plan."""
        state, why = self._left_out.get(id, (S.CANCELLED, self.progress.stopped))
        cause = SkipCause.PERSON if state == S.SKIPPED else None
        self.progress.finish(id, state, "; ".join(s for s in (why, how) if s), cause, evidence)
