"""Whose payloads these are, said outside the sandbox: half of a worker's time went into asking inside.

The SDK asks for the context of every payload of a workflow, each time by entering its sandbox. None of our
converters reads a serialization context, and a large payload mostly lies in the workflow's own folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from temporalio.api.enums.v1 import CommandType
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.client import Client
from temporalio.converter import (
    SerializationContext,
    StorageDriverStoreContext,
    StorageDriverWorkflowInfo,
    WorkflowSerializationContext,
)
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import Info

from workflows.wire import ahead

ELSEWHERE = frozenset(
    {
        CommandType.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION,  # the parent's
        CommandType.COMMAND_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION,
        CommandType.COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION,
    }
)


@dataclass(frozen=True)
class Sandbox(SandboxedWorkflowRunner):
    """The SDK's sandbox, which is entered for what workflows do, and not for the name of the workflow."""

    client: Client | None = None  # the worker's; a replayer has none, and nobody asks it

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return _Named(super().create_instance(det), det.info, self.client)


class _Named(WorkflowInstance):
    def __init__(self, workflow: WorkflowInstance, info: Info, client: Client | None) -> None:
        self._workflow, self._client, self._tasks = workflow, client, ahead.Tasks()
        self._own = WorkflowSerializationContext(namespace=info.namespace, workflow_id=info.workflow_id)
        own = StorageDriverWorkflowInfo(
            id=info.workflow_id, run_id=info.run_id, type=info.workflow_type, namespace=info.namespace
        )
        self._folder = StorageDriverStoreContext(target=own)

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        if self._tasks.shows_ahead(act):
            return ahead.leaves_out() if self._is_over() else ahead.refusal()
        return self._workflow.activate(act)

    def _is_over(self) -> bool:
        info = self.get_info()
        return self._client is not None and ahead.is_over(self._client, info.workflow_id, info.run_id)

    def get_serialization_context(self, command_info: Any) -> SerializationContext | None:  # noqa: ARG002
        return self._own

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:
        if command_info is not None and command_info.command_type in ELSEWHERE:
            return self._workflow.get_external_store_context(command_info)
        return self._folder

    def get_info(self) -> Info:
        return self._workflow.get_info()

    def get_thread_id(self) -> int | None:
        return self._workflow.get_thread_id()
