"""Retention of large payloads and of pictures: what no workflow and nobody else comes back to is deleted."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import structlog
from temporalio.client import Client, WorkflowExecution
from temporalio.service import RPCError, RPCStatusCode

from activities.memory import retention
from activities.memory.keeping import Keeping
from workflows.wire.descent import BEGAN
from workflows.wire.vault import folders

EVERY = 3600.0  # seconds
MARGIN = 3600.0  # seconds before a run's start in which the run before it may have stored its input
logger = structlog.get_logger("ballast.sweeping")


@contextlib.asynccontextmanager
async def swept(client: Client, store: Path, hours: int) -> AsyncIterator[None]:
    """While this lasts, the store is swept every hour."""
    sweeping = asyncio.create_task(_keep_sweeping(client, store, hours))
    try:
        yield
    finally:
        sweeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sweeping


async def _keep_sweeping(client: Client, store: Path, hours: int) -> None:
    while True:
        try:
            count = await sweep(client, store, older_than=time.time() - hours * 3600)
            now, begun = datetime.now(UTC), await oldest_running(client)
            pictures = await asyncio.to_thread(retention.sweep, Keeping(store), now, begun)
        except (RPCError, OSError) as error:
            logger.warning("the store could not be swept; it is tried again", why=str(error))
        else:
            logger.info("store swept", deleted_payloads=count, deleted_pictures=pictures)
        await asyncio.sleep(EVERY)


async def oldest_running(client: Client) -> datetime | None:
    """When the oldest of the audits and plans began that still run, with what it may have found there."""
    running = "WorkflowType IN ('Audit', 'ActionPlan', 'Rollback') AND ExecutionStatus = 'Running'"
    starts = [await _began(row) async for row in client.list_workflows(running)]
    return datetime.fromtimestamp(min(starts) - MARGIN, UTC) if starts else None


async def _began(row: WorkflowExecution) -> float:
    """A plan that has gone on in another run says when its first one began."""
    own, first = row.start_time.timestamp(), await row.memo_value(BEGAN, None)
    return first if isinstance(first, float) and 0 < first < own else own


async def sweep(client: Client, store: Path, *, older_than: float) -> int:
    """Delete the payloads of workflows that Temporal does not know any more, neither running nor closed and
    retained. What was stored since `older_than` stays: its workflow may be about to start. A workflow that
    runs for ever keeps what its retained runs can need."""
    count = 0
    for id, folder in await asyncio.to_thread(folders, store / "payloads", client.namespace):
        oldest = await _needed_since(client, id)
        limit = older_than if oldest is None else min(older_than, oldest - MARGIN)
        count += await asyncio.to_thread(_delete, folder, limit, forgotten=oldest is None)
    return count


async def _needed_since(client: Client, id: str) -> float | None:
    """When the oldest run began that Temporal still has; None when it has none. The list may lag, so that
    the description has the last word on there being none."""
    quoted = id.replace("\\", "\\\\").replace("'", "\\'")
    starts = [row.start_time.timestamp() async for row in client.list_workflows(f"WorkflowId = '{quoted}'")]
    try:
        starts.append((await client.get_workflow_handle(id).describe()).start_time.timestamp())
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
    return min(starts, default=None)


def _delete(folder: Path, older_than: float, *, forgotten: bool) -> int:
    files = [f for f in folder.iterdir() if f.name != "id"]
    old = [f for f in files if f.stat().st_mtime < older_than]
    for file in old:
        file.unlink(missing_ok=True)  # another worker may sweep too
    if forgotten and len(old) == len(files):
        (folder / "id").unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # somebody stores there again in this very moment
            folder.rmdir()
    return len(old)
