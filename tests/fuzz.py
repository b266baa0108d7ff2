"""Nonsense for Ballast's workflows: `python -m tests.fuzz --count 1000 --seed 1`.

Each document and message must be answered or recorded: a start ends in a sentence or becomes something whose
status can be read, an update and a query are answered, and whoever got a signal still tells its status. It is
an error (exit 1) if anything hangs, shows a traceback to whoever reads the answer, or fails a workflow task.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import (
    Client,
    RPCTimeoutOrCancelledError,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
)
from temporalio.common import RawValue, WorkflowIDConflictPolicy
from temporalio.service import RPCError

from tests.fuzzing import Input, Nonsense, target
from tests.live.stack import THREE_ROOMS, Live, bring_up

AT_ONCE = 6
PATIENCE = 120.0  # seconds for an answer, on a busy machine
# Not the worker's doing: a message came while the workflow ended, or the fuzzer terminated it in a task.
ITS_OWN = (
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
)
Handle = WorkflowHandle[Any, Any]


@dataclass
class Tally:
    """What came of all that was sent."""

    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def line(self) -> str:
        told = ", ".join(f"{count} {end}" for end, count in sorted(self.ends.items()))
        return f"{sum(self.ends.values())} sent: {told}; {len(self.wrong)} wrong"


class Fuzzer:
    """Sends nonsense to one stack, and looks what becomes of it."""

    def __init__(self, live: Live, client: Client, seed: int) -> None:
        self.client, self.cloud = client, live.stack.cloud
        self.nonsense = Nonsense(seed, self.cloud)
        self.tally = Tally()
        self._name = f"fuzz-{seed}"
        self._ids: list[str] = []
        self._targets: dict[str, Handle] = {}
        self._making = asyncio.Lock()
        self._running = asyncio.Semaphore(AT_ONCE)

    async def run(self, count: int) -> Tally:
        sent = [(number, *self._drawn()) for number in range(count)]  # now, for the order of answers varies
        await asyncio.gather(*(self._one(*one) for one in sent))
        for id in dict.fromkeys(self._ids):
            await self._assert_clean(id)
        return self.tally

    def _drawn(self) -> tuple[str, str, str, Input]:
        """Verb, whom it is sent to (of a start: the type), name and input."""
        draw = self.nonsense.draw
        if draw.random() < 0.4:
            kind, given = self.nonsense.document()
            return "start", kind, "", given
        verb = draw.choice(("signal", "update", "update", "query"))
        whom = draw.choice(("review", "running", "permits", "ended", "nobody"))
        return verb, whom, *(self.nonsense.query() if verb == "query" else self.nonsense.message())

    async def _one(self, number: int, verb: str, whom: str, name: str, given: Input) -> None:
        async with self._running:
            try:
                if verb == "start":
                    end = await self._start(f"{self._name}/{number}", whom, given)
                else:
                    end = await self._tell(await self._target(whom, number), verb, name, given)
            except (TimeoutError, RPCTimeoutOrCancelledError, RPCError) as error:
                self.tally.wrong.append(f"hangs ({error}): {number} {verb} {name!r} to {whom!r}: {given}")
                end = "hanging"
            self.tally.ends[end] += 1

    # -- documents ----------------------------------------------------------------------------------------

    async def _start(self, id: str, kind: str, given: Input) -> str:
        try:
            handle = await self.client.start_workflow(
                kind, args=[RawValue(p) for p in given.payloads], id=id, task_queue="ballast"
            )
        except RPCError as error:
            return self._answered("refused by Temporal", str(error), id)
        self._ids.append(id)
        try:
            await asyncio.wait_for(self._ended_or_standing(handle, kind), PATIENCE)
        except WorkflowFailureError as error:
            return self._answered("failed in a sentence", _said(error), id)
        finally:
            await _terminate(handle)
        return "started"

    async def _ended_or_standing(self, handle: Handle, kind: str) -> None:
        """Whatever does not end must be able to say why."""
        while not await _is_over(handle):
            try:
                told = await _status(handle)
            except WorkflowQueryFailedError:  # it ended for its input this very moment
                continue
            if kind == "Permits" or told["state"] not in ("", "PENDING"):
                return
            await asyncio.sleep(0.2)
        await handle.result()

    # -- messages -----------------------------------------------------------------------------------------

    async def _target(self, whom: str, number: int) -> Handle:
        if whom == "nobody":
            return self.client.get_workflow_handle(f"{self._name}/nobody")
        async with self._making:
            if whom not in self._targets or (whom != "ended" and await _is_over(self._targets[whom])):
                self._targets[whom] = await self._made(whom, number)
            return self._targets[whom]

    async def _made(self, whom: str, number: int) -> Handle:
        """Somebody new to send messages to."""
        kind, id, document = "ActionPlan", f"plan/{self._name}/{whom}-{number}", target(self.cloud, "auto")
        if whom == "permits":
            kind, id, document = "Permits", f"permits/{self.cloud}", {"cloud": self.cloud}
        if whom == "review":
            document = target(self.cloud, "approve")
        handle = await self.client.start_workflow(
            kind,
            document,
            id=id,
            task_queue="ballast",
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        self._ids.append(id)
        if kind == "ActionPlan":
            wanted = "RECOMMENDED" if whom == "review" else "ONGOING"
            await asyncio.wait_for(_reaches(handle, wanted), PATIENCE)
        if whom == "ended":
            await handle.execute_update("cancel", {"reason": "to be over", "abort": True})
            await asyncio.wait_for(_over(handle), PATIENCE)
        return handle

    async def _tell(self, handle: Handle, verb: str, name: str, given: Input) -> str:
        args = [RawValue(p) for p in given.payloads]
        try:
            if verb == "signal":
                await asyncio.wait_for(handle.signal(name, args=args), PATIENCE)
                await asyncio.wait_for(_status(handle), PATIENCE)
                return "taken or recorded"
            call: Awaitable[Any] = (
                handle.query(name, args=args) if verb == "query" else handle.execute_update(name, args=args)
            )
            await asyncio.wait_for(call, PATIENCE)
        except WorkflowUpdateFailedError as error:
            return self._answered("refused in a sentence", _said(error), f"{handle.id} {name}")
        except (WorkflowQueryFailedError, RPCError) as error:
            return self._answered("refused in a sentence", str(error), f"{handle.id} {verb} {name}")
        return "answered"

    # -- what must not be ---------------------------------------------------------------------------------

    def _answered(self, end: str, said: str, where: str) -> str:
        if not said.strip() or "Traceback" in said or 'File "' in said:
            self.tally.wrong.append(f"no sentence for {where}: {said[:600]!r}")
        return end

    async def _assert_clean(self, id: str) -> None:
        """No workflow task failed, and no failure that ends it shows our code."""
        async for event in self.client.get_workflow_handle(id).fetch_history_events():
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                failed = event.workflow_task_failed_event_attributes
                if failed.cause in ITS_OWN:
                    continue
                why = f"{WorkflowTaskFailedCause.Name(failed.cause)} {failed.failure.message[:400]}"
                self.tally.wrong.append(f"{id}: a workflow task failed: {why}")
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
                failure = event.workflow_execution_failed_event_attributes.failure
                if failure.stack_trace:
                    self.tally.wrong.append(f"{id}: shows a traceback: {failure.message[:400]}")


async def _status(handle: Handle) -> dict[str, Any]:
    told: dict[str, Any] = await handle.query("status")
    return told


async def _reaches(handle: Handle, state: str) -> None:
    while (await _status(handle))["state"] != state:
        await asyncio.sleep(0.1)


async def _is_over(handle: Handle) -> bool:
    return (await handle.describe()).status != WorkflowExecutionStatus.RUNNING


async def _over(handle: Handle) -> None:
    while not await _is_over(handle):
        await asyncio.sleep(0.1)


async def _terminate(handle: Handle) -> None:
    try:
        await handle.terminate("the fuzzer has seen enough")
    except RPCError:  # it has ended by itself
        return


def _said(error: BaseException) -> str:
    """What whoever asked reads: the message and those behind it."""
    said: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        said.append(str(cause))
        cause = cause.__cause__
    return ": ".join(said)


async def fuzz(live: Live, count: int, seed: int) -> Tally:
    client = await Client.connect(live.stack.address)
    tally = await Fuzzer(live, client, seed).run(count)
    if "Failed activation" in (live.stack.directory / "worker.log").read_text(errors="replace"):
        tally.wrong.append("the worker's log tells of a failed activation")
    return tally


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as directory:
        live = bring_up(Path(directory), THREE_ROOMS, speed=40.0)
        try:
            tally = asyncio.run(fuzz(live, options.count, options.seed))
        finally:
            live.stack.down()
    for said in tally.wrong:
        print(f"WRONG {said}")
    print(tally.line())
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)
