"""The activity's side of an action: sign of life, clock, and what a cancellation means."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import copy_context
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from temporalio import activity
from temporalio.client import Client

from activities.door import Failed, Stopped, Transient

LONGEST_NAP = 1.0  # seconds between two looks for a cancellation
SAFE = 0.9  # share of the heartbeat time-out after which an attempt counts as given up
FAULTS = "faults"  # how often the cloud was not able to, in the details of every heartbeat
PAUSED = "paused"  # there as well, of an attempt that Temporal's `activity pause` ended
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

    def tell(progress: Mapping[str, Any]) -> None:
        told[0] = progress
        activity.heartbeat(dict(progress))

    with _repeating(BETWEEN, lambda: activity.heartbeat(dict(told[0]))):
        yield tell


@contextmanager
def _repeating(seconds: float, beat: Callable[[], object]) -> Iterator[None]:
    """A thread that beats in this activity's name every so many seconds."""
    over, context = threading.Event(), copy_context()

    def repeat() -> None:
        while not over.wait(seconds):
            beat()

    repeating = threading.Thread(target=context.run, args=(repeat,), daemon=True)
    repeating.start()
    try:
        yield
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
        last = details[0] if details and isinstance(details[0], dict) else hint
        self.hint: Mapping[str, Any] = {k: v for k, v in last.items() if k != PAUSED}
        self.was_paused = PAUSED in last
        self._last: Mapping[str, Any] = self.hint
        self._faults = int(self.hint.get(FAULTS, 0))
        self._told = False
        self.paused = False  # by Temporal's `activity pause`: nobody looks until it is unpaused
        self._limit = info.heartbeat_timeout.total_seconds() if info.heartbeat_timeout else math.inf
        self._beaten = time.monotonic()
        self._given_up = False
        self._writing = False
        self._beating = threading.Lock()

    @contextmanager
    def ticking(self) -> Iterator[Pulse]:
        """Repeat the last sign of life while answers are awaited: a slow cloud is no dead worker."""
        with _repeating(min(BETWEEN, self._limit / 3), self._beat_unless_writing):
            yield self

    def _beat_unless_writing(self) -> None:
        with self._beating:
            if not self._writing:
                self._beat_in_time()

    def heartbeat(self, details: Mapping[str, Any]) -> None:
        """Raises Stopped when it comes too late, for then Temporal has given this attempt up, and the next
        one or the plan's end may be here already."""
        with self._beating:
            self._last = details
            if not self._beat_in_time():
                raise Stopped("leave")

    @contextmanager
    def writing(self, details: Mapping[str, Any] | None = None) -> Iterator[None]:
        """Around every write to the cloud: never begun too late or for a plan that is no more, and no sign of
        life until it is answered."""
        self.heartbeat(self._last if details is None else details)
        self._leave_if_let_go()
        self._writing = True
        try:
            yield
        finally:
            self._writing = False

    def _beat_in_time(self) -> bool:
        """A sign of life, unless there was none for so long that this attempt counts as given up."""
        now = time.monotonic()
        self._given_up = self._given_up or now - self._beaten > SAFE * self._limit
        if not self._given_up:
            self._beaten = now
            activity.heartbeat({**self._last, FAULTS: self._faults})
        return not self._given_up

    def fault(self) -> int:
        """The cloud was not able to, for now; answers how often that has been so. The death of a worker is
        no fault of the cloud and does not count: this is not Temporal's number of attempts."""
        self._faults += 1
        self.heartbeat(self._last)
        return self._faults

    def sleep(self, seconds: float) -> None:
        """Wait with signs of life. A cancel means abort, once; everything else leaves the cloud alone."""
        left = seconds
        while True:
            self.heartbeat(self._last)
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

    def _look_away(self) -> None:
        with self._beating:
            self.paused = True
            self._last = {**self._last, PAUSED: True}
            self._beat_in_time()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def _cancelled(self) -> bool:
        """Whether a person wants an abort that was not heard yet. Raises Stopped when we must only let go."""
        if activity.is_worker_shutdown():
            raise Stopped("leave")
        self._leave_if_let_go()
        return activity.is_cancelled() and not self._told

    def _leave_if_let_go(self) -> None:
        """Raises Stopped when Temporal ended this attempt, and no person did."""
        why = activity.cancellation_details() if activity.is_cancelled() else None
        if why is not None and not why.cancel_requested:
            if why.paused:
                self._look_away()
            raise Stopped("leave")  # paused, reset, timed out, terminated: the migration is not to be touched


@contextmanager
def giving_up(watch: Pulse, attempts: int) -> Iterator[None]:
    """What the cloud cannot do for now is tried again as often as the plan says, by whatever worker."""
    try:
        yield
    except Transient as why:
        if (faults := watch.fault()) >= attempts:
            said = f"{why}; it was tried {faults} time{'' if faults == 1 else 's'}"
            remedy = "look at the cloud, then start what is left again"
            raise Failed(said, remedy, kind="unavailable") from why
        raise


@contextmanager
def telling_of_pauses(watch: Pulse, client: Client) -> Iterator[None]:
    """Temporal tells only the attempt of an `activity pause`; the plan shall say so where people look."""
    if watch.was_paused:
        _tell_the_plan(client, "")
    try:
        yield
    except Stopped:
        if watch.paused:
            _tell_the_plan(client, PAUSED)
        raise


def _tell_the_plan(client: Client, says: str) -> None:
    info = activity.info()
    plan = client.get_workflow_handle(info.workflow_id or "", run_id=info.workflow_run_id)
    asyncio.run(plan.signal("attempt", {"action": info.activity_id, "says": says}))
