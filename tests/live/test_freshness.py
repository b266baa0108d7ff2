"""Nothing is done on an outdated picture: plans after drift, ages of snapshots, dry runs, records that
outlive their workflow, and what a terminated plan left."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from tests.live.rooms import Rooms, close, nop, one_line, sleep, states
from tests.live.stack import Live

pytestmark = pytest.mark.usefixtures("nothing_left")


def audited(rooms: Rooms, document: Mapping[str, Any], *, id: str = "") -> str:
    """Start an audit; answers its id."""
    id = id or f"audit/{rooms.name}"
    rooms.live.start("Audit", id, document)
    return id


def looking(rooms: Rooms, name: str, **more: Any) -> dict[str, Any]:
    """An audit that only looks, of a name of its own."""
    execution = {"on_running": "allow", **more.pop("execution", {})}
    audit = {**rooms.audit("north-2", **execution), "name": name, "strategy": "dummy", "parameters": {}}
    return {**audit, **more}


def test_the_summary_of_an_audit_that_advises_ends_once(rooms: Rooms) -> None:
    """A sentence that goes on after it has no full stop in its middle."""
    id = audited(rooms, looking(rooms, rooms.name))
    assert rooms.live.closed(id) == "COMPLETED"
    assert f"nothing in the cloud changes; plan/{id} is RECOMMENDED" in rooms.live.query(id)["sentence"]
    rooms.answer(f"plan/{id}", "reject", by="ann")


# -- a new plan after drift ---------------------------------------------------------------------------------


def drift(rooms: Rooms, plan: str, server: str = "") -> None:
    """A server, or the one that moves first, is elsewhere by the time the plan is approved."""
    rooms.live.reaches(plan, "RECOMMENDED")
    moves = [row for row in rooms.live.query(plan, "plan")["actions"] if row["type"] == "migrate"]
    names = {uuid: name for name, uuid in rooms.uuids.items()}
    first = max(moves, key=lambda row: row.get("priority", 0))
    chosen = next((m for m in moves if names[m["parameters"]["instance"]] == server), first)["parameters"]
    rooms.put(names[chosen["instance"]], "west-1" if chosen["destination"] != "west-1" else "south-1")
    rooms.answer(plan, "approve", by="eve")


def test_an_audit_plans_again_after_drift_and_moves_nothing_twice(rooms: Rooms) -> None:
    """The plan ends SUPERSEDED, the next one drains the rest, the audit names both."""
    live, before = rooms.live, rooms.journal()
    audit = audited(rooms, rooms.audit("north-1", mode="approve", on_drift="replan", limits={"parallel": 1}))
    first, second = f"plan/{audit}", f"plan/{audit}/2"
    drift(rooms, first, "web-3")
    assert live.closed(first) == "COMPLETED", "nothing failed"
    told = live.query(first)
    assert told["state"] == "SUPERSEDED"
    assert told["sentence"].startswith(
        "the cloud changed under migrate-web-3: host: expected north-1, found "
    )
    assert told["sentence"].endswith("are done and stay, its audit is to plan again")
    live.reaches(second, "RECOMMENDED")
    rooms.answer(second, "approve", by="eve")
    assert live.closed(second) == "COMPLETED"
    assert live.closed(audit) == "COMPLETED"
    report = live.query(audit)
    assert [row["plan"] for row in report["rounds"]] == [first, second]
    assert [row["state"] for row in report["rounds"]] == ["SUPERSEDED", "SUCCEEDED"]
    assert first in report["sentence"]
    assert second in report["sentence"]
    assert second in rooms.page(audit)
    home = [name for name, uuid in rooms.uuids.items() if rooms.home[uuid] == "north-1"]
    moved = [name for name in home if rooms.accepted_moves(name, before) == 1]
    assert set(home) - set(moved) == {"web-3"}, "it was gone already"
    assert "north-1" not in live.where().values()
    done = [live.query(plan)["counts"].get("SUCCEEDED", 0) for plan in (first, second)]
    assert report["counts"]["SUCCEEDED"] == sum(done)
    assert "CANCELLED" not in report["counts"], "what the first gave up is the second's"


def test_what_a_person_skipped_stays_where_it_is_in_the_next_round_too(rooms: Rooms) -> None:
    """A skip is said of the server, not of the plan: the plan after drift does not move it either."""
    live = rooms.live
    audit = audited(rooms, rooms.audit("north-1", mode="approve", on_drift="replan", limits={"parallel": 1}))
    first, second = f"plan/{audit}", f"plan/{audit}/2"
    live.reaches(first, "RECOMMENDED")
    rooms.answer(first, "skip_action", action="migrate-web-2", by="eve", reason="backup")
    drift(rooms, first, "web-3")
    assert live.closed(first) == "COMPLETED"
    live.reaches(second, "RECOMMENDED")
    again = live.query(second, "plan")["actions"]
    assert rooms.uuids["web-2"] not in {row["parameters"].get("instance") for row in again}
    rooms.answer(second, "reject", by="eve")
    assert live.closed(audit) == "COMPLETED"
    assert rooms.host("web-2") == "north-1"


def test_planning_again_has_an_end(rooms: Rooms) -> None:
    """With `replans: 1` the second drift ends the audit FAILED, and the sentence says so."""
    live = rooms.live
    execution = {"mode": "approve", "on_drift": "replan", "replans": 1, "limits": {"parallel": 1}}
    audit = audited(rooms, rooms.audit("north-1", **execution))
    drift(rooms, f"plan/{audit}")
    drift(rooms, f"plan/{audit}/2")
    assert live.closed(audit) == "FAILED"
    kind, said = rooms.failure(audit)
    assert kind == "AuditFailed"
    assert "it was planned again once, and more is not allowed (replans: 1)" in one_line(said)


def test_a_plan_by_hand_cannot_be_planned_again(rooms: Rooms) -> None:
    """A plan without an audit refuses `replan` at once, with the remedy, in its form and at its start."""
    id = rooms.start(nop("a"), on_drift="replan")
    assert rooms.live.closed(id) == "FAILED"
    said = one_line(rooms.failure(id)[1])
    assert "a plan by hand has none" in said
    assert "take skip or stop" in said
    orphan = {**rooms.plan(nop("a"), on_drift="replan"), "audit": "audit/never-was"}
    rooms.live.start("ActionPlan", f"{id}-2", orphan)
    assert rooms.live.closed(f"{id}-2") == "FAILED"
    assert "needs an audit that waits for this plan" in one_line(rooms.failure(f"{id}-2")[1])


# -- the age of a snapshot ----------------------------------------------------------------------------------


def collections(rooms: Rooms, since: int) -> int:
    """How often all hosts were listed."""
    lines = rooms.live.sim(f"journal?since={since}")["lines"]
    return sum(line["event"] == "processed" and "/os-hypervisors" in line["path"] for line in lines)


def turned_down(rooms: Rooms, plan: str) -> None:
    """The plan of an audit that only looks, which ends before its plan has been checked."""
    rooms.live.reaches(plan, "RECOMMENDED")
    rooms.answer(plan, "reject", by="eve")


def observed(rooms: Rooms, name: str, **more: Any) -> str:
    audit = audited(rooms, looking(rooms, name, **more), id=f"audit/{name}")
    assert rooms.live.closed(audit) == "COMPLETED"
    turned_down(rooms, f"plan/{audit}")
    return str(rooms.live.query(audit)["observed"])


def test_a_young_snapshot_is_used_again_only_by_whom_that_is_right_for(rooms: Rooms) -> None:
    """`max_age` reuses a snapshot and says its age; without it, with `refresh`, after an action it is new."""
    assert observed(rooms, "look-1").endswith(", new")
    time.sleep(1)
    before = rooms.journal()
    told = observed(rooms, "look-2", max_age="10m")
    assert re.fullmatch(r"snapshot of \d\d:\d\d:\d\d, \d+ s old, reused", told), told
    assert collections(rooms, before) == 0
    assert told in rooms.page("audit/look-2")
    assert observed(rooms, "look-3").endswith(", new"), "the default"
    assert observed(rooms, "look-4", refresh=True).endswith(", new")
    id = rooms.start(rooms.move("web-1", "south-1"))
    assert rooms.live.closed(id) == "COMPLETED"
    assert observed(rooms, "look-5", max_age="10m").endswith(", new"), "the old one shows web-1 elsewhere"


def test_whoever_approves_late_is_told_the_age_of_the_snapshot(rooms: Rooms) -> None:
    """A plan whose snapshot is older than its audit's `max_age` may run; the answer tells."""
    audit = audited(rooms, {**rooms.audit("north-2", mode="approve"), "max_age": "1s"})
    rooms.live.reaches(f"plan/{audit}", "RECOMMENDED")
    time.sleep(2)
    said = rooms.answer(f"plan/{audit}", "approve", by="eve")
    assert "max_age is 0:00:01: each action is checked again before it starts" in said
    assert rooms.live.closed(audit) == "COMPLETED"


