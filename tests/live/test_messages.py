"""What people say to a plan with the stock `temporal` command, all through its life, and what it answers."""

from __future__ import annotations

import json

import pytest

from tests.live.rooms import SPEED, Rooms, close, nop, one_line, sleep, states
from tests.live.sharing import stands_still
from tests.live.stack import YAML, Live

pytestmark = pytest.mark.usefixtures("nothing_left")

MALFORMED = {
    "skip_action": (
        {"actoin": "a"},
        "action: is missing; actoin: is not known; expected",
        '"action": "<id>"',
    ),
    "approve": ({"by": 7}, "by: Input should be a valid string; expected", '"by": "…"'),
    "cancel": ([1, 2], "payload: must be a mapping; expected", '"rollback": true|false'),
    "cancel_action": ("nonsense", "payload: must be a mapping; expected", '"abort": true'),
}


def message(live: Live, verb: str, id: str, name: str, *inputs: str, meta: tuple[str, ...] = ()) -> str:
    """Send raw input by `verb`; answers what the sender reads."""
    words = ["workflow", *verb.split(), "-w", id, "--name", name]
    for one in inputs:
        words += ["--input", one]
    done = live.cli(*words, *meta)
    assert "Traceback" not in done.stderr
    return done.stderr if done.returncode else done.stdout


# -- review -------------------------------------------------------------------------------------------------


def test_an_audit_from_a_yaml_file_runs_after_approval_and_is_measured(rooms: Rooms) -> None:
    """An audit started from YAML proposes, waits, runs when approved, and reports what it measured."""
    live, audit, before = rooms.live, f"audit/{rooms.name}", rooms.journal()
    live.start("Audit", audit, rooms.audit("north-2", mode="approve", approve_within="1h"))
    plan = f"plan/{audit}"
    told = live.reaches(plan, "RECOMMENDED")
    assert set(told["actions"]) == {"disable-north-2", "migrate-scratch"}
    assert {row["why"] for row in told["actions"].values()} == {"waits for approval"}
    assert "nothing new lands there" in rooms.page(plan), "a review needs the reasons"
    assert rooms.writes(before) == []
    assert "the plan will run" in rooms.answer(plan, "approve", by="eve", reason="RAM swap")
    assert live.closed(audit) == "COMPLETED"
    assert live.closed(plan) == "COMPLETED"
    assert rooms.host("scratch") == "north-1"
    assert rooms.service("north-2")[0] == "disabled"
    report = live.query(audit)
    assert report["state"] == "SUCCEEDED"
    assert report["forecast"] == report["measured"]
    (said,) = live.query(plan)["messages"]
    assert "eve by update: approve (RAM swap)" in said


def test_a_rejected_plan_ends_without_having_run(rooms: Rooms) -> None:
    """Reject ends a RECOMMENDED plan, says who did it and why, and changes nothing."""
    id, before = rooms.start(close("south-1"), mode="approve"), rooms.journal()
    rooms.live.reaches(id, "RECOMMENDED")
    rooms.answer(id, "reject", by="eve", reason="not during the fair")
    assert rooms.live.closed(id) == "COMPLETED"
    told = rooms.live.query(id)
    assert told["state"] == "REJECTED"
    assert told["sentence"] == "rejected by eve: not during the fair"
    assert told["actions"]["close"]["why"] == "not started: rejected by eve: not during the fair"
    assert rooms.writes(before) == []


def test_a_plan_that_nobody_approves_expires(rooms: Rooms) -> None:
    """A plan without approval inside `approve_within` ends EXPIRED, which is no failure."""
    id = rooms.start(close("south-1"), mode="approve", approve_within="1s")
    assert rooms.live.closed(id) == "COMPLETED"
    told = rooms.live.query(id)
    assert told["state"] == "EXPIRED"
    assert "nobody approved it within 0:00:01" in told["sentence"]
    assert rooms.service("south-1")[0] == "enabled"


def test_an_advised_plan_outlives_its_audit_and_can_be_approved_later(rooms: Rooms) -> None:
    """In mode advise the audit ends at once, and its plan waits for whoever likes it."""
    live, audit = rooms.live, f"audit/{rooms.name}"
    live.start("Audit", audit, rooms.audit("north-2"))
    assert live.closed(audit) == "COMPLETED"
    report = live.query(audit)
    assert "RECOMMENDED" in report["sentence"]
    plan = report["plan"]
    live.reaches(plan, "RECOMMENDED")
    rooms.answer(plan, "approve", by="eve")
    assert live.closed(plan) == "COMPLETED"
    assert live.query(plan)["state"] == "SUCCEEDED"
    assert rooms.host("scratch") == "north-1"


