"""What a large plan costs: `python -m tests.bench.size [--actions N]`, one JSON object a line.

Seconds, processor time of server and worker per action, runs and histories, of a plan whose actions need no
permit, of one whose actions are moves under permits, and of the barest executor (tests/bench/outline.py), all
on one server with the same edges and concurrency. Permits, events, search attributes and the page in the UI
are on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.worker import Worker

from activities.memory.keeping import Keeping
from activities.memory.trail import Trail
from activities.others.holders import Holders
from activities.others.neighbours import Neighbours
from deploy.local.stack import Stack, read_pid
from plan_schemas.plan import from_document
from tests.bench import outline
from tests.bench.permits import cpu
from tests.bench.server import temporal
from workflows import start
from workflows.action_plan import ActionPlan
from workflows.permits import Permits
from workflows.plugin import BallastPlugin

Document = dict[str, Any]
HOSTS, WIDTH, AT_ONCE = 200, 300, 100
GOALS = {"free": 1.3, "moves": 1.6}
TYPE = {
    "abortable": True,
    "reversible": True,
    "heartbeat_seconds": 30.0,
    "timeout_seconds": 600.0,
    "timeout_factor": 3.0,
    "retry": {"attempts": 3, "initial_seconds": 1.0, "backoff": 2.0, "maximum_seconds": 60.0},
}


def plan(count: int, *, moves: bool) -> Document:
    """An effective plan in chains, `WIDTH` wide."""
    limits = {"parallel": AT_ONCE, "out_per_host": 2, "in_per_host": 2}
    document = {
        "ballast": "v1",
        "kind": "ActionPlan",
        "name": "bench",
        "cloud": "bench",
        "created_at": "2026-01-01T00:00:00Z",
        "execution": {"mode": "auto", "limits": limits},
        "types": {"migrate": TYPE, "nop": TYPE},
        "actions": [_move(i) if moves else _nop(i) for i in range(count)],
    }
    return {**document, "digest": from_document(document).digest}


def _nop(i: int) -> Document:
    return {"id": f"n{i}", "type": "nop", "reason": "bench", **_needs("n", i)}


def _move(i: int) -> Document:
    instance, out, into = f"{i:032x}", f"host-{i % HOSTS}", f"host-{HOSTS + i % HOSTS}"
    return {
        "id": f"m{i}",
        "type": "migrate",
        "reason": f"{out} is released",
        "parameters": {"instance": instance, "source": out, "destination": into, "kind": "live"},
        "expects": {"host": out, "status": "ACTIVE", "task_state": None},
        "touches": {"instance": instance, "out": out, "into": into},
        **_needs("m", i),
    }


def _needs(letter: str, i: int) -> Document:
    return {"needs": [f"{letter}{i - WIDTH}"]} if i >= WIDTH else {}


class Stub:
    """The activities of a plan on a cloud that does everything at once."""

    def __init__(self, directory: Path, client: Client) -> None:
        self._trail = Trail(directory / "trail")
        self._keeping, self._client = Keeping(directory), client

    @activity.defn(name="plan.admit")
    async def admit(self, document: Document, name: str, parent: list[str]) -> Document:
        return document

    @activity.defn(name="act")
    async def act(self, document: Document, cloud: str, allow: list[str]) -> Document:
        return {"outcome": "done", "cause": None, "why": "", "evidence": {"seconds": 0.0}}

    @activity.defn(name="events.publish")
    def publish(self, events: list[Document], post: bool) -> None:
        self._trail.publish(events, post=post)

    @activity.defn(name="plan.keep")
    async def keep(self, window: float) -> None:
        """As a worker does it: the whole record is asked for and written down."""
        id, now = activity.info().workflow_id or "", datetime.now(UTC)
        record: Document = await self._client.get_workflow_handle(id).query("record")
        await asyncio.to_thread(self._keeping.keep_record, id, record, now + timedelta(seconds=window), now)


async def measured(
    client: Client, server: int, case: str, count: int, id: str, begin: Coroutine[Any, Any, Any]
) -> Document:
    """Run one workflow to its end and tell what it took."""
    clock, ours, theirs = time.monotonic(), time.process_time(), cpu(server)
    await (await begin).result()
    seconds = time.monotonic() - clock
    worker, served = time.process_time() - ours, cpu(server) - theirs
    return {
        "bench": "size",
        "case": case,
        "actions": count,
        "seconds": round(seconds, 1),
        "worker_ms_per_action": round(worker / count * 1000, 2),
        "server_ms_per_action": round(served / count * 1000, 2),
        **await histories(client, id),
    }


async def histories(client: Client, id: str) -> Document:
    """Events and bytes of every run, and how long nothing started around each change of runs."""
    handle = client.get_workflow_handle(id)
    run = (await handle.describe()).raw_description.workflow_execution_info.first_run_id
    events, sizes, idle, last = [], [], [], None
    while run:
        described = await client.get_workflow_handle(id, run_id=run).describe()
        history = await client.get_workflow_handle(id, run_id=run).fetch_history()
        starts = [
            event.event_time.ToMicroseconds() / 1e6
            for event in history.events
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
            and event.activity_task_scheduled_event_attributes.activity_type.name in ("act", "outline.act")
        ]
        if last is not None and starts:
            idle.append(round(starts[0] - last, 2))
        last = starts[-1] if starts else last
        events.append(len(history.events))
        sizes.append(described.raw_description.workflow_execution_info.history_size_bytes)
        run = history.events[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return {"runs": len(events), "events": events, "bytes": sizes, "nothing_started_seconds": idle}


async def bench(stack: Stack, count: int, cases: Sequence[str]) -> list[Document]:
    client = await start.connect(stack.address, plugin=BallastPlugin(stack.directory, keeps=True))
    server, rows = read_pid(stack.directory / "temporal.pid") or 0, []
    stub = Stub(stack.directory, client)
    activities: list[Callable[..., Any]] = [
        stub.admit,
        stub.act,
        stub.publish,
        stub.keep,
        *Holders(client).all(),
        *Neighbours(client).all(),
    ]
    async with Worker(
        client,
        task_queue="ballast",
        workflows=[ActionPlan, Permits],
        activities=activities,
        activity_executor=ThreadPoolExecutor(8),
        max_concurrent_activities=AT_ONCE,
    ):
        for case in cases:
            if case != "outline":
                document, id = plan(count, moves=case == "moves"), f"plan/{case}"
                begin = start.start_plan(client, document, id=id)
                rows.append(await measured(client, server, case, count, id, begin))
                print(json.dumps(rows[-1]), flush=True)
    stock = await Client.connect(stack.address)  # nothing of ours: as the outline was measured elsewhere
    outline.EDGES[:] = [[i - WIDTH] if i >= WIDTH else [] for i in range(count)]
    async with Worker(
        stock,
        task_queue="outline",
        workflows=[outline.Outline],
        activities=[outline.edges, outline.act],
        max_concurrent_activities=AT_ONCE,
    ):
        run = outline.PlanRun("bench", AT_ONCE)
        begin = stock.start_workflow("Outline", run, id="outline", task_queue="outline")
        rows.append(await measured(stock, server, "outline", count, "outline", begin))
        print(json.dumps(rows[-1]), flush=True)
    return rows


def ratios(rows: Sequence[Document]) -> list[Document]:
    """Processor time of worker and server together, against the outline's."""

    def cost(row: Document) -> float:
        return float(row["worker_ms_per_action"] + row["server_ms_per_action"])

    base = next(cost(row) for row in rows if row["case"] == "outline")
    return [
        {
            "bench": "size",
            "ratio": row["case"],
            "value": round(cost(row) / base, 2),
            "goal": GOALS[row["case"]],
            "met": cost(row) / base <= GOALS[row["case"]],
        }
        for row in rows
        if row["case"] in GOALS
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--actions", type=int, default=10_000)
    parser.add_argument("--case", action="append", choices=("free", "moves"))
    wanted = parser.parse_args()
    with temporal() as stack:
        rows = asyncio.run(bench(stack, wanted.actions, wanted.case or ["free", "moves"]))
    told = ratios(rows)
    for row in told:
        print(json.dumps(row), flush=True)
    kept = Path("var/bench")
    kept.mkdir(parents=True, exist_ok=True)
    (kept / "size.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in [*rows, *told]))


if __name__ == "__main__":
    main()