# -- dry run ------------------------------------------------------------------------------------------------


def test_a_dry_run_goes_all_the_way_and_sends_nothing(rooms: Rooms) -> None:
    """Audit and plan succeed, every action says what it would have sent, the journal has only reading."""
    live, before = rooms.live, rooms.journal()
    audit = audited(rooms, rooms.audit("north-1", mode="auto", dry_run=True))
    assert live.closed(audit) == "COMPLETED"
    assert rooms.writes(before) == []
    assert rooms.at_home()
    told = live.query(f"plan/{audit}")
    assert set(states(told).values()) == {"SUCCEEDED"}
    assert {row["why"] for row in told["actions"].values()} == {"(dry run) nothing was sent"}
    assert told["sentence"].startswith("DRY RUN: ")
    for page in (rooms.page(f"plan/{audit}"), rooms.page(audit)):
        assert "DRY RUN" in page.strip().splitlines()[0]
    record = live.query(f"plan/{audit}", "record")
    sent = [order for row in record["actions"].values() for order in row["evidence"]["requests"]]
    assert len(sent) == len(told["actions"])
    assert {order["method"] for order in sent} == {"POST", "PUT"}
    history = live.cli("workflow", "show", "-w", f"plan/{audit}", "-o", "json").stdout
    assert set(re.findall(r'"(act[a-z.]*)"', history)) == {"act.rehearse"}, "no old worker takes that on"
    assert "nothing was changed, so nothing was measured" in live.query(audit)["sentence"]
    asked = rooms.roll_back(f"plan/{audit}")
    assert live.closed(asked) == "FAILED"
    assert "was a dry run: it changed nothing" in one_line(rooms.failure(asked)[1])


