"""Refuses what a worker is shown ahead of its workflow task: it would be decided twice, and not alike.

A query to a worker that has just taken a workflow over may show it everything that came since the last task,
at the time of that task (temporalio 1.35). Its commands are then sent with the next task, whatever came in
between: no replay gives the same ones, and after the next death nobody can go on with the workflow.
"""

from __future__ import annotations

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion

SAID = "another worker is taking this workflow over; ask again in a few seconds"
AT_ANY_TIME = ("query_workflow", "remove_from_cache")  # they change nothing


class Tasks:
    """The workflow tasks of one run, as far as a worker was shown them."""

    def __init__(self) -> None:
        self._begun = (0, 0, 0)
        self._length = 0

    def shows_ahead(self, act: WorkflowActivation) -> bool:
        """Whether more of the history is shown than the last task had, with nothing that began a new one."""
        if all(job.WhichOneof("variant") in AT_ANY_TIME for job in act.jobs):
            return False
        # Both come from the event that begins a task. A workflow's time stands still while the server's clock
        # is behind it, but the size always grows.
        begun = (act.timestamp.seconds, act.timestamp.nanos, act.history_size_bytes)
        if not act.is_replaying and begun == self._begun and act.history_length > self._length:
            return True
        self._begun, self._length = begun, act.history_length
        return False


def refusal() -> WorkflowActivationCompletion:
    """Fails the query. The worker forgets the run, and reads it anew with its next task."""
    completion = WorkflowActivationCompletion()
    completion.failed.failure.message = SAID
    return completion
