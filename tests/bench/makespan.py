"""How near an executed plan comes to the best there is: `python -m tests.bench.makespan`, one JSON line.

Servers change places all over a cloud of a seed: every host gives as many as it takes, of the same sizes, so
that every host is nearly the longest one. An audit plans it and a worker carries it out on the simulator.
`makespan` runs from the first migration record to the end of the last, `bound` is what no order could beat
with the durations that those records turned out to have: the work per host and slots, all work, the longest
chain. Both are seconds of the simulated clock.

A worker looks after a move in real seconds, and knows how long one lasts by its memory. With `--speed S` the
cloud's network is S times slower, so that a move of 60 simulated seconds takes 60/S real ones and the worker
expects just that. Every delay of the worker, of Temporal and of this machine then counts S times: a greater
speed can only make the ratio worse than it is, never better. At 2, half a second between two moves of a host
weighs as much as one second on a real cloud, and 500 moves of 50 hosts take six minutes in place of eleven.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from activities.planner import bounds
from deploy.local.stack import Stack
from plan_schemas.plan import Plan, from_document
from tests.live.stack import Live
from workflows import start
from workflows.plugin import BallastPlugin

Document = dict[str, Any]
GOAL = 1.05
NOISE = 0.2  # durations vary by so much in both directions
SECONDS = {"small": 48.0, "medium": 60.0, "large": 78.0}  # that a move takes in the mean, simulated
BASE, REWRITTEN, RATE = 6.0, 1.3, 1250.0  # as workers expect: seconds; share sent again; MB per second
NAME = "makespan"


def cloud(moves: int, hosts: int, seed: int, speed: float) -> Document:
    """The declaration: every host has room for what it has and for all that comes."""
    memory = {name: int((s / speed - BASE) * RATE / REWRITTEN) for name, s in SECONDS.items()}
    room = 3 * (moves // hosts + 1)
    sizes = list(SECONDS)
    return {
        "name": NAME,
        "seed": seed,
        "settings": {
            "live_base": BASE * speed,
            "live_rate_mb": RATE / speed,
            "live_factor": REWRITTEN,
            "noise": NOISE,
        },
        "hosts": [
            {
                "name": "cmp",
                "count": hosts,
                "vcpus": room,
                "memory_mb": room * max(memory.values()),
                "disk_gb": room,
            }
        ],
        "flavors": [{"name": n, "vcpus": 1, "memory_mb": mb, "disk_gb": 1} for n, mb in memory.items()],
        "servers": [
            {"name": f"s{i}", "flavor": sizes[i // hosts % len(sizes)], "host": _host(i, hosts)}
            for i in range(moves)
        ],
    }


def _host(i: int, hosts: int) -> str:
    return f"cmp-{i % hosts + 1}"


def audit(uuids: Mapping[str, str], moves: int, hosts: int, seed: int) -> Document:
    """Each round of servers, one a host, goes on by the same number of hosts; told in no order."""
    dice = random.Random(seed)
    steps = [dice.randrange(1, hosts) for _ in range(moves // hosts + 1)]
    rows = [
        {
            "type": "migrate",
            "parameters": {
                "instance": uuids[f"s{i}"],
                "source": _host(i, hosts),
                "destination": _host(i + steps[i // hosts], hosts),
                "kind": "live",
            },
        }
        for i in range(moves)
    ]
    dice.shuffle(rows)
    limits = {"parallel": hosts, "out_per_host": 1, "in_per_host": 2}
    return {
        "ballast": "v1",
        "kind": "Audit",
        "name": NAME,
        "cloud": "simcloud",
        "strategy": "actuator",
        "parameters": {"actions": rows},
        "execution": {"mode": "auto", "on_failure": "stop", "allow": ["live"], "limits": limits},
    }


async def executed(stack: Stack, document: Document) -> Plan:
    """Let the audit plan and carry out; the plan, when all is over."""
    client = await start.connect(stack.address, plugin=BallastPlugin(stack.directory / "store"))
    handle = await start.start_audit(client, document)
    await handle.result()
    return from_document(await start.plan_of(client, handle.id).query("plan"))


def figures(plan: Plan, records: Sequence[Document]) -> Document:
    """What the records say of the plan; each server moved once."""
    took = {row["instance"]: row["updated"] - row["created"] for row in records}
    actions = tuple(replace(a, seconds=took[str(a.touches.instance)]) for a in plan.actions)
    bound = bounds.makespan(actions, plan.execution.limits)
    makespan = max(row["updated"] for row in records) - min(row["created"] for row in records)
    between = list(_gaps(records))
    return {
        "mean_seconds": round(sum(took.values()) / len(took), 1),
        "gap_seconds": round(sum(between) / max(1, len(between)), 2),
        "makespan": round(makespan, 1),
        "bound": round(bound, 1),
        "ratio": round(makespan / bound, 3),
        "goal": GOAL,
    }


def _gaps(records: Iterable[Document]) -> Iterable[float]:
    """For how long each host gave nothing between two of its moves."""
    of_host: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for row in records:
        of_host[row["source"]].append((row["created"], row["updated"]))
    for rows in of_host.values():
        rows.sort()
        yield from (following[0] - row[1] for row, following in pairwise(rows))


def bench(directory: Path, moves: int, hosts: int, seed: int, speed: float) -> Document:
    """One line. Raises SystemExit when not every server was moved: that is no makespan of this plan."""
    declared = directory / "cloud.yaml"
    declared.write_text(yaml.safe_dump(cloud(moves, hosts, seed, speed)))
    stack = Stack(directory, worker={"BALLAST_THREADS": str(hosts + 8)})
    live = Live(stack)
    try:
        stack.up(["--cloud", str(declared)], speed=speed)
        uuids = {row["name"]: uuid for uuid, row in live.sim("state")["instances"].items()}
        plan = asyncio.run(executed(stack, audit(uuids, moves, hosts, seed)))
        records = [row for row in live.sim("state")["migrations"] if row["status"] == "completed"]
    finally:
        stack.down()
    if len(records) != moves or len(plan.actions) != moves:
        raise SystemExit(f"{len(plan.actions)} moves were planned and {len(records)} done, of {moves}")
    given = {"moves": moves, "hosts": hosts, "seed": seed, "speed": speed}
    return {"bench": NAME, **given, **figures(plan, records)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.makespan", description=__doc__)
    parser.add_argument("--moves", type=int, default=500)
    parser.add_argument("--hosts", type=int, default=50)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--speed", type=float, default=2.0, help="simulated seconds per second, 1 to 6")
    given = parser.parse_args()
    if not (1 <= given.speed <= 6 and given.hosts >= 3 and given.moves >= 1):
        parser.error("expected a speed of 1 to 6, at least 3 hosts and a move")
    with tempfile.TemporaryDirectory(prefix="makespan-") as directory:
        row = bench(Path(directory), given.moves, given.hosts, given.seed, given.speed)
    print(json.dumps(row), flush=True)
    kept = Path("var/bench")
    kept.mkdir(parents=True, exist_ok=True)
    (kept / f"{NAME}.jsonl").write_text(f"{json.dumps(row)}\n")


if __name__ == "__main__":
    main()
