"""One round: a plan of two moves, kill -9 of its worker near a chosen moment, and what the cloud saw."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle

from deploy.local.stack import read_pid
from tests.live.stack import Live, NotInTime
from workflows import start

HEARTBEAT = 3.0  # seconds until Temporal gives a dead worker's action to another one
MOVE = 3.0  # seconds that a move takes, tests/clouds/pairs.yaml
SHORT = {
    "abortable": True,
    "reversible": True,
    "heartbeat_seconds": HEARTBEAT,
    "timeout_seconds": 600,
    "timeout_factor": 10,
    "retry": {"attempts": 10, "initial_seconds": 0.5, "backoff": 1.5, "maximum_seconds": 3},
}
VERBS = {"live": "os-migrateLive", "cold": "migrate"}
OVER = frozenset({"completed", "finished", "confirming", "confirmed"})
Row = dict[str, Any]


class Phase(StrEnum):
    BEFORE = "before the POST"
    ASKED = "between POST and reply"
    MOVING = "while migrating"
    ENDED = "between its end and the report"


@dataclass(frozen=True)
class Move:
    """One action of the plan."""

    id: str
    instance: str
    source: str
    destination: str
    kind: str

    def row(self) -> Row:
        of = {k: getattr(self, k) for k in ("instance", "source", "destination", "kind")}
        return {"id": self.id, "type": "migrate", "parameters": of}


@dataclass
class Round:
    """What was done and when (by the wall clock), and what the simulator said right after the kill."""

    plan: str
    aimed: Phase
    victim: Move
    beside: Move
    begun: float
    killed: float = 0.0
    restarted: float = 0.0
    reported: float = 0.0
    attempt: int = 0
    state: Row = field(default_factory=dict)

    @property
    def moves(self) -> tuple[Move, Move]:
        return self.victim, self.beside


def document(moves: tuple[Move, ...], heartbeat: float = HEARTBEAT) -> Row:
    """A hand-written plan that runs at once, with short patience."""
    return {
        "ballast": "v1",
        "kind": "ActionPlan",
        "cloud": "simcloud",
        "execution": {"mode": "auto", "on_failure": "stop", "allow": ["live", "cold"]},
        "types": {"migrate": {**SHORT, "heartbeat_seconds": heartbeat}},
        "actions": [m.row() for m in moves],
    }


def draw_moves(live: Live, draw: random.Random) -> tuple[Move, Move]:
    """Two servers on different hosts, each to some other host, one live and one cold."""
    where = live.where()
    hosts = sorted(set(live.sim("state")["hosts"]))
    first = draw.choice(sorted(where))
    second = draw.choice(sorted(s for s in where if where[s] != where[first]))
    kinds = draw.sample(["live", "cold"], 2)

    def move(id: str, server: str, kind: str) -> Move:
        return Move(id, server, where[server], draw.choice([h for h in hosts if h != where[server]]), kind)

    return move("victim", first, kinds[0]), move("beside", second, kinds[1])


class Killer:
    """Brings about one moment; whether it was hit is for `hit` to say."""

    def __init__(self, live: Live, draw: random.Random) -> None:
        self.live, self.draw = live, draw

    def lie_in_wait(self, phase: Phase, move: Move) -> None:
        """Plant what widens the moment. Must come before the plan."""
        self.live.sim("faults", method="DELETE")
        if phase is Phase.BEFORE:  # the first, second or third of the looks that precede the request
            looks = rf"/servers/{move.instance}/os-instance-actions$"
            self._plant(method="GET", path=looks, effect="latency", seconds=0.6, count=3)
        if phase is Phase.ASKED:  # on its way to Nova (a third of them), or the answer on its way back
            effect = self.draw.choice(["latency", "delay_reply", "delay_reply"])
            action = VERBS[move.kind]
            self._plant(instance=move.instance, action=action, effect=effect, seconds=1.2, count=1)

    def _plant(self, **fault: Any) -> None:
        self.live.sim("faults", {"api": fault})

    def strike(self, round_: Round) -> None:
        """Wait for the moment, kill -9 the worker, and note what the simulator says then."""
        move, draw = round_.victim, self.draw
        if round_.aimed is Phase.BEFORE:
            wanted = draw.choice([1, 2, 3])
            self._until(lambda: self._hits() >= wanted)
            self._pause(0.0, 0.5)
        elif round_.aimed is Phase.ASKED:
            self._until(lambda: self._hits() >= 1)
            self._pause(0.0, 1.0)
        elif round_.aimed is Phase.MOVING:
            self._until(lambda: requests(self.live.journal(), move, round_.begun))
            self._pause(0.2, MOVE * 0.9)
        else:
            self._until(lambda: self._over(round_))
            self._pause(0.0, 0.4)
        pid = read_pid(self.live.stack.directory / "worker.pid")
        assert pid is not None
        os.kill(pid, 9)
        round_.killed = time.time()
        round_.state = self.live.sim("state")

    def _pause(self, least: float, most: float) -> None:
        time.sleep(self.draw.uniform(least, most))

    def _hits(self) -> int:
        return sum(fault["hits"] for fault in self.live.sim("faults")["api"])

    def _over(self, round_: Round) -> bool:
        state = self.live.sim("state")
        record = newest(state, round_.victim.instance, _moment(state, round_.begun))
        return record is not None and record["status"] in OVER

    def _until(self, look: Any) -> None:
        deadline = time.monotonic() + 60
        while not look():
            if time.monotonic() > deadline:
                raise NotInTime("the moment to kill the worker does not come")
            time.sleep(0.02)


async def run_round(live: Live, client: Client, round_: Round, killer: Killer, module: str) -> list[str]:
    """Start the plan, kill its worker, start another one, and answer what was not as it must be."""
    killer.lie_in_wait(round_.aimed, round_.victim)
    handle = await start.start_plan(client, document(round_.moves), id=round_.plan)
    killer.strike(round_)
    live.sim("faults", method="DELETE")
    live.stack.start_worker(module)
    round_.restarted = time.time()
    wrong = await _ending_or_doubled(handle, round_, killer)
    await _note_report(handle, round_)
    return wrong + judge(round_.moves, live.journal(), round_.begun, live.sim("state"))


async def _ending_or_doubled(handle: WorkflowHandle[Any, Any], round_: Round, killer: Killer) -> list[str]:
    """What is wrong with how the plan ends; nobody waits for that once a request was doubled."""
    ending = asyncio.create_task(_ending(handle, len(round_.moves)))
    while not ending.done():
        await asyncio.wait({ending}, timeout=0.5)
        journal = killer.live.journal()
        if any(len(requests(journal, move, round_.begun)) > 1 for move in round_.moves):
            ending.cancel()
            return []  # the judge will say
    return ending.result()


async def _ending(handle: WorkflowHandle[Any, Any], actions: int) -> list[str]:
    """Skipped is not enough: an action that was carried out must say so."""
    try:
        report = await handle.result()
    except WorkflowFailureError as error:
        return [f"{handle.id}: {error.cause}"]
    if report["state"] == "SUCCEEDED" and report["counts"] == {"SUCCEEDED": actions}:
        return []
    return [f"{report['state']} {report['counts']}: {report['sentence']}"]


async def _note_report(handle: WorkflowHandle[Any, Any], round_: Round) -> None:
    """When the victim was reported, and by which attempt: by Temporal's own history."""
    scheduled: dict[int, str] = {}
    async for event in handle.fetch_history_events():
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            given = event.activity_task_scheduled_event_attributes
            scheduled[event.event_id] = given.activity_id
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            begun = event.activity_task_started_event_attributes
            if scheduled[begun.scheduled_event_id] == round_.victim.id:
                round_.attempt = begun.attempt
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            ended = event.activity_task_completed_event_attributes
            if scheduled[ended.scheduled_event_id] == round_.victim.id:
                round_.reported = event.event_time.ToDatetime(tzinfo=UTC).timestamp()


