"""What a plan tells of itself: every change of its state and of its actions' states, and every message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from plan_schemas.frozen import thaw
from plan_schemas.plan import ActionState
from workflows.plan.control import Control
from workflows.progress import Progress

Note = Callable[[str, dict[str, Any], str], None]  # type of event, data, part of the plan


class Herald:
    """Compares what is with what was told, and hands the difference to the outbox."""

    def __init__(self, control: Control, note: Note, *, goes_on: bool) -> None:
        self._control, self._note = control, note
        self._state = str(control.state) if goes_on else ""  # what an earlier run has told
        self._messages = len(control.log)

    def tell(self) -> None:
        control = self._control
        for said in control.log[self._messages :]:
            self._tell("message", {"said": said}, "")
        self._messages = len(control.log)
        if control.progress is not None:
            self._actions(control.progress)
            if control.progress.back is not None:
                self._actions(control.progress.back)
        if control.state != self._state:
            before, self._state = self._state, str(control.state)
            self._tell("plan", {"before": before, "state": self._state, "why": control.sentence}, "")

    def _actions(self, progress: Progress) -> None:
        changes, progress.changes = progress.changes, []
        for id, before in changes:
            standing = progress.standing[id]
            data = {"action": id, "before": str(before), "state": str(standing.state), "why": standing.why}
            if standing.cause:
                data["cause"] = str(standing.cause)
            if standing.state == ActionState.ONGOING:
                action = progress.actions[id]
                data |= {
                    "type": action.type,
                    "parameters": thaw(action.parameters),
                    "reason": action.reason,
                    "found": thaw(action.expects),
                }
            if standing.evidence:
                data["evidence"] = thaw(standing.evidence)
            self._tell("action", data, id)

    def _tell(self, kind: str, data: dict[str, Any], part: str) -> None:
        dry = {"dry_run": True} if self._control.dry_run else {}
        self._note(kind, {**dry, **data}, part)
