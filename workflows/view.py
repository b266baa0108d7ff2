"""What people see of a plan while it lives: events, search attributes, its page in the Temporal UI."""

from __future__ import annotations

from temporalio import workflow

from plan_schemas.plan import ActionState, PlanState
from workflows import attributes, status
from workflows.control import Control
from workflows.herald import Herald, Note
from workflows.leave import Leave
from workflows.progress import Progress

P, S = PlanState, ActionState


class View:
    """Brings everything that people look at up to date."""

    def __init__(self, control: Control, note: Note) -> None:
        self._control = control
        self._herald = Herald(control, note)
        self._shown: tuple[PlanState, str] | None = None

    def show(self, obstacle: str) -> None:
        """Something changed; `obstacle` is what keeps the plan from going on that no message steers."""
        control = self._control
        self._herald.tell()
        waits = control.waiting_for or obstacle
        if (control.state, waits) != self._shown:
            self._shown = (control.state, waits)
            counts = control.progress.counts if control.progress else None
            workflow.upsert_search_attributes(attributes.standing(control.state, waits, counts))
        workflow.set_current_details(
            status.markdown(
                str(control.state), control.sentence, control.progress, control.log, control.rejected
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
