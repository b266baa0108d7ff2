"""What people decide about a plan: parts of it, failed actions, what waits and what is done after all."""

from __future__ import annotations

from typing import Any

import pytest

from tests.live.rooms import ONE_WAY, SPEED, Rooms
from tests.live.sharing import stands_still

pytestmark = pytest.mark.usefixtures("nothing_left")
EVE = {"by": "eve", "reason": "I know better"}


def broken(rooms: Rooms, **execution: Any) -> str:
    """A plan whose second action fails after its first is done; a third needs it, a fourth comes after it."""
    rooms.late_failure("web-2")
    settings = {"on_failure": "ask", "allow": ["live"], **execution}
    return rooms.start(
        rooms.move("web-1", "west-1", id="first"),
        rooms.move("web-2", "west-1", id="second", needs=["first"]),
        {"id": "third", "type": "nop", "needs": ["second"]},
        {"id": "fourth", "type": "nop", "after": ["second"]},
        **settings,
    )


def asked(rooms: Rooms, id: str) -> dict[str, Any]:
    return rooms.live.reaches(id, "NEEDS_DECISION")


def states(told: dict[str, Any]) -> dict[str, str]:
    return {id: row["state"] for id, row in told["actions"].items()}


def decide(rooms: Rooms, id: str, choice: str) -> None:
    done = rooms.live.update(id, "decide", action="second", choice=choice, **EVE)
    assert done.returncode == 0, done.stderr


def test_a_failed_action_is_asked_about_with_choices_and_deadline(rooms: Rooms) -> None:
    """The plan says what failed and why, what may be chosen, until when and what holds otherwise."""
    id = broken(rooms, decide_within="10m", on_no_decision="stop")
    told = asked(rooms, id)
    assert "No valid host" in told["sentence"]
    assert told["sentence"].endswith("decide retry, skip, fail or roll_back within 0:10:00, else stop")
    assert states(told) == {"first": "SUCCEEDED", "second": "FAILED", "third": "PENDING", "fourth": "PENDING"}
    assert told["actions"]["fourth"]["why"] == "waits for a decision on second"
    decide(rooms, id, "fail")
    rooms.live.closed(id)


def test_retry_after_the_cause_is_gone_makes_the_plan_succeed(rooms: Rooms) -> None:
    """A decision to try again carries out the failed action and what needs it."""
    id = broken(rooms)
    asked(rooms, id)
    rooms.live.sim("faults", method="DELETE")
    decide(rooms, id, "retry")
    assert rooms.live.closed(id) == "COMPLETED"
    assert set(states(rooms.live.query(id)).values()) == {"SUCCEEDED"}
    assert rooms.host("web-2") == "west-1"


def test_skip_leaves_the_failed_action_out_and_goes_on(rooms: Rooms) -> None:
    """Skipped after a failure: what needs it is skipped, what only comes after it is done."""
    id = broken(rooms)
    asked(rooms, id)
    decide(rooms, id, "skip")
    assert rooms.live.closed(id) == "COMPLETED"
    told = rooms.live.query(id)
    assert states(told) == {
        "first": "SUCCEEDED",
        "second": "SKIPPED",
        "third": "SKIPPED",
        "fourth": "SUCCEEDED",
    }
    assert told["actions"]["second"]["why"].startswith("skipped by eve: I know better, after it failed: ")


def test_roll_back_undoes_what_was_done(rooms: Rooms) -> None:
    """A decision to roll back puts every server back."""
    id = broken(rooms)
    asked(rooms, id)
    decide(rooms, id, "roll_back")
    assert rooms.live.closed(id) == "FAILED"
    assert rooms.live.query(id)["state"] == "ROLLED_BACK"
    assert rooms.at_home()


def test_when_nobody_decides_the_plans_own_word_holds(rooms: Rooms) -> None:
    """After the deadline `on_no_decision` decides, and the log says so."""
    id = broken(rooms, decide_within="1s", on_no_decision="rollback")
    assert rooms.live.closed(id) == "FAILED"
    told = rooms.live.query(id)
    assert told["state"] == "ROLLED_BACK"
    assert "nobody decided on second in time: rollback" in told["messages"][-1]
    assert rooms.at_home()


