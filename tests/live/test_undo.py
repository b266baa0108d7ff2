"""Cancel, failure and rollback by the stock `temporal` command: what is undone, what stays, what is said."""

from __future__ import annotations

import pytest

from tests.live.rooms import ONE_WAY, SPEED, WIDE, Rooms, close, nop, one_line, sleep, states
from tests.live.sharing import stands_still

pytestmark = pytest.mark.usefixtures("nothing_left")


# -- cancel and roll back -----------------------------------------------------------------------------------


def half_done(rooms: Rooms, **execution: str) -> str:
    """A plan that has closed a host, moved a server off it, and sleeps before it goes on."""
    id = rooms.start(
        close("north-1"),
        rooms.move("web-1", "south-1", needs=["close"]),
        sleep("rest", 60, needs=["web-1"]),
        rooms.move("web-2", "south-1", needs=["rest"]),
        **execution,
    )
    rooms.live.action(id, "rest", "ONGOING")
    return id


def assert_undone(rooms: Rooms, id: str) -> None:
    told = rooms.live.query(id)
    assert states(told)["web-1"] == states(told)["close"] == "REVERTED"
    assert rooms.at_home()
    assert rooms.service("north-1") == ("enabled", None)


def test_cancel_without_rollback_leaves_what_was_done(rooms: Rooms) -> None:
    """A cancelled plan ends Canceled in Temporal's eyes, starts nothing more and undoes nothing."""
    id = half_done(rooms, on_cancel="rollback")
    rooms.answer(id, "cancel", by="eve", reason="change freeze", rollback=False, abort=True)
    assert rooms.live.closed(id) == "CANCELED"
    told = rooms.live.query(id)
    assert (told["state"], told["sentence"]) == ("CANCELLED", "cancelled: change freeze")
    assert states(told) == {
        "close": "SUCCEEDED",
        "web-1": "SUCCEEDED",
        "rest": "CANCELLED",
        "web-2": "CANCELLED",
    }
    assert rooms.host("web-1") == "south-1"
    assert rooms.service("north-1")[0] == "disabled"


def test_cancel_with_rollback_restores_the_start(rooms: Rooms) -> None:
    """A plan cancelled with rollback puts every server and service back and then ends Canceled."""
    id = half_done(rooms)
    rooms.answer(id, "cancel", by="eve", reason="wrong host", rollback=True, abort=True)
    assert rooms.live.closed(id) == "CANCELED"
    told = rooms.live.query(id)
    assert (told["state"], told["sentence"]) == (
        "CANCELLED",
        "cancelled: wrong host; what was done is undone",
    )
    assert_undone(rooms, id)


@pytest.mark.parametrize("abort", [False, True])
def test_a_cancel_lets_a_running_migration_end_or_takes_it_back(rooms: Rooms, abort: bool) -> None:
    """Without `abort` the migration that runs is carried to its end, with it Nova aborts it; nothing new
    starts either way."""
    rooms.speed(0.2)
    id = rooms.start(rooms.move("web-1", "south-1"), rooms.move("web-2", "south-1", needs=["web-1"]))
    rooms.is_moving("web-1")
    rooms.answer(id, "cancel", by="eve", reason="change freeze", abort=abort)
    if not abort:
        rooms.speed(40)
    assert rooms.live.closed(id) == "CANCELED"
    told = states(rooms.live.query(id))
    assert told == {"web-1": "CANCELLED" if abort else "SUCCEEDED", "web-2": "CANCELLED"}
    assert rooms.host("web-1") == ("north-1" if abort else "south-1")
    assert rooms.server("web-1")["task_state"] is None


@pytest.mark.parametrize("policy", ["stop", "rollback"])
def test_temporals_own_cancel_follows_the_plans_policy(rooms: Rooms, policy: str) -> None:
    """`temporal workflow cancel` is the plan's cancel by its `on_cancel`, and what runs may end."""
    rooms.speed(0.5)
    rest = rooms.move("web-1", "south-1", id="rest", needs=["close"])
    id = rooms.start(close("south-2"), rest, nop("last", needs=["rest"]), on_cancel=policy)
    stands_still(rooms, "web-1")
    assert rooms.live.cli("workflow", "cancel", "-w", id).returncode == 0
    rooms.speed(SPEED)
    assert rooms.live.closed(id) == "CANCELED"
    told = rooms.live.query(id)
    assert told["state"] == "CANCELLED"
    assert states(told)["last"] == "CANCELLED"
    undone = policy == "rollback"
    assert states(told)["close"] == ("REVERTED" if undone else "SUCCEEDED")
    assert rooms.service("south-2") == (("enabled", None) if undone else ("disabled", "ballast: test"))


