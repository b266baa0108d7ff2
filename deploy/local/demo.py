"""`make demo`: a durable audit frees hosts on a simulated cloud, is interfered with, and is undone."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import time
import urllib.request
from pathlib import Path
from textwrap import shorten
from typing import Any

import yaml
from temporalio.client import Client, WorkflowFailureError

from deploy.local.stack import DidNotStart, Stack
from deploy.local.telling import heading, say, state, table
from plan_schemas.plan import PLAN_ENDS
from workflows import start

DIRECTORY = Path("var/demo")
AUDIT = Path(__file__).with_name("audit.yaml")
SPEED = 25.0  # simulated seconds per second: a migration takes about one
LEISURE = 4.0  # the same for people who go on by hand
PATIENCE = 90.0  # seconds without any news


class WentWrong(RuntimeError):
    """The story did not go as told; says where."""


def main() -> None:
    options = _options()
    stack = Stack(DIRECTORY.resolve())
    code = 0
    try:
        _clean(stack)
        _start(stack, options)
        asyncio.run(tell(stack))
        _farewell(stack, options.keep)
    except (DidNotStart, WentWrong) as problem:
        print(f"demo: {problem}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        print("demo: interrupted", file=sys.stderr)
        code = 130
    finally:
        if not options.keep:
            stack.down()
    sys.stdout.flush()
    os._exit(code)  # the SDK's threads may abort a normal exit after all work is done


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--hosts", type=int, default=12)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--keep", action="store_true")
    return parser.parse_args()


def _clean(stack: Stack) -> None:
    """A demo starts from nothing: what an earlier one left is stopped and removed."""
    stack.down()
    shutil.rmtree(stack.directory, ignore_errors=True)


def _start(stack: Stack, options: argparse.Namespace) -> None:
    heading("Starting a Temporal dev server, a simulated OpenStack cloud and a Ballast worker")
    stack.up(["--hosts", str(options.hosts), "--seed", str(options.seed)], speed=SPEED)
    os.environ.update(stack.environment)
    say(f"Temporal     {stack.address}   UI {stack.ui}")
    say(f"the cloud    {stack.cloud_origin}   {options.hosts} hosts, seed {options.seed}, {SPEED:g} x faster")
    say(f"logs         {os.path.relpath(stack.directory)}/{{temporal,simcloud,worker}}.log")


async def tell(stack: Stack) -> None:
    client = await start.connect(stack.address)
    before = where(stack)
    audit = yaml.safe_load(AUDIT.read_text())

    heading(f"An audit: {audit['goal']} by {audit['strategy']}")
    handle = await start.start_audit(client, audit)
    say(f"started {handle.id}; it is a workflow: {stack.ui}/namespaces/default/workflows/{handle.id}")
    plan_id = await _plan_of(client, handle.id)
    plan = await client.get_workflow_handle(plan_id).query("plan")
    show_plan(plan_id, plan)

    heading("A person approves; the plan runs; one action is skipped while it runs")
    say(f"approve: {await start.send(client, plan_id, 'approve', by='the demo', reason='looks good')}")
    await follow(client, plan_id, skip=True)
    report = await _report(handle)
    show_report(report)

    heading("Second thoughts: the finished plan is rolled back by its id")
    rollback = await start.start_rollback(client, plan_id, "the demo wants its hosts back")
    await follow(client, f"plan/{rollback.id}", skip=False)
    await _report(rollback)
    after = where(stack)
    moved = sorted(uuid for uuid in before if before[uuid] != after.get(uuid))
    if moved:
        raise WentWrong(f"{len(moved)} servers are not where they were: {', '.join(moved[:5])}")
    say(f"all {len(before)} servers are where they were before the audit, checked in the cloud itself")


async def _plan_of(client: Client, audit_id: str) -> str:
    """The plan's id, as soon as it waits for approval."""
    while True:
        told = await start.status(client, audit_id)
        if told["state"] == "FAILED" or (told["state"] == "SUCCEEDED" and "plan" not in told):
            raise WentWrong(f"{audit_id}: {told['sentence']}")
        if "plan" in told and (await start.status(client, told["plan"]))["state"] == "RECOMMENDED":
            return str(told["plan"])
        await asyncio.sleep(0.2)


