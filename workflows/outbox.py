"""A plan's outbox: what happened leaves in batches, in order, and never holds an action up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from temporalio import workflow

from plan_schemas.events import Event, Link, sealed

BATCH = 200  # events at once
GATHER = 1.0  # seconds in which what happens travels together
PATIENCE = 60.0  # seconds that the end of a plan waits for a receiver that does not answer

# Publishes events; with `post=False` only in the trail that the workers keep themselves.
Publish = Callable[[list[Event], bool], Awaitable[None]]


class Outbox:
    """Numbers, seals and sends the events of one plan."""

    def __init__(self, source: str, subject: str, publish: Publish) -> None:
        self.link = Link()
        self._source, self._subject, self._publish = source, subject, publish
        self._waiting: list[Event] = []
        self._closed = False
        self._sender: asyncio.Task[None] | None = None

    def note(self, type: str, data: Mapping[str, Any], part: str = "") -> None:
        """Something happened to the plan, or to a part of it (an action)."""
        event, self.link = sealed(
            self.link,
            source=self._source,
            subject=f"{self._subject}/{part}" if part else self._subject,
            type=type,
            time=workflow.now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            data=data,
        )
        self._waiting.append(event)
        if self._sender is None:
            self._sender = asyncio.create_task(self._send())

    async def close(self) -> str:
        """Send the rest. Answers what to say when a receiver did not take everything."""
        self._closed = True
        if self._sender is None:
            return ""
        done, _ = await asyncio.wait({self._sender}, timeout=PATIENCE)
        if done:
            return ""
        self._sender.cancel()
        left = len(self._waiting)
        while self._waiting:
            await self._publish(self._waiting[:BATCH], False)
            del self._waiting[:BATCH]
        return f"{left} events did not reach their receiver within {PATIENCE:g} s; the trail has them"

    async def _send(self) -> None:
        while self._waiting or not self._closed:
            await workflow.wait_condition(lambda: bool(self._waiting) or self._closed)
            batch = self._waiting[:BATCH]
            if batch:
                await self._publish(batch, True)
                del self._waiting[: len(batch)]
            if not self._closed and len(self._waiting) < BATCH:
                await self._gather()

    async def _gather(self) -> None:
        try:
            await workflow.wait_condition(
                lambda: self._closed or len(self._waiting) >= BATCH,
                timeout=GATHER,
                timeout_summary="events travel together",
            )
        except TimeoutError:
            return
