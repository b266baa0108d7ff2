"""Temporal's own verbs on a running plan, by the stock `temporal` command: nothing doubles, hangs or lies."""

from __future__ import annotations

import asyncio
import json

import pytest
from temporalio.client import Client

from deploy import cli
from tests.live.rooms import SPEED, Rooms, close, nop, sleep, states
from tests.live.sharing import stands_still
from tests.live.stack import Live
from workflows.wire.vault import LARGEST_ANSWER

pytestmark = pytest.mark.usefixtures("nothing_left")


def verb(live: Live, *words: str) -> str:
    """Run a verb that must be obeyed; answers what it says."""
    done = live.cli(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def pending(live: Live, id: str) -> dict[str, object]:
    """The move that a plan waits for, in Temporal's words; what it tells meanwhile are activities too."""
    (one,) = (row for row in live.describe(id)["pendingActivities"] if row["activityId"] == "web-1")
    return dict(one)


def moving(rooms: Rooms) -> tuple[str, int]:
    """A plan in the middle of its one migration, and where the journal stood before."""
    rooms.speed(0.5)
    before = rooms.journal()
    id = rooms.start(rooms.move("web-1", "west-1"), nop("after", needs=["web-1"]))
    stands_still(rooms, "web-1")
    return id, before


def ends_well(rooms: Rooms, id: str, before: int) -> None:
    rooms.speed(100)
    assert rooms.live.closed(id) == "COMPLETED"
    assert states(rooms.live.query(id)) == {"web-1": "SUCCEEDED", "after": "SUCCEEDED"}
    assert rooms.accepted_moves("web-1", before) == 1
    assert rooms.host("web-1") == "west-1"
    assert not [line for line in rooms.writes(before) if line["method"] == "DELETE"], "it was aborted"


# -- activity … ---------------------------------------------------------------------------------------------


def test_a_paused_migration_goes_on_in_the_cloud_and_is_taken_up_again(rooms: Rooms) -> None:
    """`activity pause` only looks away; the status says so, and after `unpause` the plan goes on."""
    live, (id, before) = rooms.live, moving(rooms)
    verb(live, "activity", "pause", "-w", id, "-a", "web-1", "--reason", "lunch")
    live.until(lambda: pending(live, id)["state"] == "PENDING_ACTIVITY_STATE_PAUSED", "it runs on")
    rooms.is_moving("web-1")
    told = live.query(id)["actions"]["web-1"]
    assert told["state"] == "ONGOING"
    assert told["why"].startswith("paused by `temporal activity pause`")
    verb(live, "activity", "unpause", "-w", id, "-a", "web-1")
    live.until(lambda: "why" not in live.query(id)["actions"]["web-1"], "it stays away")
    ends_well(rooms, id, before)


def test_a_reset_migration_is_not_asked_for_again(rooms: Rooms) -> None:
    """`activity reset` begins the attempts anew, and the new one finds the request of the old."""
    live, (id, before) = rooms.live, moving(rooms)
    verb(live, "activity", "update-options", "-w", id, "-a", "web-1", "--heartbeat-timeout", "4s")
    verb(live, "activity", "reset", "-w", id, "-a", "web-1")
    ends_well(rooms, id, before)


def test_the_limits_of_a_running_migration_can_be_changed(rooms: Rooms) -> None:
    """`activity update-options` changes what Temporal allows an action, and leaves the action alone."""
    live, (id, before) = rooms.live, moving(rooms)
    options = ("--heartbeat-timeout", "30s", "--start-to-close-timeout", "2h")
    verb(live, "activity", "update-options", "-w", id, "-a", "web-1", *options)
    told = pending(live, id)["activityOptions"]
    assert isinstance(told, dict)
    assert (told["heartbeatTimeout"], told["startToCloseTimeout"]) == ("30s", "7200s")
    ends_well(rooms, id, before)


# -- workflow … ---------------------------------------------------------------------------------------------


def after_its_check(live: Live, id: str) -> str:
    """The event that `workflow reset` wants for: once it was admitted, before anything began."""
    events = json.loads(verb(live, "workflow", "show", "-w", id, "-o", "json"))["events"]
    kinds = [(event["eventType"].removeprefix("EVENT_TYPE_"), event["eventId"]) for event in events]
    admitted = next(n for n, (kind, _) in enumerate(kinds) if kind == "ACTIVITY_TASK_COMPLETED")
    return str(next(id for kind, id in kinds[admitted:] if kind == "WORKFLOW_TASK_COMPLETED"))


def test_a_reset_plan_does_nothing_twice(rooms: Rooms, capsys: pytest.CaptureFixture[str]) -> None:
    """After `workflow reset` what was carried out is found done or on its way, and the trail forks."""
    live = rooms.live
    rooms.speed(2)
    before = rooms.journal()
    id = rooms.start(close("south-2"), rooms.move("web-1", "west-1", needs=["close"]))
    rooms.is_moving("web-1")
    folder = live.stack.directory / "store" / "trail"

    def trails() -> list[str]:
        return [str(file) for file in folder.glob("*") if rooms.name in file.name]

    live.until(lambda: bool(trails()), "nothing is told of the first run")
    verb(live, "workflow", "reset", "-w", id, "-e", after_its_check(live, id), "--reason", "test")
    assert live.closed(id) == "COMPLETED"
    told = live.query(id)
    assert states(told) == {"close": "SKIPPED(already)", "web-1": "SKIPPED(already)"}
    assert rooms.accepted_moves("web-1", before) == 1
    assert "Temporal reset the plan to here" in told["messages"][0]
    assert len(trails()) == 2
    head = live.query(id, "record")["trail"]["head"]
    assert cli.run(["trail", *trails(), "--head", head]) == 0, capsys.readouterr().out


def test_a_finished_plan_that_is_reset_to_its_start_is_checked_anew(rooms: Rooms) -> None:
    """A hand-written plan is read against the cloud of today: what it wanted moved is elsewhere by now."""
    live, before = rooms.live, rooms.journal()
    id = rooms.start(rooms.move("web-1", "west-1"))
    assert live.closed(id) == "COMPLETED"
    verb(live, "workflow", "reset", "-w", id, "--type", "FirstWorkflowTask", "--reason", "test")
    assert live.closed(id) == "FAILED"
    assert "web-1: is on west-1, not on north-1" in live.query(id)["sentence"]
    assert rooms.accepted_moves("web-1", before) == 1


def test_an_audit_tells_that_its_plan_was_terminated(rooms: Rooms) -> None:
    """After `workflow terminate` of a plan its audit ends FAILED, says so, and names what undoes it."""
    live, audit = rooms.live, f"audit/{rooms.name}"
    rooms.speed(0.2)
    live.start("Audit", audit, rooms.audit("north-2", mode="auto"))
    plan = f"plan/{audit}"
    live.reaches(plan, "ONGOING")
    rooms.is_moving("scratch")
    verb(live, "workflow", "terminate", "-w", plan, "--reason", "boom")
    rooms.speed(100)
    assert live.closed(audit) == "FAILED"
    said = live.query(audit)["sentence"]
    assert f"{plan} FAILED: terminated in Temporal" in said
    assert f"a Rollback of {plan} undoes it" in said


def test_a_plan_outlives_its_terminated_audit(rooms: Rooms) -> None:
    """`workflow terminate` of an audit leaves its plan to finish and to report by itself."""
    live, audit = rooms.live, f"audit/{rooms.name}"
    rooms.speed(0.5)
    live.start("Audit", audit, rooms.audit("north-2", mode="auto"))
    live.reaches(f"plan/{audit}", "ONGOING")
    verb(live, "workflow", "terminate", "-w", audit)
    rooms.speed(100)
    assert live.closed(f"plan/{audit}") == "COMPLETED"
    assert rooms.host("scratch") == "north-1"


TO = {"web-1": "west-1", "scratch": "north-1"}


def test_every_plan_of_a_cloud_is_paused_and_resumed_by_one_signal(rooms: Rooms) -> None:
    """`workflow signal --query` reaches all plans that it lists."""
    live, name, ids = rooms.live, rooms.name, []
    for server in ("web-1", "scratch"):
        rooms.name = f"{name}-{server}"
        rooms.speed(0.2)
        ids.append(rooms.start(rooms.move(server, TO[server], id="s"), nop("x", needs=["s"])))
        stands_still(rooms, server)
    listed = 'BallastCloud="simcloud" AND WorkflowType="ActionPlan" AND ExecutionStatus="Running"'
    live.until(lambda: all(id in verb(live, "workflow", "list", "--query", listed) for id in ids), "lag")
    words = ("workflow", "signal", "--query", listed, "--input", '{"by": "eve"}', "--reason", "test", "-y")
    verb(live, *words, "--name", "pause")
    for id in ids:
        live.reaches(id, "PAUSED")
    rooms.speed(SPEED)
    for id in ids:
        assert live.action(id, "s", "SUCCEEDED")
        assert live.query(id)["actions"]["x"]["why"] == "waits for resume"
    verb(live, *words, "--name", "resume")
    assert [live.closed(id) for id in ids] == ["COMPLETED", "COMPLETED"]


def test_a_deleted_plan_is_rolled_back_by_the_record_that_is_kept(rooms: Rooms) -> None:
    """After `workflow delete` Temporal knows nothing of a plan; the store does for its rollback_window."""
    live = rooms.live
    id = rooms.start(close("south-2"))
    assert live.closed(id) == "COMPLETED"
    verb(live, "workflow", "delete", "-w", id, "-y")
    gone = ("workflow", "describe", "-w", id)
    live.until(lambda: live.cli(*gone).returncode != 0, "it is still there")
    assert live.closed(rooms.roll_back(id)) == "COMPLETED"
    assert rooms.service("south-2") == ("enabled", None)


def test_the_record_of_a_large_plan_is_kept_too(rooms: Rooms) -> None:
    """It is larger than what Temporal takes as one answer, and goes by reference."""
    live, id = rooms.live, f"plan/{rooms.name}"
    said = {"message": "x" * 980}  # few and wordy, for the two seconds that a workflow has in one go
    many = (nop(f"n{i}", needs=["long"], parameters=said) for i in range(1_750))
    document = rooms.plan(close("south-2"), sleep("long", 600), *many)

    async def start() -> None:
        client = await Client.connect(live.stack.address)
        await client.start_workflow("ActionPlan", document, id=id, task_queue="ballast")

    asyncio.run(start())
    live.action(id, "close", "SUCCEEDED", within=120)
    rooms.answer(id, "cancel", abort=True)
    assert live.closed(id, within=120) == "CANCELED"
    records = (live.stack.directory / "store" / "records").rglob("*")
    assert max(path.stat().st_size for path in records) > LARGEST_ANSWER
    verb(live, "workflow", "delete", "-w", id, "-y")
    live.until(lambda: live.cli("workflow", "describe", "-w", id).returncode != 0, "it is still there")
    assert live.closed(rooms.roll_back(id), within=120) == "COMPLETED"
    assert rooms.service("south-2") == ("enabled", None)
