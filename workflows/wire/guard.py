"""Refuses at once what would otherwise be retried for ever: a wrong input, an unknown workflow type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, cast

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    ExecuteWorkflowInput,
    HandleQueryInput,
    HandleSignalInput,
    HandleUpdateInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from workflows.wire.codec import INVALID, Refusal, Told, invalid, marked

BETWEEN_PROGRAMS = ("permits", "exchange", "attempt")  # signals that make no sense without an input


class Refuses(Protocol):
    """What every workflow with an input of its own can be told before it runs."""

    def refused(self, why: str) -> Any:
        """It ends at once; from now on its queries say so, and why."""


class Guard(Interceptor):
    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: ARG002
    ) -> type[WorkflowInboundInterceptor] | None:
        return _Refuses


class _Refuses(WorkflowInboundInterceptor):
    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        given = input.args[0] if input.args else None
        if isinstance(given, Refusal):
            cast(Refuses, workflow.instance()).refused(given.said)  # whoever asks reads it too
            raise invalid(given.said)
        return await self.next.execute_workflow(input)

    async def handle_query(self, input: HandleQueryInput) -> Any:
        told = await self.next.handle_query(input)
        return Told(told) if isinstance(told, dict) else told

    async def handle_signal(self, input: HandleSignalInput) -> None:
        """Two inputs would be a TypeError in the handler, and the workflow would hang on it for ever."""
        known = workflow.get_signal_handler(input.signal) is not None
        if known and (len(input.args) > 1 or (not input.args and input.signal in BETWEEN_PROGRAMS)):
            input.args = [RawValue(marked(_too_many(input.args)))]  # raises where it is read
        await self.next.handle_signal(input)

    def handle_update_validator(self, input: HandleUpdateInput) -> None:
        known = workflow.get_update_handler(input.update) is not None
        if known and len(input.args) > 1:
            said = f"{input.update}: {_too_many(input.args)}"
            raise ApplicationError(said, type=INVALID, non_retryable=True)
        self.next.handle_update_validator(input)


def _too_many(args: Sequence[Any]) -> str:
    return f"takes one input, {len(args)} were given"


@workflow.defn(dynamic=True)
class UnknownWorkflow:
    """Answers for workflow types that nobody here knows (setting `reject_unknown_types`)."""

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> None:  # noqa: ARG002
        raise ApplicationError(
            f"no workflow type {workflow.info().workflow_type!r}; "
            "known: Audit, ActionPlan, Rollback, Permits",
            type="UnknownWorkflowType",
            non_retryable=True,
        )
