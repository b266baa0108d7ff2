"""Failure at the k-th action of a plan of thirty, for every k: `python -m tests.undoing [--step 1]`.

Each plan ends with the start map restored, or ROLLBACK_INCOMPLETE names exactly what differs; every fourth
has an undo that the cloud forbids. The verdict is the simulator's; exit 1 at any that is otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import FailureError

from deploy.local.stack import Stack
from tests.hand import move, service
from tests.live import Live
from workflows import start
from workflows.wire.failure import details_of

Row = dict[str, Any]
ACTIONS, GROUPS = 30, 5
AT_ONCE = 10  # plans
SPEED = 10.0
LIMIT = 240.0  # seconds within which a plan must end
WAITS = "waiting for memory"


def declaration(blocks: int) -> Row:
    """For each plan a block: per group a host to empty, one that takes its servers, one that is closed."""
    hosts: list[Row] = []
    servers: list[Row] = []
    for block in range(blocks):
        for group in range(GROUPS):
            at = f"{block}-{group}"
            hosts += [{"name": f"full-{at}"}, {"name": f"empty-{at}"}]
            hosts.append({"name": f"closed-{at}", "enabled": False, "disabled_reason": WAITS})
            servers.append({"name": f"web-{at}", "flavor": "small", "host": f"full-{at}", "count": 4})
    flavor = {"name": "small", "vcpus": 2, "memory_mb": 4096}
    return {
        "name": "blocks",
        "hosts": [{**host, "live_seconds": 3, "cold_seconds": 3} for host in hosts],
        "flavors": [flavor],
        "servers": servers,
    }


@dataclass(frozen=True)
class Block:
    """Thirty actions in five groups: close a host, move four servers off it, open another host."""

    number: int
    uuids: Mapping[str, str]  # of servers, by name

    def actions(self) -> list[Row]:
        rows: list[Row] = []
        for group in range(GROUPS):
            at, before = f"{self.number}-{group}", f"g{group - 1}"
            full, empty = f"full-{at}", f"empty-{at}"
            id = f"g{group}"
            rows.append(service(f"{id}-close", full, needs=[f"{before}-1"] if group else []))
            for n, kind in enumerate(("live", "cold", "live", "cold"), start=1):
                needs = [f"{id}-close"] if n < 3 else [f"{id}-{n - 2}"]
                uuid = self.uuids[f"web-{at}-{n}"]
                rows.append(move(f"{id}-{n}", uuid, full, empty, kind, needs=needs))
            rows.append(service(f"{id}-open", f"closed-{at}", "enabled", needs=[f"{id}-3"]))
        return rows

    def document(self) -> Row:
        rows = [{k: v for k, v in row.items() if k != "touches"} for row in self.actions()]
        execution = {
            "mode": "auto",
            "on_failure": "rollback",
            "allow": ["live", "cold", "service"],
            "limits": {"out_per_host": 4, "in_per_host": 4},
        }
        return {
            "ballast": "v1",
            "kind": "ActionPlan",
            "cloud": "simcloud",
            "execution": execution,
            "actions": rows,
        }


def stands(state: Row, action: Row) -> tuple[Any, ...]:
    """What an action is about, as the cloud has it."""
    p = action["parameters"]
    if "instance" in p:
        one = state["instances"][p["instance"]]
        return one["host"], one["status"], one["task_state"]
    host = state["hosts"][p["host"]]
    return host["status"], host["disabled_reason"]


def obstacles(action: Row, k: int) -> Row:
    """What makes the k-th action fail: forbidden, nowhere to go, or broken on the way."""
    p = action["parameters"]
    if "instance" not in p:
        return {"api": {"host": p["host"], "method": "PUT", "effect": "status", "status": 403}}
    about = {"instance": p["instance"]}
    if k % 3 == 0:
        return {"api": {**about, "method": "POST", "effect": "status", "status": 403}}
    # Only the way there: a planted fault of moves would meet the way back as well.
    return {"migration": {**about, "effect": "check" if k % 3 == 1 else "on_the_way", "count": 1}}


def forbids_undo(action: Row) -> Row:
    """Its way back is forbidden: all that changes it once it was done."""
    p = action["parameters"]
    about = {"instance": p["instance"]} if "instance" in p else {"host": p["host"], "path": "/os-services"}
    done = 2 if p.get("kind") == "cold" else 1
    method = "POST" if "instance" in p else "PUT"
    return {"api": {**about, "method": method, "writes": done, "effect": "status", "status": 403}}


async def fail_at(live: Live, client: Any, block: Block, k: int) -> list[str]:
    """What is wrong with how a plan ends whose k-th action (from 1) fails."""
    rows, before = block.actions(), live.sim("state")
    planted = [obstacles(rows[k - 1], k)]
    if k % 4 == 0:
        planted.append(forbids_undo(rows[k // 2]))
    ids = [id for fault in planted for id in live.sim("faults", fault)["ids"]]
    handle = await start.start_plan(client, block.document(), id=f"undo-{k}-{block.number}")
    try:
        report = await asyncio.wait_for(handle.result(), LIMIT)
    except TimeoutError:
        return [f"{k}: has not ended"]
    except WorkflowFailureError as failed:
        report = details_of(failed.cause) if isinstance(failed.cause, FailureError) else {}
    after = live.sim("state")
    for id in ids:
        live.sim(f"faults/{id}", method="DELETE")
    return [f"{k}: {said}" for said in _untrue(rows, before, after, report)]


def _untrue(rows: Sequence[Row], before: Row, after: Row, report: Row) -> list[str]:
    differs = {row["id"] for row in rows if stands(before, row) != stands(after, row)}
    state, sentence = report.get("state"), str(report.get("sentence"))
    if state == "ROLLED_BACK":
        return [f"ROLLED_BACK, and these differ: {sorted(differs)}"] if differs else []
    if state != "ROLLBACK_INCOMPLETE":
        return [f"{state}: {sentence[:300]}"]
    told = sentence.partition("; not undone: ")[2]
    named = {row["id"] for row in rows if re.search(rf"(?:^|; ){row['id']}: ", told)}
    if named == differs:
        return []
    return [f"ROLLBACK_INCOMPLETE names {sorted(named)}, these differ: {sorted(differs)}; it said {told}"]


async def fail_at_all(live: Live, chosen: Sequence[int]) -> list[str]:
    """One block of the cloud for each, ten plans at a time."""
    client = await start.connect(live.stack.address)
    uuids = {one["name"]: uuid for uuid, one in live.sim("state")["instances"].items()}
    wrong: list[str] = []
    for begin in range(0, len(chosen), AT_ONCE):
        wave = chosen[begin : begin + AT_ONCE]
        blocks = [Block(begin + i, uuids) for i in range(len(wave))]
        runs = (fail_at(live, client, b, k) for b, k in zip(blocks, wave, strict=True))
        for k, found in zip(wave, await asyncio.gather(*runs), strict=True):
            print(f"failure at {k:>2}: {'; '.join(found) or 'as it must be'}", flush=True)
            wrong += found
    return wrong


def run(directory: Path, chosen: Sequence[int]) -> list[str]:
    """A stack of its own, and what was wrong."""
    cloud = directory / "blocks.yaml"
    cloud.write_text(yaml.safe_dump(declaration(len(chosen))))
    stack = Stack(directory)
    try:
        stack.up(["--cloud", str(cloud)], speed=SPEED)
        return asyncio.run(fail_at_all(Live(stack), chosen))
    finally:
        stack.down()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.undoing", description=__doc__)
    parser.add_argument("--step", type=int, default=1, help="every so many actions")
    chosen = range(1, ACTIONS + 1, parser.parse_args().step)
    with tempfile.TemporaryDirectory(prefix="undoing-") as directory:
        wrong = run(Path(directory), chosen)
    print(f"failure at {len(chosen)} of {ACTIONS} actions, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)
