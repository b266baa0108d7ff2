"""What ill will, a broken cloud or bad timing can do to a plan: it never lies, and it always ends."""

from __future__ import annotations

import json

from tests.rooms import Rooms, close, nop, sleep, states
from workflows import status
from workflows.control import COMPLAINTS, LONGEST_COMPLAINT, Control

COLD = ["live", "cold", "service"]


def test_a_cell_of_the_table_holds_whatever_it_is_given() -> None:
    """Pipes, backslashes and line breaks of any kind in a name or a reason stay inside their cell."""
    assert status._cell("a|b\\|c\r\nd\u2028e") == "a\\|b\\\\\\|c d e"


def test_a_storm_of_nonsense_leaves_the_status_readable() -> None:
    """Of many long malformed messages the newest are kept, each cut."""
    control = Control(lambda _: None)
    for number in range(10 * COMPLAINTS):
        control.complain(f"{number} {'x' * 10_000}", "now")
    assert len(control.rejected) == COMPLAINTS
    assert control.rejected[-1].startswith(f"now {10 * COMPLAINTS - 1} ")
    assert all(len(said) <= LONGEST_COMPLAINT + 4 for said in control.rejected)


def test_a_server_left_in_error_is_not_reported_as_undone(rooms: Rooms) -> None:
    """A cold migration that leaves its server in ERROR ends the plan ROLLBACK_INCOMPLETE and names it."""
    uuid = rooms.uuids["web-2"]
    rooms.live.sim("faults", {"migration": {"effect": "on_the_way", "instance": uuid, "count": 1}})
    id = rooms.start(rooms.move("web-2", "west-1", kind="cold"), on_failure="rollback", allow=COLD)
    assert rooms.live.closed(id) == "FAILED"
    told = rooms.live.query(id)
    assert told["state"] == "ROLLBACK_INCOMPLETE"
    assert (
        "web-2: host: expected west-1, found north-1; status: expected ACTIVE, found ERROR"
        in told["sentence"]
    )
    assert f"openstack server set --state active {uuid}" in told["sentence"]


def test_expectations_that_cannot_be_restored_are_refused_before_the_first_write(rooms: Rooms) -> None:
    """A hand-written plan whose `expects` lacks what its undo needs is refused and says which fact."""
    before = rooms.journal()
    id = rooms.start(close("south-1", expects={}), on_failure="rollback")
    assert rooms.live.closed(id) == "FAILED"
    assert "close: expects lacks 'status'" in rooms.live.query(id)["sentence"]
    assert rooms.writes(before) == []


def test_a_terminated_plan_can_be_rolled_back(rooms: Rooms) -> None:
    """What a terminated plan did, or was at, is undone by its id like that of any other."""
    id = rooms.start(close("south-2"), rooms.move("web-1", "north-2"), sleep("s", 60, needs=["web-1"]))
    rooms.live.action(id, "s", "ONGOING")
    assert rooms.live.cli("workflow", "terminate", "-w", id, "--reason", "boom").returncode == 0
    asked = rooms.roll_back(id)
    assert rooms.live.closed(asked) == "COMPLETED"
    assert rooms.host("web-1") == "north-1"
    assert rooms.service("south-2") == ("enabled", None)


def test_only_plans_are_rolled_back(rooms: Rooms) -> None:
    """Asked to roll back a workflow that is no plan, Rollback refuses at once and says what it is."""
    own = f"rollback/{rooms.name}"
    asked = {"ballast": "v1", "kind": "Rollback", "plan": own, "reason": "x"}
    rooms.live.start("Rollback", own, asked)
    assert rooms.live.closed(own, within=15) == "FAILED"
    assert "is a workflow Rollback; only a plan is rolled back" in rooms.live.query(own)["sentence"]


def test_an_audit_that_cannot_measure_still_tells_what_its_plan_came_to(rooms: Rooms) -> None:
    """An audit cancelled in its settle time ends CANCELLED and says how its plan ended."""
    live, audit = rooms.live, f"audit/{rooms.name}"
    live.start("Audit", audit, rooms.audit("north-2", mode="auto", settle="1h"))
    live.until(lambda: "to settle" in live.query(audit)["sentence"], 60, "it does not settle")
    assert live.cli("workflow", "cancel", "-w", audit).returncode == 0
    assert live.closed(audit) == "CANCELED"
    told = live.query(audit)
    assert told["state"] == "CANCELLED"
    assert told["plan_state"] == "SUCCEEDED"
    assert told["sentence"].endswith("2 actions done; cancelled before this was measured")


def test_an_approval_before_the_deadline_counts_even_if_no_worker_saw_it_in_time(rooms: Rooms) -> None:
    """A signal that approves while no worker runs is obeyed, though the deadline passed meanwhile."""
    live = rooms.live
    id = rooms.start(nop("a"), mode="approve", approve_within="4s")
    live.reaches(id, "RECOMMENDED")
    live.kill_worker()
    try:
        assert live.signal(id, "approve", json.dumps({"by": "eve"})).returncode == 0
        live.until(lambda: "TimerFired" in live.cli("workflow", "show", "-w", id).stdout, 15, "no deadline")
    finally:
        live.start_worker()
    assert live.closed(id) == "COMPLETED"
    assert states(live.query(id)) == {"a": "SUCCEEDED"}