def test_one_action_may_have_a_policy_of_its_own(rooms: Rooms) -> None:
    """A failure that its own action calls bearable does not stop a plan that would roll back."""
    rooms.late_failure("web-2")
    id = rooms.start(
        rooms.move("web-1", "west-1"),
        rooms.move("web-2", "west-1", on_failure="continue"),
        on_failure="rollback",
    )
    assert rooms.live.closed(id) == "FAILED"
    assert states(rooms.live.query(id)) == {"web-1": "SUCCEEDED", "web-2": "FAILED"}
    assert rooms.host("web-1") == "west-1"


def test_a_held_action_waits_until_it_is_released(rooms: Rooms) -> None:
    """hold_action keeps one action from starting while the rest goes on; release_action lets it."""
    rows = ({"id": "one", "type": "sleep", "parameters": {"seconds": 1}}, {"id": "two", "type": "nop"})
    id = rooms.start(*rows, {"id": "three", "type": "nop", "needs": ["one", "two"]}, mode="approve")
    rooms.live.reaches(id, "RECOMMENDED")
    assert rooms.live.update(id, "hold_action", action="two", **EVE).returncode == 0
    rooms.live.update(id, "approve", by="ann")
    rooms.live.action(id, "one", "SUCCEEDED")
    told = rooms.live.query(id)
    assert told["actions"]["two"] == {"state": "PENDING", "why": "held by eve: I know better"}
    done = rooms.live.update(id, "hold_action", action="one", **EVE)
    assert "one is SUCCEEDED; only a pending action can be held" in done.stderr
    assert rooms.live.update(id, "release_action", action="two", **EVE).returncode == 0
    assert rooms.live.closed(id) == "COMPLETED"


def test_a_part_of_a_plan_is_approved_with_what_it_waits_for(rooms: Rooms) -> None:
    """What was not approved is skipped and says whose approval left it out."""
    rows = (
        {"id": "a", "type": "nop"},
        {"id": "b", "type": "nop", "needs": ["a"]},
        {"id": "c", "type": "nop"},
    )
    id = rooms.start(*rows, mode="approve")
    rooms.live.reaches(id, "RECOMMENDED")
    wrong = rooms.live.update(id, "approve", by="eve", actions=["nope"])
    assert "no action 'nope' in this plan; its actions: a, b, c" in wrong.stderr
    done = rooms.live.update(id, "approve", by="eve", reason="only this", actions=["b"])
    assert "2 of 3 actions will run: a, b" in done.stdout
    assert rooms.live.closed(id) == "COMPLETED"
    told = rooms.live.query(id)
    assert states(told) == {"a": "SUCCEEDED", "b": "SUCCEEDED", "c": "SKIPPED"}
    assert told["actions"]["c"]["why"] == "not among the actions approved by eve: only this"


def test_what_was_skipped_is_done_after_all_while_the_plan_still_runs(rooms: Rooms) -> None:
    """retry_action takes a skip back, with what was left out because of it."""
    rooms.speed(0.5)
    id = rooms.start(
        rooms.move("web-1", "west-1", id="long"),
        {"id": "a", "type": "nop", "needs": ["long"]},
        {"id": "b", "type": "nop", "needs": ["a"]},
    )
    stands_still(rooms, "web-1")
    rooms.live.update(id, "skip_action", action="a", **EVE)
    done = rooms.live.update(id, "retry_action", action="b", **EVE)
    assert "needs a, skipped (person): skipped by eve: I know better; retry that one" in done.stderr
    assert rooms.live.update(id, "retry_action", action="a", **EVE).returncode == 0
    rooms.speed(SPEED)
    assert rooms.live.closed(id) == "COMPLETED"
    assert set(states(rooms.live.query(id)).values()) == {"SUCCEEDED"}