def test_cancelling_an_audit_cancels_its_plan(rooms: Rooms) -> None:
    """A cancelled audit takes its waiting plan with it; both end Canceled."""
    live, audit = rooms.live, f"audit/{rooms.name}"
    live.start("Audit", audit, rooms.audit("north-2", mode="approve"))
    live.reaches(f"plan/{audit}", "RECOMMENDED")
    assert live.cli("workflow", "cancel", "-w", audit).returncode == 0
    assert live.closed(audit) == "CANCELED"
    assert live.closed(f"plan/{audit}") == "CANCELED"
    assert live.query(f"plan/{audit}")["state"] == "CANCELLED"
    assert live.query(audit)["state"] == "CANCELLED"
    assert rooms.at_home()


def test_roll_back_stops_a_running_plan_and_undoes_it(rooms: Rooms) -> None:
    """`roll_back` ends a running plan ROLLED_BACK, which is a failure with one sentence, at the start map."""
    id = half_done(rooms)
    rooms.answer(id, "roll_back", by="eve", reason="customers complain", abort=True)
    assert rooms.live.closed(id) == "FAILED"
    kind, said = rooms.failure(id)
    assert kind == "PlanFailed"
    assert one_line(said).startswith("ROLLED_BACK: roll back asked for: customers complain")
    assert_undone(rooms, id)


def test_what_cannot_be_undone_any_more_is_named_with_advice(rooms: Rooms) -> None:
    """A server that somebody else moved on stays there: ROLLBACK_INCOMPLETE names it, and what to do."""
    id = half_done(rooms)
    rooms.put("web-1", "west-1")
    rooms.answer(id, "roll_back", by="eve", reason="customers complain", abort=True)
    assert rooms.live.closed(id) == "FAILED"
    said = one_line(rooms.failure(id)[1])
    assert said.startswith("ROLLBACK_INCOMPLETE: ")
    assert "not undone: web-1: host: expected south-1, found west-1. Put these back by hand; or" in said
    assert "start a Rollback of this plan" in said
    told = states(rooms.live.query(id))
    assert (told["web-1"], told["close"]) == ("REVERT_FAILED", "REVERTED")
    assert rooms.host("web-1") == "west-1"
    assert rooms.service("north-1") == ("enabled", None), "the unchanged rest is undone"


def test_what_could_not_be_undone_is_shown_in_review(rooms: Rooms) -> None:
    """Before anybody approves, the page names the actions that there is no way back from."""
    document = {**rooms.plan(rooms.move("web-1", "west-1"), mode="approve"), "types": {"migrate": ONE_WAY}}
    id = f"plan/{rooms.name}"
    rooms.live.start("ActionPlan", id, document)
    rooms.live.reaches(id, "RECOMMENDED")
    assert "cannot be undone: web-1: a migrate cannot be undone" in rooms.page(id)
    rooms.answer(id, "reject", by="eve")
    assert rooms.live.closed(id) == "COMPLETED"


# -- failure ------------------------------------------------------------------------------------------------


def test_on_failure_stop_leaves_what_was_done(rooms: Rooms) -> None:
    """Under `stop` a late failure ends the plan with Nova's own reason, and nothing new starts."""
    id = broken_in_the_middle(rooms, "stop")
    kind, said = rooms.failure(id)
    assert kind == "PlanFailed"
    assert one_line(said).startswith("FAILED: middle failed: live migration ")
    told = rooms.live.query(id)
    assert states(told) == {"first": "SUCCEEDED", "middle": "FAILED", "needy": "BLOCKED", "free": "CANCELLED"}
    assert rooms.host("web-1") == "south-1"


def test_on_failure_continue_goes_on_with_what_does_not_need_it(rooms: Rooms) -> None:
    """Under `continue` the rest of the plan runs, and the plan is still no success."""
    id = broken_in_the_middle(rooms, "continue")
    told = rooms.live.query(id)
    assert states(told) == {"first": "SUCCEEDED", "middle": "FAILED", "needy": "BLOCKED", "free": "SUCCEEDED"}
    assert told["state"] == "FAILED"
    assert "needs middle, which failed" in told["actions"]["needy"]["why"]


def test_on_failure_rollback_undoes_what_was_done(rooms: Rooms) -> None:
    """Under `rollback` a late failure brings everything back, and the end names the cause."""
    id = broken_in_the_middle(rooms, "rollback")
    kind, said = rooms.failure(id)
    assert kind == "PlanFailed"
    assert one_line(said).startswith("ROLLED_BACK: middle failed: ")
    assert said.endswith("what was done is undone")
    told = rooms.live.query(id)
    assert states(told) == {"first": "REVERTED", "middle": "FAILED", "needy": "BLOCKED", "free": "CANCELLED"}
    assert rooms.at_home()


def broken_in_the_middle(rooms: Rooms, on_failure: str) -> str:
    """A plan whose second action Nova accepts and then cannot place; answers its id when it has ended."""
    rooms.late_failure("web-2")
    id = rooms.start(
        rooms.move("web-1", "south-1", id="first"),
        rooms.move("web-2", "south-2", id="middle", needs=["first"]),
        nop("needy", needs=["middle"]),
        sleep("free", 0.1, freed_by=["middle"]),
        on_failure=on_failure,
    )
    assert rooms.live.closed(id) == "FAILED"
    why = rooms.live.query(id)["actions"]["middle"]["why"]
    assert "No valid host" in why, "Nova's own words"
    assert "the server is ACTIVE on north-1" in why
    return id


