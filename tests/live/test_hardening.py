"""What ill will, a broken cloud or bad timing can do to a plan: it never lies, and it always ends."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities import complete
from activities.doing.pulse import Pulse
from activities.door import Failed, Stopped
from plan_schemas import admit, catalog
from plan_schemas.plan import Plan, from_document
from tests.live.rooms import Rooms, close, nop, sleep, states
from tests.live.sharing import stands_still
from workflows import audit
from workflows.plan import status
from workflows.plan.control import COMPLAINTS, LONGEST_COMPLAINT, Control
from workflows.progress import Progress

COLD = ["live", "cold", "service"]


def effective(actions: list[dict[str, Any]]) -> Plan:
    document = {"ballast": "v1", "kind": "ActionPlan", "cloud": "c", "actions": actions}
    return from_document(admit.plan(document, catalog.load(), name="p", created_at="2026-01-01T00:00:00Z"))


def test_a_cell_of_the_table_holds_whatever_it_is_given() -> None:
    """Pipes, backslashes and line breaks of any kind in a name or a reason stay inside their cell."""
    assert status._cell("a|b\\|c\r\nd\u2028e") == "a\\|b\\\\\\|c d e"


def test_a_page_of_an_audit_is_one_that_the_server_takes() -> None:
    """It counts bytes: a text of umlauts has twice as many as characters."""
    said = {"state": "ONGOING", "sentence": "looks", "earlier": ["ü" * 1_000] * 20}
    page = audit._page(said)
    assert len(page.encode()) < 20_000
    assert page.endswith("shortened; query `status` has it all")


def test_a_storm_of_nonsense_leaves_the_status_readable() -> None:
    """Of many long malformed messages the newest are kept, each cut."""
    control = Control(lambda _: None)
    for number in range(10 * COMPLAINTS):
        control.complain(f"{number} {'x' * 10_000}", "now")
    assert len(control.rejected) == COMPLAINTS
    assert control.rejected[-1].startswith(f"now {10 * COMPLAINTS - 1} ")
    assert all(len(said) <= LONGEST_COMPLAINT + 4 for said in control.rejected)


def test_a_long_chain_tells_both_its_ends() -> None:
    """However many actions need each other, the last one names its neighbour and the first cause."""
    chain = [{"id": f"n{i}", "type": "nop", "needs": [f"n{i - 1}"] if i else []} for i in range(3000)]
    progress = Progress(effective(chain))
    progress.skip("n0", "not now")
    told = [standing.why for standing in progress.standing.values()]
    assert told[2] == "needs n1, skipped (dependency): needs n0, skipped (person): not now"
    assert told[-1] == "needs n2998, skipped (dependency): needs n0, skipped (person): not now"


def test_a_reason_told_of_every_action_is_cut() -> None:
    """A long reason to cancel a plan does not make the status of its many actions too large to be read."""
    progress = Progress(effective([{"id": f"n{i}", "type": "nop"} for i in range(3000)]))
    progress.stop("x" * 2000)
    assert sum(len(standing.why) for standing in progress.standing.values()) < 1_000_000


def test_a_plan_that_one_workflow_cannot_hold_is_refused() -> None:
    """A plan of more actions or bytes than one workflow can hold is refused with both numbers."""
    complete.require_size({"actions": [{"id": f"n{i}"} for i in range(complete.MOST)]})
    with pytest.raises(Failed, match=r"the plan has 20001 actions in .* at most 20000 .*; split it"):
        complete.require_size({"actions": [{"id": "n"}] * 20_001})
    with pytest.raises(Failed, match=r"the plan has 1 actions in 21\.0 MB"):
        complete.require_size({"actions": [{"id": "n", "reason": "x" * 21_000_000}]})


def test_actions_that_do_not_fit_one_message_at_once_are_refused() -> None:
    """More than 4 MiB started at once would end the workflow: the number that fits is named."""
    rows = [{"id": f"n{i}", "parameters": {"text": "x" * 20_000}} for i in range(400)]
    execution: dict[str, Any] = {"limits": {"parallel": 300}}
    with pytest.raises(Failed, match=r"300 of the plan's actions at once .*parallel smaller, 162 will do"):
        complete.require_size({"actions": rows, "execution": execution})
    complete.require_size({"actions": rows, "execution": {"limits": {"parallel": 162}}})


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


def test_a_server_that_is_busy_is_nothing_to_plan_on(rooms: Rooms) -> None:
    """A hand-written plan for a server that is just being moved is refused until that has ended."""
    rooms.speed(0.5)
    first = rooms.start(rooms.move("web-1", "south-1"))
    stands_still(rooms, "web-1")
    rooms.name += "-2"
    second = rooms.start(rooms.move("web-1", "west-1", source="north-1"))
    assert rooms.live.closed(second) == "FAILED"
    assert "web-1: the task migrating is in progress" in rooms.live.query(second)["sentence"]
    rooms.speed(40)
    assert rooms.live.closed(first) == "COMPLETED"


async def beating_after(silence: float, allowed: float) -> str:
    """What becomes of a heartbeat that an action gives after so many seconds without one."""
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, heartbeat_timeout=timedelta(seconds=allowed))

    def act() -> str:
        pulse = Pulse()
        time.sleep(silence)
        try:
            pulse.heartbeat({"phase": "asking"})
        except Stopped as stop:
            return stop.kind
        return "asked"

    return await asyncio.to_thread(environment.run, act)


def test_an_attempt_that_was_given_up_asks_for_nothing() -> None:
    """An attempt that was silent for longer than its heartbeat time-out lets go before its write."""
    assert asyncio.run(beating_after(0.3, allowed=60)) == "asked"
    assert asyncio.run(beating_after(0.3, allowed=0.2)) == "leave"


def test_an_old_move_is_not_taken_for_this_one(rooms: Rooms) -> None:
    """With a cloud whose clock is ahead, a retried move is asked for and not read off an earlier plan's."""
    there, name = rooms.start(rooms.move("web-4", "south-1")), rooms.name
    assert rooms.live.closed(there) == "COMPLETED"
    rooms.put("web-4", "north-1")
    before = rooms.journal()
    fault = {"effect": "status", "status": 503, "count": 3, "path": "/resource_providers"}
    rooms.live.sim("faults", {"api": fault})  # it strikes the re-check, before anything is asked
    rooms.name = f"{name}-again"
    again = rooms.start(rooms.move("web-4", "south-1"))
    assert rooms.live.closed(again) == "COMPLETED"
    assert rooms.accepted_moves("web-4", before) == 1
    assert rooms.host("web-4") == "south-1"


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
    assert rooms.live.closed(own) == "FAILED"
    assert "is a workflow Rollback; only a plan is rolled back" in rooms.live.query(own)["sentence"]