def test_a_plan_that_wants_to_be_reversible_and_is_not_is_refused(rooms: Rooms) -> None:
    """`reversible: true` refuses before anything runs, with the action that cannot be undone."""
    document = rooms.plan(rooms.move("web-1", "west-1"), reversible=True)
    id = f"plan/{rooms.name}"
    rooms.live.start("ActionPlan", id, {**document, "types": {"migrate": ONE_WAY}})
    assert rooms.live.closed(id) == "FAILED"
    assert (
        "the plan could not be undone as a whole: web-1: a migrate cannot be undone"
        in rooms.live.query(id)["sentence"]
    )
    assert rooms.at_home()


def test_a_newer_round_supersedes_what_nobody_approved(rooms: Rooms) -> None:
    """The plan of the earlier round ends SUPERSEDED and names the newer one; that one waits for approval."""
    document = rooms.audit("south-1", mode="advise")
    older, newer = f"audit/{rooms.name}-1", f"audit/{rooms.name}-2"
    rooms.live.start("Audit", older, document)
    assert rooms.live.closed(older) == "COMPLETED"
    rooms.live.reaches(f"plan/{older}", "RECOMMENDED")
    _listed(rooms, f"plan/{older}", "RECOMMENDED")
    rooms.live.start("Audit", newer, document)
    assert rooms.live.closed(f"plan/{older}") == "COMPLETED"
    told = rooms.live.query(f"plan/{older}")
    assert told["state"] == "SUPERSEDED"
    assert f"superseded by plan/{newer}: " in told["sentence"]
    assert rooms.live.closed(newer) == "COMPLETED"
    rooms.live.reaches(f"plan/{newer}", "RECOMMENDED")
    rooms.live.update(f"plan/{newer}", "reject", **EVE)


def test_under_a_schedule_a_round_supersedes_what_the_one_before_left_unapproved(rooms: Rooms) -> None:
    """Triggered twice, the older plan ends SUPERSEDED with the newer one as its reason; its audit says so."""
    nightly = rooms.schedule(rooms.audit("south-1", mode="approve"), rooms.name)
    older = rooms.trigger(nightly)
    rooms.live.reaches(f"plan/{older}", "RECOMMENDED")
    _listed(rooms, f"plan/{older}", "RECOMMENDED")
    newer = rooms.trigger(nightly)
    assert rooms.live.closed(f"plan/{older}") == rooms.live.closed(older) == "COMPLETED"
    told = rooms.live.query(f"plan/{older}")
    assert told["state"] == "SUPERSEDED"
    assert f"superseded by plan/{newer}: " in told["sentence"]
    assert f"plan/{older} SUPERSEDED: " in rooms.live.query(older)["sentence"]
    rooms.live.reaches(f"plan/{newer}", "RECOMMENDED")
    rooms.answer(f"plan/{newer}", "reject", **EVE)
    assert rooms.live.closed(newer) == "COMPLETED"
    rooms.unschedule(nightly)


def test_under_a_schedule_a_round_does_what_it_says_beside_a_running_plan(rooms: Rooms) -> None:
    """`on_running: skip` ends at once, `allow` plans beside it, `wait` begins when it has ended."""
    plan = rooms.start(
        {"id": "long", "type": "sleep", "parameters": {"seconds": 600}},
        rooms.move("web-1", "west-1", needs=["long"]),
    )
    _listed(rooms, plan, "ONGOING")
    host, rounds = rooms.host("web-1"), {}
    for policy in ("skip", "wait", "allow"):
        document = rooms.audit(host, mode="advise", on_running=policy)
        name = f"{rooms.name}-{policy}"
        rounds[policy] = rooms.trigger(rooms.schedule({**document, "name": name}, name))
    assert rooms.live.closed(rounds["skip"]) == rooms.live.closed(rounds["allow"]) == "COMPLETED"
    assert rooms.live.query(rounds["skip"])["sentence"].endswith("on this cloud (on_running: skip)")
    beside = f"plan/{rounds['allow']}"
    rooms.live.reaches(beside, "RECOMMENDED")
    moved = {a["parameters"].get("instance") for a in rooms.live.query(beside, "plan")["actions"]}
    assert rooms.uuids["web-1"] not in moved, "it is the running plan's"
    rooms.live.reaches(rounds["wait"], "PENDING")
    rooms.answer(plan, "cancel", abort=True, **EVE)
    assert rooms.live.closed(plan) == "CANCELED"
    assert rooms.live.closed(rounds["wait"]) == "COMPLETED"
    for id in (beside, f"plan/{rounds['wait']}"):
        rooms.live.reaches(id, "RECOMMENDED")
        rooms.answer(id, "reject", **EVE)
    rooms.unschedule(*(f"{rooms.name}-{policy}" for policy in rounds))