def requests(journal: list[Row], move: Move, since: float) -> list[Row]:
    """The requests for this move that Nova accepted."""
    return [
        line
        for line in journal
        if line.get("server") == move.instance
        and line.get("action") in VERBS.values()
        and line.get("accepted")
        and _wall(line) >= since
    ]


def judge(moves: tuple[Move, ...], journal: list[Row], since: float, state: Row) -> list[str]:
    """What is wrong in the cloud itself: requests too many or too few, a server not where it was to go."""
    wrong = []
    for move in moves:
        asked, one = requests(journal, move, since), state["instances"][move.instance]
        if len(asked) != 1:
            wrong.append(f"{move.id}: {len(asked)} accepted migrations")
        if (one["host"], one["status"], one["task_state"]) != (move.destination, "ACTIVE", None):
            wrong.append(f"{move.id}: {one['status']} on {one['host']}, not ACTIVE on {move.destination}")
    return wrong


def hit(round_: Round, journal: list[Row]) -> Phase | None:
    """The moment that the kill really hit; None when it missed the action's life."""
    if round_.attempt < 2 or 0 < round_.reported < round_.killed:
        return None  # it had not begun in the worker that died, or was over
    posts = requests(journal, round_.victim, round_.begun)
    if not posts or _wall(posts[0]) > round_.restarted:
        return Phase.BEFORE
    if _wall(posts[0]) > round_.killed:
        return Phase.ASKED  # sent, and on its way to Nova when its sender died
    ends = [_wall(line) for line in journal if line["seq"] == posts[0]["seq"] and line["event"] == "replied"]
    if not ends or ends[0] > round_.killed:
        return Phase.ASKED
    record = newest(round_.state, round_.victim.instance, _moment(round_.state, round_.begun))
    return Phase.ENDED if record is not None and record["status"] in OVER else Phase.MOVING


def newest(state: Row, instance: str, since: float) -> Row | None:
    """The migration of a server that was recorded since a moment of the simulator's clock."""
    rows = [m for m in state["migrations"] if m["instance"] == instance and m["created"] >= since]
    return rows[-1] if rows else None


def _moment(state: Row, wall: float) -> float:
    """A moment of the wall clock by the simulator's; it keeps pace here (speed 1) from its epoch on."""
    now = datetime.fromisoformat(state["moment"]).timestamp()
    return float(state["now"]) - (now - wall)


def _wall(line: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(line["wall_time"]).timestamp()
