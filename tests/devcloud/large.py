"""A consolidation of a whole devcloud: `python -m tests.devcloud.large --computes 50 --servers 500`.

Brings the devcloud up, boots the crowd (both once), and has an audit carried out to its end, as it is or with
`--kills N` of the worker at random moments, a new worker after each. Prints the figures; exit 1 when Nova's
own records do not hold exactly one migration for each action, a forecast is not what is measured, or the
judge finds a rule broken. At the end the plan is rolled back by its id, unless `--stay`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from openstack.connection import Connection
from temporalio.client import Client, WorkflowFailureError
from temporalio.service import RPCError, RPCStatusCode

from deploy.devcloud import guests, seed
from deploy.devcloud.hosts import declared
from deploy.devcloud.layout import NAME, Layout
from deploy.local.clouds import begin_anew
from deploy.local.stack import Stack, read_pid
from deploy.local.telling import heading, say
from plan_schemas.plan import PLAN_ENDS
from tests.devcloud import chronicle, crowd, records, traffic, verdict
from workflows import start

SOONEST = 5.0  # seconds between a worker's start and its end
OBSERVES = 15.0  # seconds, in which the first one ends
Row = dict[str, Any]


@dataclass
class Stage:
    """The devcloud, a stack beside it, and what both are asked through."""

    cloud: Layout
    stack: Stack
    nova: Connection
    client: Client
    wrong: list[str] = field(default_factory=list)

    def where(self) -> dict[str, str]:
        return {row["id"]: row["OS-EXT-SRV-ATTR:host"] for row in guests.listed(self.nova)}


def document(options: argparse.Namespace) -> Row:
    return {
        "ballast": "v1",
        "kind": "Audit",
        "name": f"large-{int(time.time())}",
        "goal": "server_consolidation",
        "strategy": "vm_workload_consolidation",
        "cloud": NAME,
        "parameters": {"max_moves": options.max_moves} if options.max_moves else {},
        "execution": {
            "mode": "auto",
            "limits": {"out_per_host": 2, "in_per_host": 2, "parallel": options.parallel},
        },
    }


@asynccontextmanager
async def stage(options: argparse.Namespace) -> AsyncIterator[Stage]:
    """All up and peopled; what stands beside the cloud goes at the end, the cloud stays."""
    hosts = declared(options.computes)
    words = ["--computes", str(options.computes), "--directory", str(options.directory)]
    subprocess.run([sys.executable, "-m", "deploy.devcloud", *words], check=True)
    cloud = Layout(options.directory.resolve(), Path(sys.executable), {}, "")
    nova = seed.connect(cloud)
    heading(f"{options.servers} servers")
    wanted = crowd.draw(hosts, options.servers, options.seed)
    booted = guests.boot(nova, wanted, lambda done, of: say(f"{done} of {of} are ready"))
    say(f"booted {booted}")
    stack = Stack(cloud.root / "stack", elsewhere=(cloud.clouds, NAME))
    begin_anew(stack)
    try:
        stack.up()
        yield Stage(cloud, stack, nova, await start.connect(stack.address))
    finally:
        stack.down()


async def perform(on: Stage, audit: Row, kills: list[float], *, stay: bool) -> None:
    """Run the audit to its end, with so many kills of the worker, and hold everything against it."""
    heading(f"An audit with {len(kills)} kills of the worker" if kills else "An audit")
    where, known = {} if stay else on.where(), records.migrations(on.nova)
    began = datetime.now(UTC)
    handle = await start.start_audit(on.client, audit)
    plan_id = f"plan/{handle.id}"
    report = {}
    watching = asyncio.create_task(_watch(on.client, plan_id))
    killing = asyncio.create_task(_kill(on, plan_id, kills))
    try:
        report = await handle.result()
    except WorkflowFailureError as error:
        on.wrong.append(f"{handle.id}: {error.cause}")
    watching.cancel()
    if killing.done():
        killing.result()
    else:
        killing.cancel()
        on.wrong.append("the audit ended before all kills were made; take fewer, or more moves")
    if report:
        await _hold(on, audit, report, handle.id, began, known)
    if report and not stay:
        await _roll_back(on, plan_id, where)


async def _hold(on: Stage, audit: Row, report: Row, id: str, began: datetime, known: dict[int, Row]) -> None:
    """Ask Nova and Temporal what happened, print it, and note what is wrong."""
    plan = on.client.get_workflow_handle(f"plan/{id}")
    now = records.migrations(on.nova)
    run = verdict.Run(
        audit=audit,
        report=report,
        plan=await plan.query("plan"),
        outcomes=(await plan.query("status"))["actions"],
        before=verdict.model(on.stack.directory / "store", report["model"]["ref"]),
        after=verdict.model(on.stack.directory / "store", report["model_after"]["ref"]),
        began=began,
        migrations=[now[id] for id in sorted(now.keys() - known.keys())],
        audit_history=await chronicle.read(on.client, id),
        plan_history=await chronicle.read(on.client, f"plan/{id}"),
    )
    heading("Figures")
    for name, value in verdict.figures(run):
        print(f"{name:<34} {value}")
    print(f"{'moves taken over by another worker':<34} {run.taken_over}")
    first = run.audit_history.of("cloud.observe")[0]
    asked = traffic.between(on.cloud.log, str(on.nova.current_user_id), first.began, first.ended)
    print("requests during the snapshot", *traffic.table(asked), sep="\n  ")
    on.wrong += verdict.wrong(run, on.nova)


async def _roll_back(on: Stage, plan_id: str, where: dict[str, str]) -> None:
    heading("Back to the start: a rollback by the plan's id")
    began = time.monotonic()
    rollback = await start.start_rollback(on.client, plan_id, "to be run again")
    watching = asyncio.create_task(_watch(on.client, f"plan/{rollback.id}"))
    try:
        report = await rollback.result()
        say(f"{report['state']} after {time.monotonic() - began:.0f} s: {report['sentence']}")
    except WorkflowFailureError as error:
        on.wrong.append(f"{rollback.id}: {error.cause}")
    watching.cancel()
    now = on.where()
    astray = sorted(server for server in where if where[server] != now.get(server))
    on.wrong += [f"{server} is on {now.get(server)}, was on {where[server]}" for server in astray]


async def _watch(client: Client, plan_id: str) -> None:
    """Tell how far the plan is, every ten seconds."""
    while True:
        say(await _counts(client, plan_id))
        await asyncio.sleep(10)


async def _counts(client: Client, plan_id: str) -> str:
    try:
        told = await asyncio.wait_for(start.status(client, plan_id), 3)
    except RPCError as error:
        return "no plan yet" if error.status == RPCStatusCode.NOT_FOUND else "no worker answers"
    except TimeoutError:
        return "no worker answers"
    if told["state"] in PLAN_ENDS:
        return f"{told['state']}: {told['sentence']}"
    return f"{told['state']} " + ", ".join(f"{n} {word}" for word, n in told.get("counts", {}).items())


async def _kill(on: Stage, plan_id: str, gaps: list[float]) -> None:
    """kill -9, and another worker at once: the first while it observes, the others while it carries out."""
    for number, gap in enumerate(gaps, start=1):
        while number > 1 and not (await _counts(on.client, plan_id)).startswith("ONGOING"):
            await asyncio.sleep(1)
        await asyncio.sleep(gap)
        pid = read_pid(on.stack.directory / "worker.pid")
        assert pid is not None
        counts = await _counts(on.client, plan_id)
        os.kill(pid, 9)
        say(f"kill {number}: {counts}")
        await asyncio.to_thread(on.stack.start_worker)


async def run(options: argparse.Namespace) -> list[str]:
    draw = random.Random(options.seed)
    async with stage(options) as on:
        latest = [OBSERVES] + [options.gap] * options.kills
        kills = [draw.uniform(SOONEST, gap) for gap in latest[: options.kills]]
        await perform(on, document(options), kills, stay=options.stay)
        return on.wrong


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.devcloud.large", description=__doc__)
    parser.add_argument("--computes", type=int, default=50)
    parser.add_argument("--servers", type=int, default=500)
    parser.add_argument("--kills", type=int, default=0, help="kill -9 of the worker at so many moments")
    parser.add_argument("--gap", type=float, default=35, help="at most so many seconds from kill to kill")
    parser.add_argument("--parallel", type=int, default=12, help="actions at once")
    parser.add_argument("--max-moves", type=int, help="absent: as many as it takes")
    parser.add_argument("--stay", action="store_true", help="do not roll the plan back")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--directory", type=Path, default=Path("var/large"), help="of the devcloud")
    return parser.parse_args()


def main() -> int:
    wrong = asyncio.run(run(_options()))
    for line in wrong:
        print(f"WRONG {line}")
    print(f"{len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # the SDK's threads may abort a normal exit after all work is done
