"""What people are asked, and until when: a deadline holds whatever run of the plan it was set in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from temporalio import workflow

from workflows.plan.control import Control
from workflows.progress import Progress
from workflows.stages.approvals import wait_for_consent
from workflows.wire.messages import now

AT_LEAST = timedelta(milliseconds=1)  # a timer of no time at all is refused


class Questions:
    """Waits for decisions on failed actions, and lets the plan's own word hold where nobody answers."""

    def __init__(self, control: Control, changed: Callable[[], None], deadlines: Mapping[str, str]) -> None:
        self.deadlines = dict(deadlines)  # by question: an action, or the approval
        self._control, self._changed = control, changed
        self._tasks: set[asyncio.Task[None]] = set()  # kept, or they would be collected as garbage

    def ask(self, progress: Progress, id: str) -> None:
        """Somebody shall decide on an action that failed."""
        task = asyncio.create_task(self._await_decision(progress, id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def await_consent(self, progress: Progress) -> None:
        """Somebody shall approve what does not run by itself."""
        whole = timedelta(seconds=progress.plan.execution.approve_within_seconds)
        left = self.left("consent", whole)
        task = asyncio.create_task(wait_for_consent(self._control, self._changed, left))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def left(self, question: str, whole: timedelta) -> timedelta:
        """How long a question stays open from now; it is asked with the first call."""
        deadline = self.deadlines.setdefault(question, (workflow.now() + whole).isoformat())
        return max(datetime.fromisoformat(deadline) - workflow.now(), AT_LEAST)

    async def _await_decision(self, progress: Progress, id: str) -> None:
        failure, whole = progress.asking[id], progress.plan.execution.decide_within_seconds
        try:
            await workflow.wait_condition(
                lambda: progress.asking.get(id) is not failure,
                timeout=self.left(id, timedelta(seconds=whole)),
                timeout_summary=f"deadline of the decision on {id}",
            )
        except TimeoutError:
            self.deadlines.pop(id)
            self._control.nobody_decided(id, now())
            self._changed()
        else:
            self.deadlines.pop(id)