def test_an_audit_that_cannot_measure_still_tells_what_its_plan_came_to(rooms: Rooms) -> None:
    """An audit cancelled in its settle time ends CANCELLED and says how its plan ended."""
    live, audit = rooms.live, f"audit/{rooms.name}"
    live.start("Audit", audit, rooms.audit("north-2", mode="auto", settle="1h"))
    live.until(lambda: "to settle" in live.query(audit)["sentence"], "it does not settle")
    assert live.cli("workflow", "cancel", "-w", audit).returncode == 0
    assert live.closed(audit) == "CANCELED"
    told = live.query(audit)
    assert told["state"] == "CANCELLED"
    assert told["plan_state"] == "SUCCEEDED"
    assert told["sentence"].endswith("Empty north-2 with 1 move); cancelled before this was measured")


def test_an_approval_before_the_deadline_counts_even_if_no_worker_saw_it_in_time(rooms: Rooms) -> None:
    """A signal that approves while no worker runs is obeyed, though the deadline passed meanwhile."""
    live = rooms.live
    id = rooms.start(nop("a"), mode="approve", approve_within="15s")  # time to see it, to kill and to signal
    live.reaches(id, "RECOMMENDED")
    live.kill_worker()
    try:
        assert live.signal(id, "approve", json.dumps({"by": "eve"})).returncode == 0
        live.until(lambda: "TimerFired" in live.cli("workflow", "show", "-w", id).stdout, "no deadline")
    finally:
        live.start_worker()
    assert live.closed(id) == "COMPLETED"
    assert states(live.query(id)) == {"a": "SUCCEEDED"}


def test_what_the_cloud_cannot_do_is_tried_as_often_as_the_plan_says(rooms: Rooms) -> None:
    """Faults of the cloud are counted across attempts, and the last one is told with their number."""
    retry = {"attempts": 3, "initial_seconds": 0.2, "backoff": 1, "maximum_seconds": 1}
    kind = {
        "abortable": True,
        "reversible": True,
        "heartbeat_seconds": 10,
        "timeout_seconds": 300,
        "timeout_factor": 10,
        "retry": retry,
    }
    look = rf"/servers/{rooms.uuids['web-1']}$"
    id = f"plan/{rooms.name}"
    document = {**rooms.plan(rooms.move("web-1", "west-1"), mode="approve"), "types": {"migrate": kind}}
    rooms.live.start("ActionPlan", id, document)
    rooms.live.reaches(id, "RECOMMENDED")
    rooms.live.sim("faults", {"api": {"method": "GET", "path": look, "effect": "status", "status": 503}})
    rooms.live.update(id, "approve", by="ann")
    assert rooms.live.closed(id) == "FAILED"
    assert "; it was tried 3 times" in rooms.live.query(id)["actions"]["web-1"]["why"]
    assert rooms.at_home()
