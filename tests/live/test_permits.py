"""What several plans share on one cloud, on a real Temporal server and the simulated cloud."""

from __future__ import annotations

import pytest

from tests.live.rooms import Rooms, close, nop, sleep, states
from tests.live.sharing import (
    PERMITS,
    attribute,
    becomes,
    beside,
    most_at_once,
    reason,
    stands_still,
)

pytestmark = pytest.mark.usefixtures("nothing_left", "thawed")


def two_that_want_one_host(rooms: Rooms) -> tuple[str, str]:
    """One plan moves a server off a host, and another one waits for the same slot."""
    rooms.speed(0.5)
    first = beside(rooms, "first", rooms.move("web-1", "south-1"))
    stands_still(rooms, "web-1")
    second = beside(rooms, "second", rooms.move("web-2", "south-2"), nop("free"))
    said = reason(rooms, second, "web-2", "host/north-1/out")
    assert said == f"host/north-1/out: 1 of 1 taken, by {first} (web-1)"
    return first, second


def test_a_second_plan_waits_for_the_slots_of_the_first(rooms: Rooms) -> None:
    """The other plan's action says which slot it waits for and who has it, and runs when it is free."""
    first, second = two_that_want_one_host(rooms)
    live = rooms.live
    live.action(second, "free", "SUCCEEDED")  # what needs no slot does not wait
    becomes(live, second, "permits")
    told = live.query(PERMITS)
    assert [row["plan"] for row in told["holders"]] == [first]
    assert [(row["plan"], row["action"]) for row in told["waiting"]] == [(second, "web-2")]
    assert "host/north-1/out: 1 of 1 taken" in rooms.page(PERMITS)
    rooms.speed(40)
    assert live.closed(first) == live.closed(second) == "COMPLETED"
    assert attribute(live, second, "BallastWaitingFor") == ""
    assert rooms.host("web-2") == "south-2"


def test_an_action_that_waits_for_its_permit_can_be_skipped(rooms: Rooms) -> None:
    """Skipping it ends the waiting plan at once, and nobody stands in the queue for it any more."""
    first, second = two_that_want_one_host(rooms)
    rooms.answer(second, "skip_action", action="web-2", by="eve", reason="not now")
    assert rooms.live.closed(second) == "COMPLETED"
    assert states(rooms.live.query(second)) == {"web-2": "SKIPPED(person)", "free": "SUCCEEDED"}
    assert rooms.live.query(PERMITS)["waiting"] in (None, [])
    rooms.speed(40)
    assert rooms.live.closed(first) == "COMPLETED"


def test_a_paused_plan_stands_in_nobodys_way(rooms: Rooms) -> None:
    """Pause gives back what is waited for; after resume the action asks again and runs."""
    first, second = two_that_want_one_host(rooms)
    rooms.answer(second, "pause", by="eve", reason="a moment")
    rooms.live.until(lambda: not rooms.live.query(PERMITS)["waiting"], "the wish stays")
    assert rooms.live.query(second)["actions"]["web-2"]["why"] == "waits for resume"
    rooms.speed(40)
    assert rooms.live.closed(first) == "COMPLETED"
    assert states(rooms.live.query(second))["web-2"] == "PENDING"
    rooms.answer(second, "resume", by="eve", reason="go on")
    assert rooms.live.closed(second) == "COMPLETED"
    assert rooms.host("web-2") == "south-2"


def test_what_a_terminated_plan_holds_is_taken_back(rooms: Rooms) -> None:
    """Nova goes on with what a terminated plan asked for: its slots stay taken, and the status says so, until
    Nova has the server at rest."""
    first, second = two_that_want_one_host(rooms)
    live, since = rooms.live, rooms.journal()
    assert live.cli("workflow", "terminate", "-w", first).returncode == 0
    live.until(lambda: live.query(PERMITS)["lost"], "the permits do not see that it is dead")
    assert "TERMINATED" in reason(rooms, second, "web-2", "TERMINATED")
    rooms.is_moving("web-1")
    assert rooms.accepted_moves("web-2", since) == 0
    rooms.speed(40)
    assert live.closed(second) == "COMPLETED"
    told = live.query(PERMITS)
    assert any(f"took back from {first} (TERMINATED" in said for said in told["messages"]), told["messages"]
    assert not told["lost"]


