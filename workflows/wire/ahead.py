"""Refuses what a worker is shown ahead of its workflow task: it would be decided twice, and not alike.

A query to a worker that has just taken a workflow over may show it everything that came since the last task,
at the time of that task (temporalio 1.35). Its commands are then sent with the next task, whatever came in
between: no replay gives the same ones, and after the next death nobody can go on with the workflow. Of one
that is over nothing is decided any more: what came after its last task is left out, or nobody could ask it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    QueryWorkflowInput,
    WorkflowQueryFailedError,
)
from temporalio.service import RPCError, RPCStatusCode

SAID = "another worker is taking this workflow over; ask again in a few seconds"
ASKED = 10  # times, a second apart, until somebody is told that it was refused
TELLS = 1.0  # seconds for Temporal to tell whether a run is over; a workflow's thread may wait for two
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


def leaves_out() -> WorkflowActivationCompletion:
    """Nothing was done about it. The query that comes next finds the workflow as its last task left it."""
    completion = WorkflowActivationCompletion()
    completion.successful.SetInParent()
    return completion


def is_over(client: Client, workflow: str, run: str) -> bool:
    """Whether a run has ended, however; asked from the workflow's thread, in which no loop runs."""
    execution = WorkflowExecution(workflow_id=workflow, run_id=run)
    asked = DescribeWorkflowExecutionRequest(namespace=client.namespace, execution=execution)
    telling = client.workflow_service.describe_workflow_execution(asked)  # once, whatever comes
    try:
        told = asyncio.run(asyncio.wait_for(telling, TELLS))
    except (RPCError, TimeoutError):  # then the query is refused, and whoever asks asks again
        return False
    return told.workflow_execution_info.HasField("close_time")


class AsksAgain(Interceptor):
    """Of a client: asks for a while again what a worker refuses, each time with the caller's time-out."""

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _AsksAgain(next)


class _AsksAgain(OutboundInterceptor):
    async def query_workflow(self, input: QueryWorkflowInput) -> Any:
        for _ in range(ASKED):
            try:
                return await self.next.query_workflow(input)
            except WorkflowQueryFailedError as error:
                if str(error) != SAID:
                    raise
            await asyncio.sleep(1)
        raise RPCError(SAID, RPCStatusCode.UNAVAILABLE, b"")  # as if no worker were there