async def follow(client: Client, plan_id: str, *, skip: bool) -> None:
    """Print every change of every action until the plan has ended; once, skip an action that still waits."""
    seen: dict[str, str] = {}
    news = time.monotonic()
    while True:
        told = await _status_or_none(client, plan_id)
        if time.monotonic() - news > PATIENCE:
            raise WentWrong(f"{plan_id} is {told['state'] if told else 'absent'} and does not go on")
        for id, now in sorted((told or {}).get("actions", {}).items(), key=_ended_first):
            if now["state"] != seen.get(id, "PENDING"):
                say(f"{state(now['state'])} {id}   {now.get('why', '')}".rstrip())
                news = time.monotonic()
            seen[id] = now["state"]
        if told and told["state"] in PLAN_ENDS:
            say(f"{plan_id} {told['state']}: {told['sentence']}")
            return
        if told and skip and "SUCCEEDED" in seen.values():
            skip = not await _skip_one(client, plan_id, seen)
        await asyncio.sleep(0.25)


def _ended_first(row: tuple[str, dict[str, str]]) -> bool:
    """Sorts what ended before what began after it."""
    return row[1]["state"] in ("PENDING", "ONGOING", "REVERTING")


async def _status_or_none(client: Client, plan_id: str) -> dict[str, Any] | None:
    """None while the plan's workflow does not exist yet."""
    from temporalio.service import RPCError, RPCStatusCode

    try:
        return await start.status(client, plan_id)
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return None
        raise


async def _skip_one(client: Client, plan_id: str, seen: dict[str, str]) -> bool:
    waiting = [id for id, word in seen.items() if word == "PENDING"]
    if not waiting:
        return False
    payload = {"action": waiting[-1], "by": "the demo", "reason": "not now"}
    say(f"temporal workflow update execute -w {plan_id} --name skip_action --input '{json.dumps(payload)}'")
    answer = await start.send(client, plan_id, "skip_action", **payload)
    say(f"answer: {answer}")
    return True


async def _report(handle: Any) -> dict[str, Any]:
    try:
        return dict(await handle.result())
    except WorkflowFailureError as error:
        raise WentWrong(f"{handle.id}: {error.cause}") from None


def where(stack: Stack) -> dict[str, str]:
    """Which host each server is on, asked of the simulator itself, not of Ballast."""
    return dict(_sim(stack, "where"))


def _sim(stack: Stack, path: str, body: dict[str, Any] | None = None) -> Any:
    """The simulator's own control path, past OpenStack's."""
    url = f"{stack.cloud_origin}/_sim/{path}"
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(url, data, timeout=10) as reply:  # noqa: S310  loopback
        return json.load(reply)


def show_plan(plan_id: str, plan: dict[str, Any]) -> None:
    say(f"{plan_id} is RECOMMENDED: {plan.get('reason', '')}")
    rows = [(a["id"], shorten(a["reason"], 90, placeholder=" …")) for a in plan["actions"]]
    table(("action", "why"), rows[:14])
    if len(rows) > 14:
        print(f"          … and {len(rows) - 14} more")
    bounds = [(b["name"], f"{b['bound']:g}", f"{b['value']:g}", _gap(b)) for b in plan.get("bounds", ())]
    table(("how good", "at best", "planned", "gap"), bounds)


def _gap(bound: dict[str, Any]) -> str:
    limit = bound["bound"]
    return f"{abs(bound['value'] - limit) / limit:.1%}" if limit else "-"


def show_report(report: dict[str, Any]) -> None:
    measured = report.get("measured", {})
    rows = [
        (k, f"{v:g}", f"{measured.get(k, float('nan')):g}") for k, v in report.get("forecast", {}).items()
    ]
    table(("indicator", "forecast", "measured on a new snapshot"), rows)
    if report.get("counts", {}).get("SKIPPED"):
        say("what was skipped was forecast, but not done: what was measured lacks it")


def _farewell(stack: Stack, keep: bool) -> None:
    heading("What now")
    if not keep:
        say("KEEP=1 make demo leaves everything running, to be looked at in the Temporal UI")
        return
    _sim(stack, "speed", {"speed": LEISURE})
    env = os.path.relpath(stack.directory / "env")
    say(f"Temporal UI   {stack.ui}")
    say(f". {env}      then use temporal and ballast; `make demo-down` stops it all")


if __name__ == "__main__":
    main()