def test_permits_that_were_terminated_are_opened_again(rooms: Rooms) -> None:
    """Running plans open them anew and say what they hold, and a slot is not granted twice meanwhile."""
    first, second = two_that_want_one_host(rooms)
    live, since = rooms.live, rooms.journal()
    run = live.describe(PERMITS)["workflowExecutionInfo"]["execution"]["runId"]
    assert live.cli("workflow", "terminate", "-w", PERMITS).returncode == 0
    third = beside(rooms, "third", rooms.move("web-3", "west-1"))
    live.until(
        lambda: live.describe(PERMITS)["workflowExecutionInfo"]["execution"]["runId"] != run,
        "none opened",
    )
    live.reaches(PERMITS, "OPEN")
    assert [row["plan"] for row in live.query(PERMITS)["holders"]] == [first]
    reason(rooms, third, "web-3", "host/north-1/out")
    rooms.speed(40)
    assert live.closed(first) == live.closed(second) == live.closed(third) == "COMPLETED"
    assert [rooms.accepted_moves(name, since) for name in ("web-1", "web-2", "web-3")] == [0, 1, 1]
    assert most_at_once(rooms.live, since=0.0)[0] <= 1


def test_permits_that_are_opened_anew_know_what_a_terminated_plan_left_moving(rooms: Rooms) -> None:
    """Those that knew are terminated too. A plan that waits hears nothing, opens others, and waits until Nova
    has the server at rest."""
    first, second = two_that_want_one_host(rooms)
    live, since = rooms.live, rooms.journal()
    for id in (first, PERMITS):
        assert live.cli("workflow", "terminate", "-w", id).returncode == 0
    live.until(lambda: any(first in one for one in live.query(PERMITS)["lost"] or []), "nobody is missed")
    live.until(lambda: live.query(PERMITS)["holders"], "what moves is not held")
    assert rooms.server("web-1")["task_state"] == "migrating"
    assert rooms.accepted_moves("web-2", since) == 0
    rooms.speed(40)
    assert live.closed(second, within=120) == "COMPLETED"
    assert rooms.accepted_moves("web-2", since) == 1
    assert not live.query(PERMITS)["lost"]


def test_nonsense_at_the_permits_is_recorded(rooms: Rooms) -> None:
    """A malformed exchange and an unknown signal change nothing, and people see them."""
    assert rooms.live.closed(rooms.start(close("south-2"))) == "COMPLETED"
    assert rooms.live.signal(PERMITS, "exchange", '{"plan": 7}').returncode == 0
    assert rooms.live.signal(PERMITS, "dance", "{}").returncode == 0
    assert rooms.live.signal(rooms.start(sleep("rest", 600)), "permits", '{"granted": "all"}').returncode == 0
    for id, name in (
        (PERMITS, "exchange"),
        (f"plan/{rooms.name}", "permits"),
        (f"plan/{rooms.name}", "attempt"),
    ):
        words = ("workflow", "signal", "-w", id, "--name", name)
        assert rooms.live.cli(*words).returncode == 0
        for encoding in ("binary/plain", "json/protobuf", "binary/null"):
            meta = ("--input", "{}", "--input-meta", f"encoding={encoding}")
            assert rooms.live.cli(*words, *meta).returncode == 0
        assert len(rooms.live.query(id)["rejected_messages"]) >= 4, "one of them hangs it, or is lost"
    said = " ".join(rooms.live.query(PERMITS)["rejected_messages"])
    assert "plan: Input should be a valid string" in said
    assert "signal 'dance' is unknown; known: freeze, thaw" in said
    assert (
        "granted: Input should be a valid" in rooms.live.query(f"plan/{rooms.name}")["rejected_messages"][0]
    )
    assert "by: is missing" in rooms.refusal(PERMITS, "freeze", {})
    rooms.answer(f"plan/{rooms.name}", "skip_action", action="rest", by="eve")
    assert rooms.live.closed(f"plan/{rooms.name}") == "COMPLETED"
