"""Many runs at once: faults planted, plans started, processes killed when every run is in its moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import FailureError
from temporalio.service import RPCError

from activities.door import Door
from tests.faults.pens import LONG, SECONDS, Pen, Row
from tests.faults.run import Run
from tests.faults.verdict import is_doubled
from tests.live.stack import Live, NotInTime
from workflows import start
from workflows.wire.failure import details_of

LIMIT = 300.0  # seconds within which every plan must end
TO_COME = 120.0  # seconds for all runs to come to their moments
BETWEEN = 5.0  # seconds between two looks for a double
_PAUSE = 0.05
_numbers = count(1)


@dataclass
class Bench:
    """The stack under test and how to start its parts again."""

    live: Live
    client: Client
    door: Door
    pens: int
    module: str  # of the worker
    simulator: list[str]

    def state(self) -> Row:
        return dict(self.live.sim("state"))

    def journal(self) -> list[Row]:
        return self.live.journal()

    def lift(self, runs: Sequence[Run], *, all: bool = True) -> None:
        """Remove the traps, or everything that was planted."""
        for run in runs:
            for id in run.faults if all else run.faults[:1]:
                self.live.sim(f"faults/{id}", method="DELETE")

    def set_seconds(self, run: Run, seconds: float) -> None:
        if run.cell.kind.goes_on:
            body = {"live": seconds, "cold": seconds}
            self.live.sim(f"servers/{run.known.thing['instance']}/seconds", body)


async def carry_out(bench: Bench, runs: Sequence[Run]) -> None:
    """Every run from its start to its plan's end."""
    await _started_again(bench)
    state, since = bench.state(), len(bench.journal())
    fit = [pen for pen in map(Pen, range(bench.pens)) if pen.is_fit(state)]
    if len(fit) < len(runs):
        raise NotInTime(f"only {len(fit)} pens are left for {len(runs)} runs")
    for pen in fit:  # one that another run left closed is open again
        for host in pen.hosts:
            if state["hosts"][host]["status"] == "disabled":
                bench.live.sim(f"hosts/{host}/enable", {})
    state = bench.state()
    for run, pen in zip(runs, fit, strict=False):
        run.begin(f"fault-{next(_numbers)}", pen, state, bench.door, since)
        for fault in run.plants(state):
            run.faults += bench.live.sim("faults", {"api": fault})["ids"]
        bench.set_seconds(run, _seconds(run))
    victim = runs[0].cell.trouble.victim
    if victim is None:
        handles = [await _start(bench, run, state) for run in runs]
    else:
        handles = await _together(bench, runs, state)
        _kill(bench, runs, victim)
    await _endings(bench, runs, handles)
    bench.lift(runs)
    await _rest(bench, runs)


async def _started_again(bench: Bench) -> None:
    """A mover that another run left stopped runs again."""
    state = bench.state()
    movers = {pen.uuid(state, pen.mover) for pen in map(Pen, range(bench.pens))}

    def stopped() -> list[str]:
        instances = bench.state()["instances"]
        return sorted(uuid for uuid in movers if instances[uuid]["status"] == "SHUTOFF")

    for uuid in stopped():
        if state["instances"][uuid]["task_state"] is None:
            bench.door.start(uuid)
    await _until(lambda: not stopped())


def _seconds(run: Run) -> float:
    """Somebody dies in the middle of it: then it has to be long. That of an undo is prolonged on the way."""
    dies_on_the_way = run.cell.trouble.victim is not None and run.trap.busy is True
    return LONG if dies_on_the_way and not run.undoes else SECONDS


async def _start(bench: Bench, run: Run, state: Row) -> WorkflowHandle[Any, Any]:
    return await start.start_plan(bench.client, run.document(state), id=run.plan)


