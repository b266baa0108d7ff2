"""Failure at the k-th action of a plan of thirty, for every k: `python -m tests.undoing [--step 1]`.

Each plan ends with the start map restored. But every fourth has an undo that the cloud forbids, and a cold
move that breaks on the way leaves its server in ERROR: there ROLLBACK_INCOMPLETE names exactly what differs.
The verdict is the simulator's; exit 1 where it is otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import FailureError

from deploy.local.stack import Stack
from tests.judge.hand import move, service
from tests.live.stack import Live
from workflows import start
from workflows.wire.failure import details_of

Row = dict[str, Any]
ACTIONS, GROUPS = 30, 5
AT_ONCE = 10  # plans, so that all thirty take a few minutes
SPEED = 10.0
LIMIT = 900.0  # seconds within which a plan must end, on a busy machine too
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


def breaks_a_server(action: Row, k: int) -> bool:
    """Whether a person has to look at it afterwards: Nova leaves what broke in a cold move in ERROR."""
    return k % 3 == 2 and action["parameters"].get("kind") == "cold"


def forbids_undo(action: Row) -> Row:
    """Its way back is forbidden: all that changes it once it was done."""
    p = action["parameters"]
    about = {"instance": p["instance"]} if "instance" in p else {"host": p["host"], "path": "/os-services"}
    done = 2 if p.get("kind") == "cold" else 1
    method = "POST" if "instance" in p else "PUT"
    return {"api": {**about, "method": method, "writes": done, "effect": "status", "status": 403}}


@dataclass(frozen=True)
class Ended:
    """How a plan ended whose k-th action failed."""

    k: int
    told: str  # its state, and what it names
    wrong: tuple[str, ...]
    seconds: float

    def __str__(self) -> str:
        said = "; ".join(self.wrong) or "as it must be"
        return f"failure at {self.k:>2}: {self.told}, {said} ({self.seconds:.1f} s)"


async def fail_at(live: Live, client: Any, block: Block, k: int) -> Ended:
    """What comes of a plan whose k-th action (from 1) fails."""
    rows, before, begun = block.actions(), live.sim("state"), time.monotonic()
    planted = [obstacles(rows[k - 1], k)]
    if k % 4 == 0:
        planted.append(forbids_undo(rows[k // 2]))
    ids = [id for fault in planted for id in live.sim("faults", fault)["ids"]]
    handle = await start.start_plan(client, block.document(), id=f"undo-{k}-{block.number}")
    try:
        report = await asyncio.wait_for(handle.result(), LIMIT)
    except TimeoutError:
        return Ended(k, "RUNNING", ("has not ended",), LIMIT)
    except WorkflowFailureError as failed:
        report = details_of(failed.cause) if isinstance(failed.cause, FailureError) else {}
    after = live.sim("state")
    for id in ids:
        live.sim(f"faults/{id}", method="DELETE")
    differs = {row["id"] for row in rows if stands(before, row) != stands(after, row)}
    named = _named(rows, report)
    told = " ".join([str(report.get("state")), *sorted(named)])
    wrong = _untrue(differs, named, report, whole=k % 4 != 0 and not breaks_a_server(rows[k - 1], k))
    return Ended(k, told, tuple(wrong), time.monotonic() - begun)


def _named(rows: Sequence[Row], report: Row) -> set[str]:
    """The actions that the end of a plan calls not undone."""
    left = str(report.get("sentence")).partition("; not undone: ")[2]
    return {row["id"] for row in rows if re.search(rf"(?:^|; ){row['id']}: ", left)}


def _untrue(differs: set[str], named: set[str], report: Row, *, whole: bool) -> Iterator[str]:
    allowed = ("ROLLED_BACK",) if whole else ("ROLLED_BACK", "ROLLBACK_INCOMPLETE")
    if report.get("state") not in allowed:
        yield f"not {' or '.join(allowed)}: {str(report.get('sentence'))[:600]}"
    if named != differs:
        yield f"these differ: {sorted(differs)}; it said {report.get('sentence')}"


async def fail_at_all(live: Live, chosen: Sequence[int]) -> list[str]:
    """One block of the cloud for each, ten plans at a time."""
    client = await start.connect(live.stack.address)
    uuids = {one["name"]: uuid for uuid, one in live.sim("state")["instances"].items()}
    wrong: list[str] = []
    for begin in range(0, len(chosen), AT_ONCE):
        wave = chosen[begin : begin + AT_ONCE]
        blocks = [Block(begin + i, uuids) for i in range(len(wave))]
        runs = (fail_at(live, client, b, k) for b, k in zip(blocks, wave, strict=True))
        for found in await asyncio.gather(*runs):
            print(found, flush=True)
            wrong += (f"{found.k}: {said}" for said in found.wrong)
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
    chosen, begun = range(1, ACTIONS + 1, parser.parse_args().step), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="undoing-") as directory:
        wrong = run(Path(directory), chosen)
    took = time.monotonic() - begun
    print(f"failure at {len(chosen)} of {ACTIONS} actions, {len(wrong)} wrong, {took:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)
