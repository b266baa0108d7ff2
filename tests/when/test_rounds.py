"""The rounds of one audit: what they are called, what they count, when they end."""

from __future__ import annotations

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from plan_schemas.plan import Limits, PlanState, Touches
from tests.when.plans import action, plan
from workflows.plan import status
from workflows.plan.control import Control
from workflows.plan.rounds import Ending, Rounds
from workflows.progress import Progress
from workflows.sharing.leave import Leave
from workflows.stages.cancelling import Cancelling
from workflows.stages.dispatch import Dispatch
from workflows.wire.messages import CANCEL_ACTION, HOLD_ACTION, SKIP_ACTION, CancelAction, OnAction


def superseded(done: int, left: int) -> Ending:
    return {
        "state": "SUPERSEDED",
        "sentence": "DRY RUN: the cloud changed",
        "counts": {"SUCCEEDED": done, "SKIPPED": 1, "CANCELLED": left},
        "drift": "the cloud changed",
        "moved": done,
    }


def audit(**parameters: Any) -> dict[str, Any]:
    return {"parameters": parameters, "scope": {"exclude": {"instances": ["lead"], "hosts": ["h9"]}}}


@given(st.lists(st.integers(0, 9), min_size=1, max_size=8), st.integers(1, 5), st.integers(1, 20))
def test_no_round_gives_an_audit_more_than_it_may(moves: list[int], most: int, max_moves: int) -> None:
    """Over all rounds never more plans than `replans` allows, nor more moves than `max_moves`."""
    rounds, asked = Rounds("audit/a", most), audit(max_moves=max_moves)
    made = 0
    for wanted in moves:
        done = min(wanted, rounds.left(asked)["parameters"]["max_moves"])
        rounds.note(superseded(done, 3), {})
        made += done
        assert made <= max_moves
        if why := rounds.obstacle(asked):
            assert len(rounds.told) == most + 1 or made == max_moves, why
            break
    assert len(rounds.told) <= most + 1
    assert rounds.counts.get("SUCCEEDED", 0) == made
    assert len(set(rounds.ids)) == len(rounds.ids)


def test_rounds_are_told_in_order() -> None:
    rounds = Rounds("audit/a", 3)
    rounds.note(superseded(2, 3), {})
    assert rounds.again
    assert rounds.plan_id == "plan/audit/a/2"
    rounds.note({"state": "SUCCEEDED", "sentence": "3 actions done", "counts": {"SUCCEEDED": 3}}, {})
    assert not rounds.again
    assert rounds.ids == ["plan/audit/a", "plan/audit/a/2"]
    assert rounds.counts == {"SUCCEEDED": 5}
    assert rounds.sentence == (
        "plan/audit/a SUPERSEDED: the cloud changed; plan/audit/a/2 SUCCEEDED: 3 actions done"
    )
    assert rounds.left(audit(x=1)) == audit(x=1)


def test_what_a_person_left_out_stays_left_out_in_every_later_round() -> None:
    """Skipped, cancelled or held, running or not: the next plan of an `auto` audit would move it unasked."""
    move = {id: action(id, touches=Touches(instance=f"vm-{id}", out="h1", into="h2")) for id in "abcdef"}
    control = Control(lambda id: None)
    progress = control.progress = Progress(plan(*move.values(), action("g"), limits=Limits(parallel=1)))
    control.turn(PlanState.ONGOING, "test")
    assert progress.startable() == ["a"]
    for command, id in ((SKIP_ACTION, "b"), (CANCEL_ACTION, "c"), (HOLD_ACTION, "d"), (SKIP_ACTION, "g")):
        control.obey(command, OnAction(action=id, by="eve"), "update", "10:00")
    control.obey(CANCEL_ACTION, CancelAction(action="a", abort=True, by="eve"), "update", "10:01")
    cancelling = Cancelling(control, lambda: None)
    dispatch = Dispatch(progress, Leave("p", "r", "c"), control.left_out, cancelling, lambda: False)
    dispatch._cancelled("a", "was aborted", {})
    progress.stop("the cloud changed under e")
    rounds = Rounds("audit/a", 3)
    rounds.note(cast(Ending, status.report(PlanState.SUPERSEDED, "", progress, "e is elsewhere")), {})
    rounds.note({**superseded(1, 0), "spared": ["vm-b", "vm-x"]}, {})
    left = rounds.left(audit())["scope"]["exclude"]
    assert left == {"hosts": ["h9"], "instances": ["lead", "vm-a", "vm-b", "vm-c", "vm-d", "vm-x"]}
