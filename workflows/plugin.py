"""What client, worker and replayer must share, in one piece: data converter, guard, patience, sandbox."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from temporalio import workflow
from temporalio.plugin import SimplePlugin
from temporalio.worker import WorkerConfig
from temporalio.worker.workflow_sandbox import SandboxRestrictions

from workflows.wire.ahead import AsksAgain
from workflows.wire.codec import data_converter
from workflows.wire.guard import Guard
from workflows.wire.intake import Intake
from workflows.wire.owner import Sandbox
from workflows.wire.vault import storage, usual_root

# Room by room, never `workflows` or `plan_schemas` whole: with all of it passed through, an import of
# `activities` would go unnoticed.
PASSED_THROUGH = (
    "plan_schemas.automation",
    "plan_schemas.budget",
    "plan_schemas.events",
    "plan_schemas.frozen",
    "plan_schemas.loader",
    "plan_schemas.model",
    "plan_schemas.plan",
    "plan_schemas.states",
    "plan_schemas.windows",
    "pydantic",
    "pydantic_core",
    "structlog",
    "workflows.action_plan",
    "workflows.calls",
    "workflows.permits",
    "workflows.plan",
    "workflows.progress",
    "workflows.sharing",
    "workflows.stages",
    "workflows.wire",
    "yaml",
)
SANDBOX = Sandbox(
    restrictions=SandboxRestrictions.default.with_passthrough_modules(
        *PASSED_THROUGH
    ).with_import_notification_policy(
        workflow.SandboxImportNotificationPolicy.WARN_ON_DYNAMIC_IMPORT
        | workflow.SandboxImportNotificationPolicy.RAISE_ON_UNINTENTIONAL_PASSTHROUGH
    ),
    runner_class=Intake,
)


class BallastPlugin(SimplePlugin):
    """Give it to `Client.connect(plugins=[BallastPlugin()])`: YAML, refusals and types then just work."""

    def __init__(self, store: Path | None = None, *, keeps: bool = False) -> None:
        """`store`: where workers keep what is large, if not in the usual directory. Only they `keep` it."""
        vault = storage((store or usual_root()) / "payloads", keeps=keeps)
        super().__init__(
            "ballast",
            data_converter=data_converter(vault),
            interceptors=[Guard(), AsksAgain()],
            workflow_runner=SANDBOX,
        )

    def configure_worker(self, config: WorkerConfig) -> WorkerConfig:
        config = super().configure_worker(config)
        config["workflow_runner"] = replace(SANDBOX, client=config["client"])
        return config