def test_an_audit_runs_as_a_schedule(rooms: Rooms) -> None:
    """A Schedule made from YAML by the stock CLI starts the audit under its own id."""
    live = rooms.live
    nightly = rooms.schedule(rooms.audit("north-2", mode="auto"), "nightly")
    audit = rooms.trigger(nightly)
    assert audit.startswith("audit/nightly-")
    assert live.closed(audit) == "COMPLETED"
    assert live.query(f"plan/{audit}")["state"] == "SUCCEEDED"
    assert rooms.host("scratch") == "north-1"
    rooms.unschedule(nightly)


def listed(live: Live, query: str) -> list[str]:
    done = live.cli("workflow", "list", "--query", query, "-o", "json")
    assert done.returncode == 0, done.stderr
    return [row["execution"]["workflowId"] for row in json.loads(done.stdout or "[]")]


# -- a running plan -----------------------------------------------------------------------------------------


def test_actions_of_a_running_plan_are_skipped_by_update_and_by_signal(rooms: Rooms) -> None:
    """A skip reaches a running plan both ways, and what needs the skipped action does not start."""
    live = rooms.live
    rooms.speed(0.5)
    id = rooms.start(
        rooms.move("web-1", "south-1", id="now"),
        nop("left", needs=["now"]),
        nop("after-left", needs=["left"]),
        nop("right", needs=["now"]),
        nop("after-right", needs=["right"]),
        nop("kept", needs=["now"]),
    )
    stands_still(rooms, "web-1")
    assert "left will not run" in rooms.answer(id, "skip_action", action="left", by="eve", reason="not now")
    assert live.signal(id, "skip_action", '{"action": "right", "reason": "nor this"}').returncode == 0
    rooms.speed(SPEED)
    assert live.closed(id) == "COMPLETED"
    told = live.query(id)
    assert states(told) == {
        "now": "SUCCEEDED",
        "left": "SKIPPED(person)",
        "after-left": "SKIPPED(dependency)",
        "right": "SKIPPED(person)",
        "after-right": "SKIPPED(dependency)",
        "kept": "SUCCEEDED",
    }
    assert told["actions"]["left"]["why"] == "skipped by eve: not now"
    assert told["actions"]["right"]["why"] == "skipped by somebody: nor this"
    assert "needs left" in told["actions"]["after-left"]["why"]
    assert told["state"] == "SUCCEEDED"


def test_skipping_a_running_migration_takes_the_server_back(rooms: Rooms) -> None:
    """A skip of a running live migration aborts it in Nova: the server stays where it was, in service."""
    rooms.speed(0.5)
    id = rooms.start(rooms.move("web-1", "south-1"), nop("after", needs=["web-1"]))
    rooms.is_moving("web-1")
    said = rooms.answer(id, "skip_action", action="web-1", by="eve", reason="busy hour")
    assert "is being aborted" in said
    assert rooms.live.closed(id) == "COMPLETED"
    told = rooms.live.query(id)
    assert states(told) == {"web-1": "SKIPPED(person)", "after": "SKIPPED(dependency)"}
    why = told["actions"]["web-1"]["why"]
    assert why.startswith("skipped by eve: busy hour; live migration ")
    assert why.endswith(" was aborted; the server is ACTIVE on north-1")
    server = rooms.server("web-1")
    assert (server["host"], server["status"], server["task_state"]) == ("north-1", "ACTIVE", None)


def test_a_running_action_that_cannot_be_aborted_is_not_skipped(rooms: Rooms) -> None:
    """A skip of a running action that cannot be aborted is refused with what to do instead."""
    live = rooms.live
    live.sim("faults", {"api": {"effect": "latency", "seconds": 10, "method": "PUT", "path": "os-services"}})
    id = rooms.start(close("south-1"))
    live.action(id, "close", "ONGOING")
    said = rooms.refusal(id, "skip_action", {"action": "close"})
    assert "close is running and cannot be aborted; roll it back afterwards" in said
    assert live.closed(id) == "COMPLETED"


def test_pause_holds_what_has_not_begun_until_resume(rooms: Rooms) -> None:
    """A paused plan lets run what runs, starts nothing new, says so, and goes on when told."""
    live = rooms.live
    rooms.speed(0.5)
    id = rooms.start(rooms.move("web-1", "south-1", id="now"), nop("next", needs=["now"]))
    stands_still(rooms, "web-1")
    rooms.answer(id, "pause", by="eve", reason="lunch")
    rooms.speed(SPEED)
    live.action(id, "now", "SUCCEEDED")
    told = live.query(id)
    assert told["state"] == "PAUSED"
    assert told["actions"]["next"] == {"state": "PENDING", "why": "waits for resume"}
    assert listed_soon(live, f'BallastState="PAUSED" AND WorkflowId="{id}"', id)
    rooms.answer(id, "resume")
    assert live.closed(id) == "COMPLETED"
    assert states(live.query(id)) == {"now": "SUCCEEDED", "next": "SUCCEEDED"}


