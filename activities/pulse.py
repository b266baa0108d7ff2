"""The activity's side of an action: sign of life, clock, and what a cancellation means."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import copy_context
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from temporalio import activity

from activities.door import Stopped

LONGEST_NAP = 1.0  # seconds between two looks for a cancellation
SAFE = 0.9  # share of the heartbeat time-out after which an attempt counts as given up
BETWEEN = 10.0  # seconds between two heartbeats while nothing is heard from the cloud


@asynccontextmanager
async def signs_of_life() -> AsyncIterator[None]:
    """Heartbeats around one long call that gives none, for as long as this worker lives."""

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(BETWEEN)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()


@contextmanager
def steady() -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """A heartbeat for an activity in a thread: the last one is repeated while an answer is awaited."""
    told: list[Mapping[str, Any]] = [{}]
    over, context = threading.Event(), copy_context()

    def repeat() -> None:
        while not over.wait(BETWEEN):
            activity.heartbeat(dict(told[0]))

    def tell(progress: Mapping[str, Any]) -> None:
        told[0] = progress
        activity.heartbeat(dict(progress))

    repeating = threading.Thread(target=context.run, args=(repeat,), daemon=True)
    repeating.start()
    try:
        yield tell
    finally:
        over.set()
        repeating.join()


class Pulse:
    """A `Watch` over the activity that runs in this thread.

    With `aborting_since` it ends what an earlier activity began at that time and last told as `hint`: that
    counts as an attempt, and the first thing this one hears is the abort.
    """

    def __init__(
        self, aborting_since: datetime | None = None, hint: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        info = activity.info()
        self.since: datetime = aborting_since or info.scheduled_time
        self.attempt: int = info.attempt + (1 if aborting_since else 0)
        self._abort_due = aborting_since is not None
        details = info.heartbeat_details
        self.hint: Mapping[str, Any] = details[0] if details and isinstance(details[0], dict) else hint
        self._last: Mapping[str, Any] = self.hint
        self._told = False
        self._limit = info.heartbeat_timeout
        self._beaten = time.monotonic()

    def heartbeat(self, details: Mapping[str, Any]) -> None:
        """Every write to the cloud stands behind one of these: raises Stopped when it comes too late, for
        then Temporal has given this attempt up, and the next one or the plan's end may be here already."""
        late = time.monotonic() - self._beaten
        if self._limit is not None and late > SAFE * self._limit.total_seconds():
            raise Stopped("leave")
        self._last = details
        self._beat()

    def _beat(self) -> None:
        self._beaten = time.monotonic()
        activity.heartbeat(dict(self._last))

    def sleep(self, seconds: float) -> None:
        """Wait with signs of life. A cancel means abort, once; everything else leaves the cloud alone."""
        left = seconds
        while True:
            self._beat()
            if self._abort_due or self._cancelled():
                self._abort_due = False
                self._told = True
                raise Stopped("abort")
            if left <= 0:
                return
            nap = min(left, LONGEST_NAP)
            if self._told:
                activity.wait_for_worker_shutdown_sync(nap)
            else:
                activity.wait_for_cancelled_sync(nap)
            left -= nap

    def now(self) -> datetime:
        return datetime.now(UTC)

    def _cancelled(self) -> bool:
        """Whether a person wants an abort that was not heard yet. Raises Stopped when we must only let go."""
        if activity.is_worker_shutdown():
            raise Stopped("leave")
        if not activity.is_cancelled():
            return False
        why = activity.cancellation_details()
        if why is not None and not why.cancel_requested:
            raise Stopped("leave")  # paused, reset or timed out: the migration is not to be touched
        return not self._told
