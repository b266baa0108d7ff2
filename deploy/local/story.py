"""What the demo tells: an audit frees hosts, is interfered with while it runs, and is undone by its id."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from textwrap import shorten
from typing import Any

import yaml
from temporalio.client import Client, WorkflowFailureError
from temporalio.service import RPCError, RPCStatusCode

from deploy.local.clouds import Cloud
from deploy.local.telling import heading, say, state, table
from plan_schemas.plan import PLAN_ENDS
from workflows import start

AUDIT = Path(__file__).with_name("audit.yaml")
PATIENCE = 90.0  # seconds without any news


class WentWrong(RuntimeError):
    """The story did not go as told; says where."""


async def tell(cloud: Cloud) -> None:
    stack = cloud.stack
    client = await start.connect(stack.address)
    before, services = cloud.where(), cloud.services()
    audit = {**yaml.safe_load(AUDIT.read_text()), "cloud": stack.cloud, "scope": dict(cloud.scope())}

    heading(f"An audit: {audit['goal']} by {audit['strategy']}")
    handle = await start.start_audit(client, audit)
    say(f"started {handle.id}; it is a workflow: {stack.ui}/namespaces/default/workflows/{handle.id}")
    plan_id = await _plan_of(client, handle.id)
    plan = await start.ask(client, plan_id, "plan")
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
    _compare(before, cloud.where(), "servers are not where they were")
    _compare(services, cloud.services(), "hosts are not enabled or disabled as they were")
    say(f"all {len(before)} servers are where they were before the audit, checked in the cloud itself")


def _compare(before: dict[str, str], after: dict[str, str], complaint: str) -> None:
    other = sorted(name for name in before if before[name] != after.get(name))
    if other:
        raise WentWrong(f"{len(other)} {complaint}: {', '.join(other[:5])}")


async def _plan_of(client: Client, audit_id: str) -> str:
    """The plan's id, as soon as it waits for approval."""
    while True:
        told = await start.status(client, audit_id)
        if told["state"] == "FAILED":
            raise WentWrong(f"{audit_id}: {told['sentence']}")
        if told["state"] == "SUCCEEDED" and "plan" not in told:
            remedy = "without a plan there is no story: take more hosts, or another seed (HOSTS=12 SEED=7)"
            raise WentWrong(f"{audit_id}: {told['sentence']}\ndemo: {remedy}")
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
