"""A plan that outgrows one history goes on in the next, by the stock `temporal` command: nobody notices."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from deploy.sweeping import oldest_running
from tests.live.rooms import SPEED, Rooms, close, nop, states
from tests.live.sharing import stands_still
from tests.live.stack import THREE_ROOMS, Live, bring_up
from workflows import start

pytestmark = pytest.mark.usefixtures("nothing_left")
EVENTS = 100  # from which this server suggests the end of a run; the usual number is 4,096


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    server = {"limit.historyCount.suggestContinueAsNew": str(EVENTS)}
    running = bring_up(tmp_path_factory.mktemp("size"), THREE_ROOMS, server=server)
    yield running
    running.stack.down()


def runs(live: Live, id: str) -> list[str]:
    """How each run of a workflow ended."""

    def look() -> list[str]:
        done = live.cli("workflow", "list", "--query", f"WorkflowId = '{id}'", "-o", "json")
        rows = [
            str(row["status"]).removeprefix("WORKFLOW_EXECUTION_STATUS_") for row in json.loads(done.stdout)
        ]
        return rows if set(rows) - {"CONTINUED_AS_NEW"} and "RUNNING" not in rows else []

    return list(live.until(look, f"the list of the runs of {id} lags behind"))


def goes_on_after(live: Live, run: dict[str, Any]) -> bool:
    """Whether Temporal lists another run of a workflow than this one as running, and only that."""
    query = f"WorkflowId = '{run['execution']['workflowId']}' AND ExecutionStatus = 'Running'"
    done = live.cli("workflow", "list", "--query", query, "-o", "json")
    rows = [row["execution"] for row in json.loads(done.stdout or "[]")]
    return bool(rows) and run["execution"] not in rows


def draining(rooms: Rooms, **execution: object) -> str:
    """A plan in whose first run nothing starts any more, because `long` still runs: until time goes on."""
    rooms.speed(0.5)
    many = [nop(f"n{i}") for i in range(60)]
    id = rooms.start(
        rooms.move("web-1", "south-1", id="long"), *many,
        nop("victim", needs=["long"]), nop("last", after=["victim"]),
        limits={"parallel": 3}, **execution,
    )  # fmt: skip
    stands_still(rooms, "web-1")

    def drains() -> bool:
        rows = rooms.live.query(id).get("actions", {})
        return "next run" in rows.get("n59", {}).get("why", "")

    rooms.live.until(drains, f"{id} does not drain")
    return id


def test_a_skip_that_comes_while_a_run_drains_is_honoured_in_the_next(rooms: Rooms) -> None:
    """And whatever else was said then: a hold holds, and the record of the last run tells everything."""
    id = draining(rooms)
    rooms.answer(id, "skip_action", action="victim", by="eve", reason="not today")
    rooms.answer(id, "hold_action", action="n59", by="eve", reason="backup")
    rooms.speed(SPEED)
    rooms.live.action(id, "last", "SUCCEEDED", within=120)
    told = rooms.live.query(id)
    assert told["actions"]["n59"] == {"state": "PENDING", "why": "held by eve: backup"}
    assert told["actions"]["victim"]["why"] == "skipped by eve: not today"
    rooms.answer(id, "release_action", action="n59", by="eve")
    assert rooms.live.closed(id) == "COMPLETED"
    record = rooms.live.query(id, "record")
    assert record["counts"] == {"SKIPPED": 1, "SUCCEEDED": 62}
    assert next(m.split(" ", 2)[2] for m in record["messages"]).startswith("eve by update: skip_action")
    assert all("seconds" in record["actions"][f"n{i}"]["evidence"] for i in range(60))
    found = runs(rooms.live, id)
    assert len(found) > 2
    assert set(found) == {"COMPLETED", "CONTINUED_AS_NEW"}


@pytest.mark.parametrize("own", [True, False])
def test_a_cancel_that_comes_while_a_run_drains_is_not_lost(rooms: Rooms, own: bool) -> None:
    """Neither Temporal's own nor the plan's: nothing starts any more."""
    id = draining(rooms)
    if own:
        assert rooms.live.cli("workflow", "cancel", "-w", id).returncode == 0
    else:
        rooms.answer(id, "cancel", by="eve", reason="enough")
    rooms.speed(SPEED)
    assert rooms.live.closed(id) == "CANCELED"
    found = states(rooms.live.query(id))
    assert (found["long"], found["victim"], found["n59"]) == ("SUCCEEDED", "CANCELLED", "CANCELLED")


def test_a_worker_that_dies_while_a_run_drains_loses_nothing(rooms: Rooms) -> None:
    """Another one takes up what runs, drains, and goes on in the next run."""
    id = draining(rooms)
    rooms.live.kill_worker()
    rooms.live.start_worker()
    rooms.speed(SPEED)
    assert rooms.live.closed(id, within=150) == "COMPLETED"
    assert set(states(rooms.live.query(id)).values()) == {"SUCCEEDED"}
    assert runs(rooms.live, id).count("CONTINUED_AS_NEW") >= 1


def test_what_was_done_in_an_earlier_run_is_undone(rooms: Rooms) -> None:
    """A failure in a later run undoes the moves of the first one; the way back fills runs of its own."""
    start = rooms.journal()
    chain = [nop(f"n{i}", needs=["web-1" if i == 0 else f"n{i - 1}"]) for i in range(40)]
    id = rooms.start(
        close("north-1"),
        rooms.move("web-1", "south-1", needs=["close"]),
        *chain,
        rooms.move("web-2", "south-1", needs=["n39"]),
        on_failure="rollback",
    )
    rooms.late_failure("web-2")
    assert rooms.live.closed(id, within=150) == "FAILED"
    told = rooms.live.query(id)
    assert told["state"] == "ROLLED_BACK", told["sentence"]
    assert states(told)["web-1"] == states(told)["close"] == "REVERTED"
    assert rooms.at_home()
    assert rooms.service("north-1") == ("enabled", None)
    assert rooms.accepted_moves("web-1", start) == 2, "there and back, each once"
    assert runs(rooms.live, id).count("CONTINUED_AS_NEW") >= 2


def test_a_finished_plan_of_several_runs_is_rolled_back(rooms: Rooms) -> None:
    """The record of its last run has the moves of its first one."""
    chain = [nop(f"n{i}", needs=["web-1" if i == 0 else f"n{i - 1}"]) for i in range(30)]
    id = rooms.start(rooms.move("web-1", "south-1"), *chain)
    assert rooms.live.closed(id, within=120) == "COMPLETED"
    assert runs(rooms.live, id).count("CONTINUED_AS_NEW") >= 1
    assert rooms.live.closed(rooms.roll_back(id), within=120) == "COMPLETED"
    assert rooms.at_home()


async def test_an_approval_that_needs_many_messages_outlives_its_run(rooms: Rooms) -> None:
    """Who skips much before he approves fills a history too; the deadline stays what it was, and what was
    there when the first run began is not swept."""
    id = rooms.start(*(nop(f"n{i}") for i in range(30)), mode="approve", approve_within_seconds=300)
    rooms.live.reaches(id, "RECOMMENDED")
    first = rooms.live.describe(id)["workflowExecutionInfo"]
    for i in range(25):
        rooms.answer(id, "skip_action", action=f"n{i}", by="eve", reason="not this one")
    rooms.live.until(lambda: goes_on_after(rooms.live, first), f"{id} is in its first run yet")
    oldest = await oldest_running(await start.connect(rooms.live.stack.address))
    assert oldest is not None
    assert oldest < datetime.fromisoformat(first["startTime"].replace("Z", "+00:00"))
    rooms.answer(id, "approve", by="eve")
    assert rooms.live.closed(id) == "COMPLETED"
    assert rooms.live.query(id)["counts"] == {"SKIPPED": 25, "SUCCEEDED": 5}
    assert runs(rooms.live, id).count("CONTINUED_AS_NEW") >= 1
