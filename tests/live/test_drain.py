"""Somebody closes a host behind the plan of a drain: what is still moved, who is left, what is said of it."""

from __future__ import annotations

import pytest

from deploy import cli
from tests.live.rooms import Rooms, before_it_runs, one_line, states

pytestmark = pytest.mark.usefixtures("nothing_left")


def test_a_host_that_is_disabled_already_is_drained_and_stays_disabled(rooms: Rooms) -> None:
    """Whoever disabled the host first keeps it so: the drain goes on, and its undo does not enable it."""
    live, audit = rooms.live, f"audit/{rooms.name}"
    live.start("Audit", audit, rooms.audit("north-2", mode="approve"))
    id = f"plan/{audit}"
    with before_it_runs(rooms, id):
        live.sim("hosts/north-2/disable", {"reason": "fan is loud"})
    assert live.closed(id) == "COMPLETED"
    told = live.query(id)
    assert states(told) == {"disable-north-2": "SKIPPED(already)", "migrate-scratch": "SUCCEEDED"}
    assert rooms.host("scratch") == "north-1"
    assert live.closed(audit) == "COMPLETED"
    asked = rooms.roll_back(id)
    assert live.closed(asked) == "FAILED", "its own host is closed to it"
    assert "north-2 is disabled (fan is loud)" in one_line(rooms.failure(asked)[1])
    assert rooms.service("north-2") == ("disabled", "fan is loud")


def test_a_host_that_a_drain_left_not_empty_is_told(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is skipped counts as success; the audit's end says who is left, and measures it; `explain` begins
    with what became of an action."""
    for name, value in rooms.live.stack.environment.items():
        monkeypatch.setenv(name, value)
    live, audit = rooms.live, f"audit/{rooms.name}"
    live.start("Audit", audit, rooms.audit("north-2", mode="approve"))
    id = f"plan/{audit}"
    with before_it_runs(rooms, id):
        live.sim("hosts/north-1/disable", {"reason": "fan is loud"})
    assert live.closed(id) == "COMPLETED"
    assert states(live.query(id))["migrate-scratch"] == "SKIPPED(precondition)"
    assert "forecast instances_left 0 (bound 0, gap 0.00%)" in rooms.page(id).replace("\\", "")
    assert cli.run(["explain", id, "--action", "migrate-scratch"]) == 0
    first, second, third = capsys.readouterr().out.splitlines()[:3]
    assert first.startswith("the plan is SUCCEEDED: ")
    assert second.startswith("migrate-scratch: SKIPPED (precondition): ")
    assert "north-1 is disabled (fan is loud)" in second
    assert third.startswith("  planned  migrate, expected to take ")
    assert live.closed(audit) == "COMPLETED"
    told = live.query(audit)
    assert "; north-2 is not empty: 1 instance is left (scratch); see the plan for" in told["sentence"]
    assert (told["forecast"]["instances_left"], told["measured"]["instances_left"]) == (0, 1)
    assert "| instances_left | 0 | 1 |" in rooms.page(audit)


def test_an_action_that_is_skipped_before_the_approval_is_explained_so(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a plan that waits for approval `explain` tells what was decided, and who has skipped an action."""
    for name, value in rooms.live.stack.environment.items():
        monkeypatch.setenv(name, value)
    live, id = rooms.live, f"plan/audit/{rooms.name}"
    live.start("Audit", f"audit/{rooms.name}", rooms.audit("north-2", mode="approve"))
    live.reaches(id, "RECOMMENDED")
    words = ["explain", id, "--action", "migrate-scratch"]
    assert cli.run(words) == 0
    assert capsys.readouterr().out.startswith("migrate-scratch: migrate, expected to take ")
    rooms.answer(id, "skip_action", action="migrate-scratch", by="eve", reason="not now")
    assert cli.run(words) == 0
    first, second = capsys.readouterr().out.splitlines()[:2]
    assert first.startswith("the plan is RECOMMENDED: ")
    assert second == "migrate-scratch: SKIPPED (person): skipped by eve: not now"
    rooms.answer(id, "reject", by="eve", reason="seen enough")
    assert live.closed(id) == "COMPLETED"
