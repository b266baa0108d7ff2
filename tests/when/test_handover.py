"""What a run of a plan hands over to the next one: whatever was reached goes on as if nothing had been."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import assume, given, settings
from hypothesis.stateful import initialize, rule

from plan_schemas.plan import ActionState, Plan, PlanState, SkipCause
from tests.when.plans import action, known, plan, plans
from tests.when.test_progress import Life
from workflows.plan import span
from workflows.plan.control import Control
from workflows.plan.handover import of_control, of_progress, progress_from, restore
from workflows.plan.way_back import revert, reverted, to_undo
from workflows.progress import Progress
from workflows.sharing.leave import Leave
from workflows.wire.messages import APPROVE, Cancel

S = ActionState


def passed_on(progress: Progress) -> Progress:
    """Over the wire and back."""
    return progress_from(progress.plan, json.loads(json.dumps(of_progress(progress))))


def to_the_end(progress: Progress, endings: list[ActionState]) -> list[Any]:
    """Everything that happens from here, when actions end in this way."""
    progress.paused, progress.held = False, {}
    for id in list(progress.asking):
        progress.decide(id, "fail", "")
    seen: list[Any] = []
    while not progress.over:
        seen.append(progress.startable())
        if not progress.running:
            break
        id = progress.running[0]
        progress.finish(id, endings[len(seen) % len(endings)], "boom", evidence={"seconds": 1.5})
        for asked in list(progress.asking):
            progress.decide(asked, "skip", "by eve")
    return [*seen, known(progress)]


class Relay(Life):
    """The life of a plan that is handed over at any moment at which nothing runs."""

    @initialize(drawn=plans())
    def begin(self, drawn: Plan) -> None:
        super().begin(drawn)

    @rule(data=st.data())
    def let_all_end(self, data: st.DataObject) -> None:
        for id in self.progress.running:
            self.progress.finish(id, S.SUCCEEDED, evidence={"host": "h2"})

    @rule(endings=st.lists(st.sampled_from([S.SUCCEEDED, S.FAILED, S.CANCELLED]), min_size=1, max_size=3))
    def hand_over(self, endings: list[ActionState]) -> None:
        assume(not self.progress.running)
        handed = passed_on(self.progress)
        assert known(handed) == known(self.progress)
        assert to_the_end(deepcopy(handed), endings) == to_the_end(deepcopy(self.progress), endings)
        self.progress = handed


TestRelay = Relay.TestCase
TestRelay.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)


@given(plans(), st.data())
def test_the_way_back_goes_on_where_it_was(drawn: Plan, data: st.DataObject) -> None:
    """What is being reverted, and what it was before, survives a hand-over in the middle of the way back."""
    progress = Progress(drawn)
    while not progress.over:
        progress.startable()
        for id in progress.running:
            progress.finish(id, data.draw(st.sampled_from([S.SUCCEEDED, S.FAILED])), "boom")
        for id in list(progress.asking):
            progress.decide(id, "fail", "")
    for id in to_undo(progress):
        revert(progress, id)
    handed = passed_on(progress)
    assert known(handed) == known(progress)
    for id in to_undo(progress):
        undo = data.draw(st.sampled_from([S.SUCCEEDED, S.FAILED]))
        for one in (progress, handed):
            one.standing["undo"] = deepcopy(one.standing[id])
            one.standing["undo"].state, one.standing["undo"].why = undo, "as it was"
            reverted(one, id, one.standing.pop("undo"))
    assert known(handed) == known(progress)


def test_what_runs_cannot_be_handed_over() -> None:
    """A run that has not drained must not end: its actions would be lost."""
    progress = Progress(plan(action("a")))
    progress.startable()
    with pytest.raises(ValueError, match="a must have ended first"):
        of_progress(progress)


def control_at_work() -> Control:
    """One that differs in everything from a new one."""
    control = Control(lambda id: None)
    control.progress = Progress(plan(action("a"), action("b")))
    control.turn(PlanState.CANCELLING, "enough", "decision")
    control.review, control.reviewed = APPROVE, "approved by eve: fine"
    control.cancelled = Cancel(by="eve", reason="enough", rollback=True, abort=True)
    control.rollback_asked = control.undo_by_policy = True
    control.drifted = "a is elsewhere"
    control.left_out = {"a": (S.SKIPPED, "skipped by eve: no")}
    control.log, control.rejected = ["10:00 eve by update: cancel"], ["10:01 signal x is unknown"]
    return control


def test_all_that_people_said_is_handed_over() -> None:
    """Whoever gives the control another memory has to hand that over too, or this fails."""
    old, new = control_at_work(), Control(lambda id: None)
    fresh = dict(vars(new))
    restore(new, json.loads(json.dumps(of_control(old))))
    own = {"progress", "_abort", "heard"}  # handed over otherwise, or of one run only
    assert {k: v for k, v in vars(new).items() if k not in own} == {
        k: v for k, v in vars(old).items() if k not in own
    }
    same = [k for k, v in vars(old).items() if k not in own and v == fresh[k]]
    assert same == [], f"this test does not tell whether {', '.join(same)} is handed over"


def test_tickets_are_used_once_in_all_runs() -> None:
    """The next run announces itself, knows of a freeze and goes on counting."""
    old = Leave("plan/x", "run-1", "c")
    old.greet()
    old.take()
    old.heard, old.frozen = True, "frozen by eve"
    old._last = 7
    new = Leave("plan/x", "run-2", "c")
    new.restore(json.loads(json.dumps(old.document())))
    assert (new._last, new.heard, new.obstacle) == (7, True, "frozen by eve")
    assert new.take().announce


@pytest.mark.parametrize(
    ("numbers", "suggested", "full"),
    [
        ((9_999, 1_000, 0, 0), True, False),  # a server's usual suggestion comes too early
        ((10_000, 1_000, 0, 0), False, True),
        ((500, 9_000_000, 0, 0), False, True),
        ((500, 1_000, 1_500, 0), False, True),
        ((5_100, 1_000, 0, 5_000), False, True),
        ((300, 1_000, 0, 0), True, True),  # its operator wants it so, or there are many bytes
        ((300, 1_000, 0, 0), False, False),
    ],
)
def test_when_a_run_is_full(numbers: tuple[int, int, int, int], suggested: bool, full: bool) -> None:
    """By events, bytes, updates and signals, each long before a server would end the workflow."""
    assert span.is_full(*numbers, suggested=suggested) is full


def test_what_nobody_approved_and_what_failed_is_handed_over() -> None:
    """An approval of some actions holds in the next run; a breaker goes on counting and stays open."""
    progress = Progress(plan(action("a"), action("b")))
    progress.consent.waiting = {"b": "waits for approval: of the server"}
    progress.consent.give(["a"])
    progress.breaker.open = "the circuit breaker is open after 2 failures"
    handed = passed_on(progress)
    assert handed.unapproved == ["b"]
    assert (handed.consent.covers("a"), handed.consent.covers("b")) == (True, False)
    assert handed.breaker.open == progress.breaker.open


def test_nothing_is_known_of_a_plan_that_is_not_handed_over() -> None:
    """Whoever gives a progress another memory has to hand that over too, or this fails."""
    derived = {"plan", "actions", "counts", "_turns", "_needed_by", "_waited_by", "_missing", "standing"}
    ended = {"queued", "changes", "drains", "back", "forth"}  # empty, of one run, or handed over beside it
    assert set(vars(Progress(plan(action("a"))))) - derived - ended == {
        *("paused", "stopped", "closed", "frozen", "held", "asking", "consent", "breaker"),
    }


def test_a_skip_that_satisfies_is_handed_over_as_such() -> None:
    """The cause of a skip decides on what needs it."""
    progress = Progress(plan(action("a"), action("b", needs=("a",))))
    progress.startable()
    progress.finish("a", S.SKIPPED, "is there already", SkipCause.ALREADY)
    assert passed_on(progress).startable() == ["b"]
