"""Typed starts and messages for programs; the demo uses them too.

Connect with `await connect("localhost:7233")`, or give `plugins=[BallastPlugin()]` to your own client.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.envconfig import ClientConfig

from workflows.action_plan import ActionPlan
from workflows.audit import Audit
from workflows.permits import Permits
from workflows.plugin import BallastPlugin
from workflows.rollback import Rollback
from workflows.wire import attributes

TASK_QUEUE = "ballast"
Document = Mapping[str, Any]
Report = dict[str, Any]


async def connect(
    address: str | None = None,
    namespace: str | None = None,
    *,
    plugin: BallastPlugin | None = None,
    **options: Any,
) -> Client:
    """A client with Ballast's plugin. Address, namespace, TLS and keys come from Temporal's own profiles
    (TEMPORAL_CONFIG_FILE, TEMPORAL_PROFILE, TEMPORAL_ADDRESS, …) unless given."""
    config: dict[str, Any] = {**ClientConfig.load_client_connect_config(), **options}
    if address:
        config["target_host"] = address
    if namespace:
        config["namespace"] = namespace
    config.setdefault("target_host", "localhost:7233")
    return await Client.connect(**config, plugins=[plugin or BallastPlugin()])


async def start_audit(
    client: Client, document: Document, *, id: str | None = None, task_queue: str = TASK_QUEUE
) -> WorkflowHandle[Audit, Report]:
    """Start an audit, as `audit/<name>` unless told. Raises WorkflowAlreadyStartedError while it runs."""
    return await client.start_workflow(
        Audit.run,
        dict(document),
        id=id or f"audit/{document.get('name', 'unnamed')}",
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        static_summary=f"{document.get('goal') or document.get('strategy')} on {document.get('cloud')}",
    )


async def start_plan(
    client: Client, document: Document, *, id: str, task_queue: str = TASK_QUEUE
) -> WorkflowHandle[ActionPlan, Report]:
    """Start a hand-written plan. A plan id is used once: a second start of the same id is refused."""
    return await client.start_workflow(
        ActionPlan.run,
        dict(document),
        id=id,
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
    )


async def start_rollback(
    client: Client,
    plan: str,
    reason: str,
    *,
    requested_by: str = "",
    allow_partial: bool = False,
    task_queue: str = TASK_QUEUE,
) -> WorkflowHandle[Rollback, Report]:
    """Undo a finished plan. After a refusal it can be asked for again. With four eyes somebody must ask."""
    document = {
        "ballast": "v1",
        "kind": "Rollback",
        "plan": plan,
        "reason": reason,
        "allow_partial": allow_partial,
        **({"requested_by": requested_by} if requested_by else {}),
    }
    return await client.start_workflow(
        Rollback.run,
        document,
        id=f"rollback/{plan}",
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
    )


def plan_of(client: Client, audit_id: str) -> WorkflowHandle[ActionPlan, Report]:
    """The plan that an audit made."""
    return client.get_workflow_handle_for(ActionPlan.run, f"plan/{audit_id}")


async def send(client: Client, plan_id: str, message: str, **payload: Any) -> str:
    """Send a plan a message (approve, skip_action, …) and return its answer. Raises WorkflowUpdateFailedError
    when the plan refuses it."""
    answer: str = await client.get_workflow_handle(plan_id).execute_update(message, payload)
    return answer


async def ask(client: Client, workflow_id: str, query: str) -> Report:
    """What a query answers. Our plugin asks again while another worker takes the workflow over."""
    told: Report = await client.get_workflow_handle(workflow_id).query(query)
    return told


async def status(client: Client, workflow_id: str) -> Report:
    """What the query `status` answers, for an audit, a plan or a rollback."""
    return await ask(client, workflow_id, "status")


async def clouds(client: Client) -> list[str]:
    """The clouds that plans run on now, and those whose permits were ever opened."""
    query = "WorkflowType IN ('Permits', 'ActionPlan') AND ExecutionStatus = 'Running'"
    found = {row.typed_search_attributes.get(attributes.CLOUD) async for row in client.list_workflows(query)}
    return sorted(cloud for cloud in found if cloud)


async def switch(
    client: Client, cloud: str, message: str, *, by: str, reason: str = "", task_queue: str = TASK_QUEUE
) -> str:
    """`freeze` or `thaw` a cloud, whether its permits run or not; answers what that means."""
    answer: str = await client.execute_update_with_start_workflow(
        message,
        {"by": by, "reason": reason},
        start_workflow_operation=WithStartWorkflowOperation(
            Permits.run,
            {"cloud": cloud},
            id=f"permits/{cloud}",
            task_queue=task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        ),
        result_type=str,
    )
    return answer


async def leave_word(
    client: Client, cloud: str, message: str, *, by: str, reason: str = "", task_queue: str = TASK_QUEUE
) -> None:
    """The same where no worker answers: Temporal keeps it for the first one that comes."""
    await client.start_workflow(
        Permits.run,
        {"cloud": cloud},
        id=f"permits/{cloud}",
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        start_signal=message,
        start_signal_args=[{"by": by, "reason": reason}],
    )