def listed_soon(live: Live, query: str, id: str) -> bool:
    """Visibility follows within a second or so."""
    return bool(live.until(lambda: id in listed(live, query), f"{query} does not list {id}"))


def test_one_action_is_cancelled_and_what_needs_it_with_it(rooms: Rooms) -> None:
    """Cancelling one waiting and one running action leaves the others alone and ends the plan Canceled."""
    live = rooms.live
    rooms.speed(0.5)
    now = rooms.move("web-1", "south-1", id="now")
    id = rooms.start(sleep("long", 600), now, nop("next", needs=["now"]), nop("last", needs=["next"]))
    stands_still(rooms, "web-1")
    live.action(id, "long", "ONGOING")
    rooms.answer(id, "cancel_action", action="next", by="eve", reason="enough")
    rooms.answer(id, "cancel_action", action="long", by="eve", reason="too long")
    rooms.speed(SPEED)
    assert live.closed(id) == "CANCELED"
    told = live.query(id)
    assert states(told) == {
        "long": "CANCELLED(person)",
        "now": "SUCCEEDED",
        "next": "CANCELLED(person)",
        "last": "CANCELLED",
    }
    assert told["actions"]["next"]["why"] == "cancelled by eve: enough"
    assert told["actions"]["long"]["why"].startswith("cancelled by eve: too long; woken ")


# -- what is refused, and where people see it ----------------------------------------------------------------


def test_a_finished_plan_refuses_every_message(rooms: Rooms) -> None:
    """Whatever is sent to a plan that has ended, the sender gets exit status 1 and a clear sentence."""
    id, live = rooms.start(nop("only")), rooms.live
    assert live.closed(id) == "COMPLETED"
    for name in ("approve", "reject", "pause", "resume", "cancel", "roll_back"):
        assert "workflow execution already completed" in rooms.refusal(id, name, {"by": "eve"})
    for name in ("skip_action", "cancel_action"):
        assert "workflow execution already completed" in rooms.refusal(id, name, {"action": "only"})
    signal = live.signal(id, "skip_action", '{"action": "only"}')
    assert signal.returncode == 1
    assert "workflow execution already completed" in one_line(signal.stderr)
    assert live.query(id)["state"] == "SUCCEEDED"


def test_malformed_and_senseless_updates_are_refused_with_what_is_expected(rooms: Rooms) -> None:
    """An update that cannot be obeyed is answered by exit status 1 and one line: path, trouble, form."""
    id, live = rooms.start(close("south-1"), mode="approve"), rooms.live
    live.reaches(id, "RECOMMENDED")
    for name, (payload, trouble, form) in MALFORMED.items():
        said = rooms.refusal(id, name, payload if not isinstance(payload, str) else json.dumps(payload))
        assert f"{name}: {trouble}" in said
        assert form in said
    assert "no action 'nope' in this plan; its actions: close" in rooms.refusal(
        id, "skip_action", {"action": "nope"}
    )
    assert "the plan is RECOMMENDED, not running" in rooms.refusal(id, "pause", {})
    assert "known updates: [approve cancel" in rooms.refusal(id, "explode", {})
    broken = message(live, "update execute", id, "skip_action", "action: [", meta=YAML)
    assert "skip_action: input:" in one_line(broken)
    assert "is not YAML" in broken
    twice = message(live, "update execute", id, "skip_action", '{"action": "close"}', '{"action": "close"}')
    assert "takes one input, 2 were given" in one_line(twice)
    assert live.query(id)["rejected_messages"] in ([], None), "the sender knows; the page need not tell"
    rooms.answer(id, "reject")
    assert live.closed(id) == "COMPLETED"


