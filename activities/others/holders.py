"""Who has the permits of a cloud: opens them where there are none, and looks which of their holders live."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode

AT_ONCE = 10  # requests to Temporal


class Holders:
    """Activities over Temporal itself: a description, unlike a list, is never out of date."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def all(self) -> Sequence[Callable[..., Any]]:
        return [self.open, self.look]

    @activity.defn(name="permits.open")
    async def open(self, cloud: str) -> None:
        """Start the permits of a cloud, unless they run."""
        await self._client.start_workflow(
            "Permits",
            {"cloud": cloud},
            id=f"permits/{cloud}",
            task_queue=activity.info().task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=f"what the plans on {cloud} share",
        )

    @activity.defn(name="plans.look")
    async def look(self, plans: list[str]) -> dict[str, dict[str, Any]]:
        """Of each plan its state in Temporal's words, its run, and whether it carries anything out."""
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(plan: str) -> dict[str, Any]:
            async with limit:
                return await self._described(plan)

        return dict(zip(plans, await asyncio.gather(*(one(plan) for plan in plans)), strict=True))

    async def _described(self, plan: str) -> dict[str, Any]:
        try:
            found = await self._client.get_workflow_handle(plan).describe()
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return {"state": "UNKNOWN", "run": "", "busy": False}
            raise
        state = found.status.name if found.status is not None else "UNKNOWN"
        busy = bool(found.raw_description.pending_activities)
        return {"state": state, "run": found.run_id, "busy": busy}
