"""Where a plan comes from, a file or a workflow, and the picture that it rests on: a file or the store."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from activities.door import Failed
from activities.memory.keeping import Keeping
from activities.memory.store import Lost, SnapshotStore
from deploy import reading, settings
from plan_schemas import admit, plan
from plan_schemas.audit import Audit
from plan_schemas.catalog import Catalog
from plan_schemas.frozen import EMPTY
from plan_schemas.model import Cluster
from plan_schemas.plan import ActionState, Plan, PlanState
from plan_schemas.usage import NONE, Usage
from workflows import start


class Unreachable(RuntimeError):
    """Temporal could not be asked."""


@dataclass(frozen=True)
class Found:
    """A plan with what is known of how it came to be."""

    plan: Plan
    audit: Audit | None = None
    status: Mapping[str, Any] = EMPTY  # its workflow's answer, once somebody or something has changed it

    def came_to(self, action: str) -> str:
        """State and reason of an action of a plan that runs or has ended; empty where there is none."""
        row = self.status.get("actions", {}).get(action)
        if row is None:
            return ""
        cause = f" ({row['cause']})" if row.get("cause") else ""
        return f"{row['state']}{cause}" + (f": {row['why']}" if row.get("why") else "")


def find(name: str, known: Catalog) -> Found:
    """The plan of a file, or of a workflow id such as plan/audit/nightly, with its audit where that is known.

    Raises Invalid, Failed, Unreachable.
    """
    if name.startswith("plan/") and not Path(name).exists():
        return asyncio.run(_of_workflow(name, known))
    return Found(reading.plan(Path(name), known))


async def _of_workflow(id: str, known: Catalog) -> Found:
    try:
        client = await start.connect()
        document = await start.ask(client, id, "plan")
        if not document:
            raise Failed(f"{id} has no plan yet, or it was refused", f"see the query `status` of {id}")
        found = plan.from_document(document)
        told = await start.status(client, id)
        audit = await _audit(client, found.audit, known) if found.audit else None
        return Found(found, audit, EMPTY if _is_as_recommended(told) else told)
    except RPCError as problem:
        if problem.status == RPCStatusCode.NOT_FOUND:
            raise Failed(f"{id}: {problem.message}", "look the id up in `temporal workflow list`") from None
        raise Unreachable(f"Temporal failed: {problem}") from problem
    except (RuntimeError, WorkflowQueryFailedError) as problem:
        raise Unreachable(f"Temporal failed: {problem}") from problem


def _is_as_recommended(told: Mapping[str, Any]) -> bool:
    """Whether nothing became of it yet: it waits for approval, and nobody has skipped an action."""
    untouched = all(row["state"] == ActionState.PENDING for row in told["actions"].values())
    return told["state"] == PlanState.RECOMMENDED and untouched


async def _audit(client: Client, id: str, known: Catalog) -> Audit | None:
    """The audit of a workflow; None where Temporal has forgotten it, or it cannot tell."""
    try:
        document = await start.ask(client, id, "audit")
    except WorkflowQueryFailedError:  # of before this query
        return None
    except RPCError as problem:
        if problem.status == RPCStatusCode.NOT_FOUND:
            return None
        raise
    return admit.audit(document, known) if document else None


class Picture(NamedTuple):
    """A cloud, and what was measured of it where that is known."""

    cluster: Cluster
    usage: Usage = NONE


def picture(found: Plan, file: Path | None, known: Catalog) -> Picture | None:
    """The picture of a file, else that of the store which this plan rests on; None if it is not there."""
    if file is not None:
        return Picture(*reading.measured(file, known))
    return kept(found, settings.from_environment().store)


def kept(found: Plan, store: Path) -> Picture | None:
    """The picture that this plan rests on, if this store has it."""
    keeping, snapshots = Keeping(store), SnapshotStore(store)
    fingerprint = str(found.model.get("fingerprint", ""))
    ref, used = keeping.snapshot_of(fingerprint), keeping.usage_of(found.audit or "", fingerprint)
    try:
        return Picture(snapshots.get(ref), snapshots.usage(used) if used else NONE) if ref else None
    except Lost:  # the note of it is there, the snapshot is not any more
        return None
