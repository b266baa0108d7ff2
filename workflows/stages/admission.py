"""How a plan is let in: checked and made whole, before anybody is asked about it."""

from __future__ import annotations

from typing import Any

from temporalio import workflow

from plan_schemas.plan import Plan
from workflows import calls
from workflows.wire import attributes


async def admitted(document: dict[str, Any]) -> dict[str, Any]:
    """The effective document, with all that is needed to carry it out."""
    id, parent = workflow.info().workflow_id, workflow.info().parent
    by = [parent.workflow_id, parent.run_id] if parent is not None else []
    return await calls.admit_plan(document, id, by)


def objection(plan: Plan) -> str:
    """Why a plan that is right in itself cannot run from here; empty when it can."""
    if plan.execution.on_drift == "replan" and workflow.info().parent is None:
        return (
            "execution.on_drift: replan needs an audit that waits for this plan and makes the next; "
            "take skip or stop, or start the audit itself"
        )
    return ""


def show_identity(plan: Plan) -> None:
    """From now on it is found by its cloud, goal, strategy and audit."""
    workflow.upsert_search_attributes(
        attributes.identity(plan.cloud, plan.goal, plan.strategy, plan.name if plan.audit else None)
    )
