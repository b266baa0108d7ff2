"""Carries out what a `Progress` says may start: a task per running action, a free slot refilled at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from plan_schemas.plan import Action, ActionState, SkipCause
from workflows import calls
from workflows.plan import rehearsal
from workflows.progress import Progress
from workflows.sharing.leave import Leave
from workflows.stages.cancelling import Cancelling
from workflows.wire.answers import Ending
from workflows.wire.failure import kind_of, sentence_of

S = ActionState
ENDINGS = {"done": S.SUCCEEDED, "skipped": S.SKIPPED, "cancelled": S.CANCELLED}


class Dispatch:
    """Runs one progress to its end.

    `cancelling` is asked before every start; once this run is `full()`, nothing starts in it any more.
    """

    def __init__(
        self,
        progress: Progress,
        leave: Leave,
        left_out: Mapping[str, tuple[ActionState, str]],
        cancelling: Cancelling,
        full: Callable[[], bool],
    ) -> None:
        self.progress = progress
        self._leave = leave
        self._left_out = left_out
        self._cancelling = cancelling
        self._full = full
        self._aborted: set[str] = set()
        self._handles: dict[str, workflow.ActivityHandle[Ending]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()

    async def run(self, began: Callable[[], None], ended: Callable[[str], None]) -> bool:
        """`began()` is called whenever something started, `ended(id)` after every action. Answers whether
        all is done; if not, nothing is under way, and the next run has to go on."""
        if self.progress.actions:
            self._leave.greet()
        while True:
            self._cancelling.look()
            self.progress.drains = self.progress.drains or self._full()
            starting = self._starting()
            for id in starting:
                task = asyncio.create_task(self._act(id, ended))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            if self.progress.over:
                return True
            if self.progress.drains and not self.progress.counts[S.ONGOING]:
                return False
            if starting:
                began()
            self._wake.clear()
            if self._leave.has_arrivals:  # without a word from anybody else
                self._wake.set()
            try:
                await self._wake.wait()
            except asyncio.CancelledError as error:
                self._cancelling.absorb(error)  # only this loop is told; what runs is left to end

    def _starting(self) -> list[str]:
        """What starts now: what got its permit, and what needs none that it does not have."""
        progress, leave = self.progress, self._leave
        progress.frozen = leave.obstacle
        permitted = leave.granted()
        out = []
        startable = progress.startable()  # takes back what is queued while nothing may start
        for id in permitted:
            if id in progress.queued and not progress.frozen:
                progress.permit(id)
                out.append(id)
            else:
                leave.give_back(id, unused=True)
                if id in progress.queued:
                    progress.retract(id)
        for id in startable:
            if leave.has(progress.actions[id], progress.plan, progress.ahead(id)):
                out.append(id)
            else:
                progress.queue(id, leave.why[id])
        leave.settle(progress.queued)
        progress.queued.update((id, leave.why[id]) for id in progress.queued)
        return out

    def wake(self) -> None:
        """Something changed from outside: look again what may start."""
        self._wake.set()

    def abort(self, id: str) -> None:
        if id in self._handles:
            self._aborted.add(id)
            self._handles[id].cancel()

    async def _act(self, id: str, ended: Callable[[str], None]) -> None:
        try:
            self._ended(id, await self._ending(self.progress.actions[id]))
        except ActivityError as error:
            self.progress.finish(id, S.FAILED, sentence_of(error), evidence={"kind": kind_of(error)})
        self._leave.give_back(id)
        ended(id)
        self._wake.set()

    async def _ending(self, action: Action) -> Ending:
        """How an action ended.

        Temporal tries nothing again once an abort is asked for. If no attempt heard it (its worker is dead,
        the next was still to come, or it just failed), nobody knows what the cloud does: it is looked for.
        """
        plan, begun = self.progress.plan, workflow.now()
        rehearsed = rehearsal.before(self.progress, action) if plan.execution.dry_run else ()
        approved = self.progress.consent.covers(action.id)
        handle = self._handles[action.id] = calls.start_action(plan, action, rehearsed, approved)
        try:
            return await handle
        except ActivityError as error:
            told = isinstance(error.cause, ApplicationError) and error.cause.non_retryable
            if told or not (action.id in self._aborted or is_cancelled_exception(error)):
                raise
            return await calls.abort_action(plan, action, rehearsed, begun, error)
        finally:
            del self._handles[action.id]

    def _ended(self, id: str, ending: Ending) -> None:
        state, why = ENDINGS[ending["outcome"]], ending["why"]
        cause = SkipCause(ending["cause"]) if ending["cause"] else None
        if state == S.CANCELLED:
            self._cancelled(id, why, ending["evidence"])
        else:
            self.progress.finish(id, state, why, cause, ending["evidence"])

    def _cancelled(self, id: str, how: str, evidence: dict[str, Any]) -> None:
        """Somebody wanted an end: of this action, or of the whole plan."""
        state, why = self._left_out.get(id, (S.CANCELLED, self.progress.stopped))
        cause = SkipCause.PERSON if id in self._left_out else None
        self.progress.finish(id, state, "; ".join(s for s in (why, how) if s), cause, evidence)