def test_malformed_and_senseless_signals_are_recorded_where_people_see_them(rooms: Rooms) -> None:
    """A signal cannot answer, so its refusal stands in `status` and on the page, and the plan goes on."""
    id, live = rooms.start(close("south-1"), mode="approve"), rooms.live
    live.reaches(id, "RECOMMENDED")
    sent: list[tuple[str, tuple[str, ...], tuple[str, ...], str]] = [
        ("skip_action", ('{"actoin": "a"}',), (), "signal skip_action: action: is missing"),
        ("skip_action", ('{"action": "nope"}',), (), "signal skip_action: no action 'nope' in this plan"),
        ("skip_action", ("action: [",), YAML, "signal skip_action: input:"),
        ("skip_action", ('{"action": "a"}', "{}"), (), "signal skip_action: takes one input, 2 were given"),
        ("pause", ("x",), ("--input-meta", "encoding=x/y"), "signal pause: unknown encoding 'x/y'"),
        ("approve", ("{}",), (), "signal approve: by: is missing"),
        ("resume", (), (), "signal resume: the plan is RECOMMENDED, not running"),
        ("explode", ("{}",), (), "signal 'explode' is unknown; known: approve, reject,"),
    ]
    for name, inputs, meta, _ in sent:
        assert "Signal workflow succeeded" in message(live, "signal", id, name, *inputs, meta=meta)
    told = live.query(id)["rejected_messages"]
    page = rooms.page(id)
    assert len(told) == len(sent)
    for (_, _, _, expected), line in zip(sent, told):
        assert expected in line
        assert expected in page
    message(live, "signal", id, "approve", '{"by": "eve"}')
    assert live.closed(id) == "COMPLETED"
    assert rooms.service("south-1")[0] == "disabled", "a good signal is obeyed after all the bad ones"


def test_messages_to_an_audit_are_answered_with_where_they_belong(rooms: Rooms) -> None:
    """Whoever approves the audit instead of its plan is told so, by the answer or on the audit's page."""
    live, audit = rooms.live, f"audit/{rooms.name}"
    live.start("Audit", audit, rooms.audit("north-2", mode="approve"))
    live.reaches(f"plan/{audit}", "RECOMMENDED")
    sentence = f"an audit takes no messages; send it to its plan, plan/{audit}"
    assert f"approve: {sentence}" in rooms.refusal(audit, "approve", {"by": "eve"})
    assert live.signal(audit, "approve", '{"by": "eve"}').returncode == 0
    (told,) = live.query(audit)["rejected_messages"]
    assert told.endswith(f"signal 'approve': {sentence}")
    assert told in rooms.page(audit)
    rooms.answer(f"plan/{audit}", "reject")
    assert live.closed(audit) == "COMPLETED"


def test_the_page_shows_what_runs_now(rooms: Rooms) -> None:
    """The page of the UI is not behind: an action that runs stands there as ONGOING."""
    id = rooms.start(nop("first"), sleep("second", 60, needs=["first"]))
    rooms.live.action(id, "second", "ONGOING")
    assert "| first | SUCCEEDED | nop |" in rooms.page(id)
    assert "| second | ONGOING | sleep seconds=60 |" in rooms.page(id)
    rooms.answer(id, "cancel", abort=True)
    assert rooms.live.closed(id) == "CANCELED"
    assert "| second | CANCELLED | sleep seconds=60 | cancel asked for; woken " in rooms.page(id)


def test_the_page_of_a_large_plan_shows_what_there_is_to_decide_on(rooms: Rooms) -> None:
    """A reviewer of more actions than fit on a page sees the first with reasons, and how many follow."""
    rows = [nop(f"n{i}", reason=f"because of {i}") for i in range(100)]
    id = rooms.start(*rows, mode="approve")
    rooms.live.reaches(id, "RECOMMENDED")
    page = rooms.page(id)
    assert "| n0 | PENDING | nop | because of 0 |" in page
    assert "| … | 40 more | | |" in page
    rooms.answer(id, "approve", by="eve")
    assert rooms.live.closed(id) == "COMPLETED"
    assert "SUCCEEDED 100" in rooms.page(id)


def test_search_attributes_find_plans_by_what_they_are(rooms: Rooms) -> None:
    """`temporal workflow list` finds a plan by state, cloud, and how many actions failed or were skipped."""
    live, mine = rooms.live, f'WorkflowId="plan/{rooms.name}"'
    id = rooms.start(nop("skipped"), nop("kept"), mode="approve")
    assert listed_soon(live, f'BallastState="RECOMMENDED" AND BallastWaitingFor="approval" AND {mine}', id)
    rooms.answer(id, "skip_action", action="skipped")
    rooms.answer(id, "approve", by="eve")
    assert live.closed(id) == "COMPLETED"
    found = f'BallastState="SUCCEEDED" AND BallastCloud="simcloud" AND BallastSkippedActions=1 AND {mine}'
    assert listed_soon(live, found, id)
    assert listed(live, f'BallastState="RECOMMENDED" AND {mine}') == []
    assert listed(live, f"BallastFailedActions>0 AND {mine}") == []
