"""Reads the input of every workflow before there is one: what cannot be read goes in as a refusal.

An error raised while the SDK reads the input fails the workflow, but leaves no object behind, and a query
that came along fails the whole task then, again and again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import PayloadConverter, SerializationContext, StorageDriverStoreContext
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    UnsandboxedWorkflowRunner,
    WorkflowInstance,
    WorkflowInstanceDetails,
)
from temporalio.workflow import Info

from workflows.wire.codec import refusal


class Intake(UnsandboxedWorkflowRunner):
    """Runs workflows inside the sandbox; each of them is given one document, or one refusal."""

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return _Reads(super().create_instance(det), det)


class _Reads(WorkflowInstance):
    def __init__(self, workflow: WorkflowInstance, det: WorkflowInstanceDetails) -> None:
        self._workflow, self._det = workflow, det

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        types = self._det.defn.arg_types
        for job in act.jobs:
            # A workflow without a name of its own answers for all types, and reads nothing.
            if job.HasField("initialize_workflow") and self._det.defn.name and types is not None:
                given = job.initialize_workflow.arguments
                said = _complaint(given, types, self._det)
                if said:
                    del given[:]
                    given.append(refusal(said))
        return self._workflow.activate(act)

    def get_serialization_context(self, command_info: Any) -> SerializationContext | None:
        return self._workflow.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:
        return self._workflow.get_external_store_context(command_info)

    def get_info(self) -> Info:
        return self._workflow.get_info()

    def get_thread_id(self) -> int | None:
        return self._workflow.get_thread_id()


def _complaint(given: Sequence[Payload], types: list[type], det: WorkflowInstanceDetails) -> str:
    """Why this is no input for the workflow; empty when it is one."""
    if len(given) != len(types):
        name = det.info.workflow_type
        return (
            f"{name} takes one document, {len(given)} were given; "
            f"use --input-file {name.lower()}.yaml --input-meta encoding=text/yaml"
        )
    converter: PayloadConverter = det.payload_converter_factory()
    try:
        converter.from_payloads(given, types)
    except ApplicationError as error:
        return error.message
    return ""