# -- undo of a finished plan --------------------------------------------------------------------------------


def test_a_finished_plan_is_rolled_back_once_by_its_id(rooms: Rooms) -> None:
    """`Rollback` restores servers, service state and disabled reason; asked again it refuses clearly."""
    live = rooms.live
    open_west = {"host": "west-2", "state": "enabled"}
    id = rooms.start(
        close("north-1"),
        rooms.move("web-1", "south-1", needs=["close"]),
        rooms.move("web-2", "south-2", needs=["close"]),
        {"id": "open", "type": "change_nova_service_state", "parameters": open_west},
    )
    assert live.closed(id) == "COMPLETED"
    assert rooms.service("west-2") == ("enabled", None)
    again = rooms.roll_back(id)
    assert live.closed(again) == "COMPLETED"
    assert live.query(again)["state"] == "SUCCEEDED"
    assert rooms.at_home()
    assert rooms.service("north-1") == ("enabled", None)
    assert rooms.service("west-2") == ("disabled", "waiting for memory")
    before = rooms.journal()
    rooms.roll_back(id)
    assert live.closed(again) == "FAILED"
    kind, said = rooms.failure(again)
    assert kind == "Refused"
    assert f"{id} was undone already" in one_line(said)
    assert rooms.writes(before) == []


def test_a_rollback_of_a_running_plan_is_refused(rooms: Rooms) -> None:
    """A running plan is not rolled back from outside; the refusal names the message that does it."""
    id = rooms.start(sleep("rest", 60))
    rooms.live.action(id, "rest", "ONGOING")
    asked = rooms.roll_back(id)
    assert rooms.live.closed(asked) == "FAILED"
    kind, said = rooms.failure(asked)
    assert kind == "Refused"
    assert one_line(said) == f"{id} is ONGOING; a running plan takes the message roll_back instead"
    rooms.answer(id, "cancel", abort=True)
    assert rooms.live.closed(id) == "CANCELED"


def test_a_rollback_of_an_unknown_plan_is_refused(rooms: Rooms) -> None:
    """A Rollback of a plan that Temporal does not have says where to look ids up."""
    asked = rooms.roll_back("plan/never-was")
    assert rooms.live.closed(asked) == "FAILED"
    kind, said = rooms.failure(asked)
    assert kind == "Refused"
    assert "Temporal has no plan 'plan/never-was'" in one_line(said)
    assert "temporal workflow list" in said


# -- rollback after the cloud went on -----------------------------------------------------------------------


def test_a_rollback_after_a_manual_move_is_refused_before_any_write(rooms: Rooms) -> None:
    """One server moved by hand refuses the whole rollback with the list; `allow_partial` undoes the rest."""
    live = rooms.live
    id = rooms.start(rooms.move("web-1", "south-1"), rooms.move("web-2", "south-1"), limits=WIDE)
    assert live.closed(id) == "COMPLETED"
    rooms.put("web-1", "west-1")
    before = rooms.journal()
    asked = rooms.roll_back(id)
    assert live.closed(asked) == "FAILED"
    kind, said = rooms.failure(asked)
    assert kind == "Refused"
    assert one_line(said).startswith(
        f"nothing was changed; {id} cannot be undone as a whole: "
        "undo-web-1: host: expected south-1, found west-1. "
    )
    assert "allow_partial: true" in said
    assert rooms.writes(before) == []
    rooms.roll_back(id, allow_partial=True)
    assert live.closed(asked) == "COMPLETED"
    told = live.query(asked)
    assert told["state"] == "SUCCEEDED"
    assert told["leftovers"] == ["undo-web-1: host: expected south-1, found west-1"]
    assert "not undone, as allowed: undo-web-1" in told["sentence"]
    assert (rooms.host("web-1"), rooms.host("web-2")) == ("west-1", "north-1")


def test_a_rollback_to_a_closed_host_is_refused_before_any_write(rooms: Rooms) -> None:
    """One that takes nothing any more refuses the whole rollback; `allow_partial` undoes the rest."""
    live = rooms.live
    id = rooms.start(rooms.move("web-1", "south-1"), rooms.move("batch-1", "south-1"), limits=WIDE)
    assert live.closed(id) == "COMPLETED"
    homes = [rooms.home[rooms.uuids[server]] for server in ("web-1", "batch-1")]
    live.sim(f"hosts/{homes[0]}/disable", {"reason": "smells burnt"})
    before = rooms.journal()
    asked = rooms.roll_back(id)
    assert live.closed(asked) == "FAILED"
    said = one_line(rooms.failure(asked)[1])
    assert f"cannot be undone as a whole: undo-web-1: {homes[0]} is disabled (smells burnt). " in said
    assert rooms.writes(before) == []
    rooms.roll_back(id, allow_partial=True)
    assert live.closed(asked) == "COMPLETED"
    assert (rooms.host("web-1"), rooms.host("batch-1")) == ("south-1", homes[1])
