"""What people see of a plan while it lives: events, search attributes, its page in the Temporal UI."""

from __future__ import annotations

import asyncio
from typing import Any

from temporalio import workflow

from plan_schemas.plan import ActionState, PlanState
from workflows.plan import status
from workflows.plan.control import Control
from workflows.progress import Progress
from workflows.sharing.leave import Leave
from workflows.stages.herald import Herald, Note
from workflows.wire import attributes

P, S = PlanState, ActionState
EVERY = 3.0  # seconds between two looks for what no message and no end of a state has changed


class View:
    """Brings everything that people look at up to date: at once what people steer, the rest now and then."""

    def __init__(self, control: Control, note: Note, *, goes_on: bool) -> None:
        self._control = control
        self._herald = Herald(control, note, goes_on=goes_on)
        self._obstacle = ""
        self._is_behind = False  # something changed since it was last brought up to date
        self._known: tuple[Any, ...] = ()
        self._shown: tuple[Any, ...] = ()
        self._later: asyncio.Task[None] | None = None

    def show(self, obstacle: str) -> None:
        """Something changed; `obstacle` is what keeps the plan from going on that no message steers."""
        control = self._control
        self._herald.tell()
        self._obstacle = obstacle
        known = (control.state, control.waiting_for, len(control.log), tuple(control.rejected[-1:]))
        if known != self._known or self._later is None:
            self._known = known
            self._bring_up_to_date()
            return
        self._is_behind = True
        if control.progress is None or len(control.progress.actions) <= status.ROWS:
            self._draw()  # costs next to nothing

    async def _rest(self) -> None:
        """Timers and not the clock say when the next look is due: a query to a worker that has just taken the
        plan over shows it what came since at the time of the last task, and other commands would follow."""
        while True:
            await workflow.sleep(EVERY, summary="before more is shown")
            if not self._is_behind:
                self._later = None
                return
            self._bring_up_to_date()

    def _bring_up_to_date(self) -> None:
        control = self._control
        self._is_behind, waits = False, control.waiting_for or self._obstacle
        if self._later is None:
            self._later = asyncio.create_task(self._rest())
        counts = control.progress.counts if control.progress else None
        told = counts and (counts[S.FAILED], counts[S.SKIPPED])
        if (shown := (control.state, waits, told)) != self._shown:
            self._shown = shown
            workflow.upsert_search_attributes(attributes.standing(control.state, waits, counts))
        self._draw()

    def _draw(self) -> None:
        """The page of the plan in the Temporal UI."""
        control = self._control
        workflow.set_current_details(
            status.markdown(
                str(control.state),
                control.sentence,
                control.progress,
                control.log,
                control.rejected,
                workflow.info().workflow_id,
            )
        )


def obstacle(state: PlanState, progress: Progress, leave: Leave) -> str:
    """What keeps what is being carried out from going on, in the word for the search attribute."""
    if state == P.PAUSED:
        return ""
    if progress.closed and not progress.counts[S.ONGOING]:
        return "window"
    if leave.frozen:
        return "freeze"
    if progress.counts[S.ONGOING]:
        return ""
    return leave.waits or ("approval" if progress.unapproved else "")