async def _together(bench: Bench, runs: Sequence[Run], state: Row) -> list[WorkflowHandle[Any, Any]]:
    """Bring all to their moments at one time: whose read is held can wait, a write or a move cannot."""
    handles = {}
    waiting = [run for run in runs if run.trap.reads and not run.trap.busy]
    for group in (waiting, [run for run in runs if run not in waiting]):
        for run in group:
            handles[run.plan] = await _start(bench, run, state)
        await _until(partial(_are_held, bench, group))
    return [handles[run.plan] for run in runs]


def _are_held(bench: Bench, runs: Sequence[Run]) -> bool:
    """Whether all are in their moments; a way back in which somebody is to die is made long meanwhile."""
    faults = {fault["id"]: fault for fault in bench.live.sim("faults")["api"]}
    for run in runs:
        fault = faults[run.faults[0]]
        if run.undoes and run.trap.busy is True and fault["seen"] == run.cell.kind.writes:
            bench.set_seconds(run, LONG)
    return all(faults[run.faults[0]]["hits"] for run in runs)


async def _until(look: Callable[[], bool]) -> None:
    """Whoever has not come to his moment by then is tried again with the next kill."""
    deadline = time.monotonic() + TO_COME
    while not look() and time.monotonic() < deadline:
        await asyncio.sleep(_PAUSE)


def _kill(bench: Bench, runs: Sequence[Run], victim: str) -> None:
    """kill -9, and the same process again; what was held is let go."""
    live, state = bench.live, bench.state()
    live.kill(victim)
    killed = time.time()
    for run in runs:
        run.killed, run.then = killed, state
    if victim == "simcloud":
        time.sleep(0.5)
        live.stack.start_simcloud(bench.simulator)
    bench.lift(runs, all=False)
    if victim == "temporal":
        time.sleep(1.0)
        live.stack.start_temporal()
        live.stack.await_temporal()
    if victim == "worker":
        if runs[0].cell.trouble.burst:
            _burst(bench, runs)
        live.stack.start_worker(bench.module)


def _burst(bench: Bench, runs: Sequence[Run]) -> None:
    for run in runs:
        fault = {**run.known.thing, "effect": "status", "status": 503, "count": 5}
        run.faults += bench.live.sim("faults", {"api": fault})["ids"]


async def _endings(bench: Bench, runs: Sequence[Run], handles: Sequence[WorkflowHandle[Any, Any]]) -> None:
    """Nobody waits for what becomes of the plans once a request was doubled."""
    ending = [asyncio.create_task(_end(run, handle)) for run, handle in zip(runs, handles, strict=True)]
    pending = set(ending)
    while pending:
        _, pending = await asyncio.wait(pending, timeout=BETWEEN)
        journal = bench.journal() if pending else []
        if any(is_doubled(run, journal) for run in runs):
            for task in pending:
                task.cancel()
            return
    for task in ending:
        task.result()


async def _end(run: Run, handle: WorkflowHandle[Any, Any]) -> None:
    """The plan's report, if it ends within its limit."""
    deadline = time.monotonic() + LIMIT
    while (left := deadline - time.monotonic()) > 0:
        try:
            run.report = dict(await asyncio.wait_for(handle.result(), left))
        except WorkflowFailureError as failed:
            cause = failed.cause
            told = details_of(cause) if isinstance(cause, FailureError) else {}
            run.report = told or {"state": "FAILED", "sentence": str(cause)}
        except TimeoutError:
            return
        except RPCError:  # Temporal is away; that is what is tried out here
            await asyncio.sleep(_PAUSE)
            continue
        return


async def _rest(bench: Bench, runs: Sequence[Run]) -> None:
    """Nothing that was asked for may still be on its way when the cloud is judged."""
    uuids = [run.known.thing["instance"] for run in runs if run.cell.kind.goes_on]
    deadline = time.monotonic() + LONG + 60

    def rests() -> bool:
        instances = bench.state()["instances"]
        return all(instances[uuid]["task_state"] is None for uuid in uuids)

    while not rests() and time.monotonic() < deadline:
        await asyncio.sleep(_PAUSE)