def _listed(rooms: Rooms, id: str, state: str) -> None:
    """Wait until Temporal's list, which lags behind, knows a plan in this state."""
    query = f'WorkflowId = "{id}" AND BallastState = "{state}"'
    rooms.live.until(lambda: id in rooms.live.cli("workflow", "list", "-q", query).stdout, "is not listed")


def test_an_audit_does_not_begin_while_a_plan_changes_its_cloud(rooms: Rooms) -> None:
    """Under `on_running: skip` it ends at once and names the plan; under `wait` it goes on afterwards."""
    plan = rooms.start({"id": "long", "type": "sleep", "parameters": {"seconds": 600}})
    _listed(rooms, plan, "ONGOING")
    for policy in ("skip", "wait"):
        document = {
            **rooms.audit("south-1", mode="advise", on_running=policy),
            "name": f"{rooms.name}-{policy}",
        }
        rooms.live.start("Audit", f"audit/{rooms.name}-{policy}", document)
    assert rooms.live.closed(f"audit/{rooms.name}-skip") == "COMPLETED"
    said = rooms.live.query(f"audit/{rooms.name}-skip")["sentence"]
    assert said == f"nothing was looked at: {plan} runs on this cloud (on_running: skip)"
    rooms.live.until(
        lambda: rooms.live.query(f"audit/{rooms.name}-wait")["sentence"].startswith(f"waits: {plan}"),
        "does not say that it waits",
    )
    assert rooms.live.query(f"audit/{rooms.name}-wait")["state"] == "PENDING"
    rooms.answer(plan, "skip_action", action="long", **EVE)
    assert rooms.live.closed(plan) == "COMPLETED"
    assert rooms.live.closed(f"audit/{rooms.name}-wait") == "COMPLETED"
    waited = f"plan/audit/{rooms.name}-wait"
    rooms.live.reaches(waited, "RECOMMENDED")
    rooms.live.update(waited, "reject", **EVE)


def test_an_audit_reckons_with_what_a_running_plan_still_moves(rooms: Rooms) -> None:
    """Under `on_running: allow` a server that another plan is going to move is left to that plan."""
    plan = rooms.start(
        {"id": "long", "type": "sleep", "parameters": {"seconds": 600}},
        rooms.move("web-1", "west-1", needs=["long"]),
    )
    _listed(rooms, plan, "ONGOING")
    id, host = f"audit/{rooms.name}", rooms.host("web-1")
    rooms.live.start("Audit", id, rooms.audit(host, mode="advise", on_running="allow"))
    assert rooms.live.closed(id) == "COMPLETED"
    rooms.live.reaches(f"plan/{id}", "RECOMMENDED")
    moved = {a["parameters"].get("instance") for a in rooms.live.query(f"plan/{id}", "plan")["actions"]}
    others = {uuid for uuid, at in rooms.home.items() if at == host} - {rooms.uuids["web-1"]}
    assert rooms.uuids["web-1"] not in moved
    assert moved & others
    rooms.live.update(f"plan/{id}", "reject", **EVE)
    rooms.live.update(plan, "cancel", abort=True, **EVE)
    rooms.live.closed(plan)
