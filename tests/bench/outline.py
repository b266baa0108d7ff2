"""The barest executor of a plan on Temporal: what `tests/bench/size.py` measures Ballast against.

Counts, a queue and a task per running action; no permits, events, messages, undo or page in the UI.
"""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.exceptions import ActivityError

PENDING, DONE, FAILED, SKIPPED = range(4)


@dataclass
class PlanRun:
    plan: str  # reference, never the document
    concurrency: int = 50
    state: str = ""  # base64, one byte per action
    runs: int = 1


@workflow.defn(name="Outline")
class Outline:
    @workflow.run
    async def run(self, p: PlanRun) -> dict[str, Any]:  # noqa: C901  as it was measured elsewhere
        deps = await workflow.execute_activity(
            "plan.edges", p.plan, result_type=list[list[int]], start_to_close_timeout=timedelta(seconds=30)
        )
        n = len(deps)
        state = bytearray(base64.b64decode(p.state)) if p.state else bytearray(n)
        children: list[list[int]] = [[] for _ in range(n)]
        missing = [0] * n
        for i, needed in enumerate(deps):
            for d in needed:
                if state[d] != DONE:
                    children[d].append(i)
                    missing[i] += 1
        ready = [i for i in reversed(range(n)) if state[i] == PENDING and not missing[i]]
        wake, running, drain, cancelled = asyncio.Event(), set[asyncio.Task[None]](), False, False

        async def one(i: int) -> None:
            try:
                await workflow.execute_activity(
                    "outline.act",
                    i,
                    activity_id=f"a{i}",
                    start_to_close_timeout=timedelta(hours=1),
                    heartbeat_timeout=timedelta(seconds=30),
                )
                state[i] = DONE
                for c in children[i]:
                    missing[c] -= 1
                    if not missing[c] and state[c] == PENDING:
                        ready.append(c)
            except ActivityError:
                state[i] = FAILED
                stack = [i]
                while stack:
                    for c in children[stack.pop()]:
                        if state[c] == PENDING:
                            state[c] = SKIPPED
                            stack.append(c)

        def ended(task: asyncio.Task[None]) -> None:
            running.discard(task)
            wake.set()

        while running or (ready and not cancelled):
            cancelled = cancelled or workflow.cancellation_reason() is not None
            drain = drain or workflow.info().is_continue_as_new_suggested()
            while ready and len(running) < p.concurrency and not (drain or cancelled):
                task = asyncio.create_task(one(ready.pop()))
                running.add(task)
                task.add_done_callback(ended)
            if not running:
                if ready and not cancelled:
                    packed = base64.b64encode(state).decode()
                    workflow.continue_as_new(PlanRun(p.plan, p.concurrency, packed, p.runs + 1))
                break
            wake.clear()
            try:
                await wake.wait()
            except asyncio.CancelledError:
                cancelled = True
        if cancelled:
            raise asyncio.CancelledError
        return {"runs": p.runs, "done": state.count(DONE), "failed": state.count(FAILED)}


EDGES: list[list[int]] = []  # of the plan that is measured


@activity.defn(name="plan.edges")
async def edges(plan: str) -> list[list[int]]:
    return EDGES


@activity.defn(name="outline.act")
async def act(i: int) -> None:
    """Nothing is done: the engine is what costs."""