def test_a_dry_run_is_undone_dry(rooms: Rooms) -> None:
    """`roll_back` of a dry run rehearses the way back too, and sends nothing there either."""
    live, before = rooms.live, rooms.journal()
    id = rooms.start(
        close("north-1"),
        rooms.move("web-1", "south-1", needs=["close"]),
        rooms.move("web-1", "south-2", id="onward", source="south-1", needs=["web-1"], expects=AT_SOUTH_1),
        sleep("rest", 60, needs=["onward"]),
        dry_run=True,
    )
    live.action(id, "rest", "ONGOING")
    rooms.answer(id, "roll_back", by="eve", reason="seen enough", abort=True)
    assert live.closed(id) == "FAILED"
    told = live.query(id)
    assert told["state"] == "ROLLED_BACK"
    assert states(told) == {
        "close": "REVERTED",
        "web-1": "REVERTED",
        "onward": "REVERTED",
        "rest": "REVERTED",
    }
    assert rooms.writes(before) == []


AT_SOUTH_1 = {"host": "south-1", "status": "ACTIVE", "task_state": None, "locked": False, "flavor": "small"}


# -- how long a plan can be rolled back ---------------------------------------------------------------------


def test_a_rollback_after_its_window_is_refused(rooms: Rooms) -> None:
    """After `rollback_window` the refusal says when the plan ended and how long its window was."""
    id = rooms.start(rooms.move("web-1", "south-1"), rollback_window="1s")
    assert rooms.live.closed(id) == "COMPLETED"
    time.sleep(2)
    before = rooms.journal()
    asked = rooms.roll_back(id)
    assert rooms.live.closed(asked) == "FAILED"
    assert "its rollback_window is 0:00:01" in one_line(rooms.failure(asked)[1])
    assert rooms.writes(before) == []


