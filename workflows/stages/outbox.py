"""A plan's outbox: what happened leaves in batches, in order, and never holds an action up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from temporalio import workflow

from plan_schemas.events import PREFIX, Event, Link, sealed

BATCH = 200  # events at once
GATHER = 1.0  # seconds in which what happens travels together
HURRY = 5.0  # seconds that a run which is full waits for the receiver
PATIENCE = 60.0  # seconds that the end of a plan waits for a receiver that does not answer

RESET = (
    "Temporal reset the plan to here: what it did after this moment is found done, and it does not undo that"
)

# Publishes events; with `post=False` only in the trail that the workers keep themselves.
Publish = Callable[[list[Event], bool], Awaitable[None]]


class Outbox:
    """Numbers, seals and sends the events of one plan."""

    def __init__(
        self, source: str, subject: str, publish: Publish, link: Link, waiting: Sequence[Event]
    ) -> None:
        self.source, self.link = source, link
        self.waiting: list[Event] = list(waiting)  # sealed, and not known to have arrived
        self._subject, self._publish = subject, publish
        self._hurried = False
        self._leaving = 0  # how many of them are on their way
        self._fork = ""
        self._closed = False
        self._sender: asyncio.Task[None] | None = None

    def fork(self, source: str) -> None:
        """Temporal reset the workflow to here: what is not sent yet, and all that comes, is another chain."""
        self._fork = source

    def note(self, type: str, data: Mapping[str, Any], part: str = "") -> None:
        """Something happened to the plan, or to a part of it (an action)."""
        self._follow_fork()
        self._seal(type, f"{self._subject}/{part}" if part else self._subject, _now(), data)
        if self._sender is None:
            self._sender = asyncio.create_task(self._send())

    def _follow_fork(self) -> None:
        """The first event of the other chain says of which one it goes on, and behind which event."""
        if not self._fork:
            return
        unsent = self.waiting[self._leaving :]
        del self.waiting[self._leaving :]
        link = Link(int(unsent[0]["id"]) - 1, unsent[0]["previous"]) if unsent else self.link
        behind = {"of": self.source, "behind": link.sequence, "head": link.head}
        self.source, self.link, self._fork = self._fork, Link(), ""
        self._seal("reset", self._subject, _now(), behind)
        for event in unsent:
            self._seal(event["type"].removeprefix(PREFIX), event["subject"], event["time"], event["data"])

    def _seal(self, type: str, subject: str, time: str, data: Mapping[str, Any]) -> None:
        event, self.link = sealed(
            self.link, source=self.source, subject=subject, type=type, time=time, data=data
        )
        self.waiting.append(event)

    async def hurry(self) -> None:
        """Send what is left at once. A receiver that does not take it soon gets it from the next run."""
        self._hurried = True
        if self.waiting:
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(lambda: not self.waiting, timeout=HURRY)
        self._hurried = False

    async def close(self) -> str:
        """Send the rest. Answers what to say when a receiver did not take everything."""
        self._closed = True
        if self._sender is None and not self.waiting:
            return ""
        self._sender = self._sender or asyncio.create_task(self._send())
        done, _ = await asyncio.wait({self._sender}, timeout=PATIENCE)
        if done:
            return ""
        self._sender.cancel()
        left = len(self.waiting)
        while self.waiting:
            await self._publish(self.waiting[:BATCH], False)
            del self.waiting[:BATCH]
        return f"{left} events did not reach their receiver within {PATIENCE:g} s; the trail has them"

    async def _send(self) -> None:
        while self.waiting or not self._closed:
            await workflow.wait_condition(lambda: bool(self.waiting) or self._closed)
            # Never sent in the moment in which it was noted: that may be the one of a reset.
            if not self._closed and len(self.waiting) < BATCH:
                await self._gather()
            self._follow_fork()
            batch = self.waiting[:BATCH]
            if batch:
                self._leaving = len(batch)
                await self._publish(batch, True)
                del self.waiting[: len(batch)]
                self._leaving = 0

    async def _gather(self) -> None:
        try:
            await workflow.wait_condition(
                lambda: self._closed or self._hurried or len(self.waiting) >= BATCH,
                timeout=GATHER,
                timeout_summary="events travel together",
            )
        except TimeoutError:
            return


def _now() -> str:
    return workflow.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
