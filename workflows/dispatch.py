"""Carries out what a `Progress` says may start: a task per running action, a free slot refilled at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

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

    `look()` is called before every start, `ended(id)` after every action; `absorb` takes Temporal's cancel.
    """

    def __init__(
        self,
        progress: Progress,
        skips: dict[str, str],
        look: Callable[[], None],
        absorb: Callable[[asyncio.CancelledError], None],
    ) -> None:
        self.progress = progress
        self._skips = skips
        self._look = look
        self._absorb = absorb
        self._handles: dict[str, workflow.ActivityHandle[calls.Ending]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()

    async def run(self, ended: Callable[[str], None]) -> None:
        while True:
            self._look()
            for id in self.progress.startable():
                task = asyncio.create_task(self._act(id, ended))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            if self.progress.over:
                return
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
        if state == S.CANCELLED and id in self._skips:
            state, cause, why = S.SKIPPED, SkipCause.PERSON, self._skips[id]
        self.progress.finish(id, state, why, cause, ending["evidence"])

    def _failed(self, id: str, error: ActivityError) -> None:
        if not is_cancelled_exception(error):
            self.progress.finish(id, S.FAILED, sentence_of(error))
        elif id in self._skips:
            self.progress.finish(id, S.SKIPPED, self._skips[id], SkipCause.PERSON)
        else:
            self.progress.finish(id, S.CANCELLED, "cancelled before it began")