def test_a_plan_that_temporal_has_forgotten_is_rolled_back_from_its_kept_record(rooms: Rooms) -> None:
    """The workers keep the record for the window, whatever the namespace's retention."""
    live = rooms.live
    id = rooms.start(rooms.move("web-1", "south-1"))
    assert live.closed(id) == "COMPLETED"
    assert live.cli("workflow", "delete", "-w", id, "--yes").returncode == 0
    live.until(lambda: live.cli("workflow", "describe", "-w", id).returncode != 0, "it is not forgotten", 240)
    asked = rooms.roll_back(id)
    assert live.closed(asked) == "COMPLETED", rooms.page(asked)
    assert rooms.at_home()


# -- what a terminated plan left ----------------------------------------------------------------------------


def lists(live: Live, query: str, id: str) -> bool:
    return id in live.cli("workflow", "list", "--query", query).stdout


def test_the_next_audit_tells_what_a_terminated_plan_left_and_opens_its_host(rooms: Rooms) -> None:
    """Whoever may only advise names it; whoever may act opens the host again by a plan of its own."""
    live, reason = rooms.live, f"ballast: {rooms.name}"
    rooms.speed(0.2)
    kept = f"plan/{rooms.name}-kept"
    live.start("ActionPlan", kept, rooms.plan(close("west-1", reason=reason), mode="approve"))
    live.reaches(kept, "RECOMMENDED")
    id = rooms.start(
        close("north-1", reason=reason),
        rooms.move("web-1", "south-1", needs=["close"]),
        close("south-2", id="other", reason=reason),
        close("west-1", id="both", reason=reason),
        rooms.move("web-2", "south-1", needs=["web-1", "other", "both"]),
    )
    rooms.is_moving("web-1")
    live.action(id, "other", "SUCCEEDED")
    live.action(id, "both", "SUCCEEDED")
    assert live.cli("workflow", "terminate", "-w", id).returncode == 0
    rooms.answer(kept, "approve", by="eve")
    assert live.closed(kept) == "COMPLETED", "it began before, and finds its host closed"
    live.sim("hosts/south-2/disable", {"reason": "an operator took it over"})
    rooms.speed(40)
    live.sim("settle", {})
    for ended, how in ((id, "Terminated"), (kept, "Completed")):  # lists of workflows lag behind
        query = f"WorkflowId = '{ended}' AND ExecutionStatus = '{how}'"
        live.until(partial(lists, live, query, ended), f"{ended} is not listed as {how}")
    looked = audited(rooms, looking(rooms, "advise-only"), id="audit/advise-only")
    assert live.closed(looked) == "COMPLETED"
    turned_down(rooms, f"plan/{looked}")
    said = "\n".join(live.query(looked)["earlier"])
    assert f"{id} was terminated: web-1 was ONGOING; now: host south-1, status ACTIVE" in said
    assert "north-1 is still disabled" in said
    assert "south-2" not in said, "it bears somebody else's reason"
    assert "not opened again, for that an audit has to run in mode auto" in said
    assert rooms.service("north-1")[0] == "disabled"

    acted = audited(rooms, looking(rooms, "acts", execution={"mode": "auto"}), id="audit/acts")
    assert live.closed(acted) == "COMPLETED"
    assert rooms.service("north-1") == ("enabled", None)
    assert rooms.service("south-2") == ("disabled", "an operator took it over")
    assert rooms.service("west-1") == ("disabled", reason), "another plan keeps it closed"
    told = "\n".join(live.query(acted)["earlier"])
    assert f"plan/clean-up/{live.stack.cloud}, which opens north-1 again: SUCCEEDED" in told
    assert "web-1 was ONGOING" in told, "it is the next one that says so again, for the host was still closed"

    third = audited(rooms, looking(rooms, "third"), id="audit/third")
    assert live.closed(third) == "COMPLETED"
    turned_down(rooms, f"plan/{third}")
    assert "earlier" not in live.query(third), "said once, and nothing is left"
    back = rooms.roll_back(id, allow_partial=True)
    assert live.closed(back) == "COMPLETED", "a rollback of the terminated plan, but for what is not its own"
    assert rooms.at_home()
