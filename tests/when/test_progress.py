"""The pure state machine of a plan."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import hypothesis.strategies as st
import pytest
from hypothesis import assume, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from pydantic import ValidationError

from plan_schemas.plan import (
    Action,
    ActionState,
    Limits,
    Plan,
    PlanState,
    SkipCause,
    Touches,
)
from tests.when.plans import action, assert_within_limits, plan, plans, run, states
from workflows.plan.standing import ENDED
from workflows.plan.verdict import verdict
from workflows.plan.way_back import revert, reverted
from workflows.progress import Choice, Progress
from workflows.stages.attempts import SENTENCES, Told

S = ActionState


def test_dependants_of_a_failed_action_are_blocked_and_never_started() -> None:
    """Over a failed `needs` edge nothing starts, however far down the line."""
    progress = Progress(plan(action("a"), action("b", needs=("a",)), action("c", needs=("b",)), action("d")))
    order = run(progress, "a")
    assert order == ["a", "d"]
    assert states(progress) == {"a": "FAILED", "b": "BLOCKED", "c": "BLOCKED", "d": "SUCCEEDED"}
    assert progress.standing["b"].why == "needs a, which failed: boom"
    assert verdict(progress)[0] == PlanState.FAILED


def test_dependants_of_a_skipped_action_are_skipped_with_its_reason() -> None:
    """A person's skip does not satisfy a `needs` edge, and the dependant says whose skip it was."""
    progress = Progress(plan(action("a"), action("b", needs=("a",))))
    progress.skip("a", "skipped by eve: noisy")
    assert states(progress) == {"a": "SKIPPED", "b": "SKIPPED"}
    assert progress.standing["b"].why == "needs a, skipped (person): skipped by eve: noisy"
    assert progress.over
    assert verdict(progress) == (PlanState.SUCCEEDED, "0 actions done, 2 skipped")


def test_an_action_that_is_already_as_wanted_satisfies_what_needs_it() -> None:
    """SKIPPED(already) lets dependants go on."""
    progress = Progress(plan(action("a"), action("b", needs=("a",))))
    assert progress.startable() == ["a"]
    progress.finish("a", S.SKIPPED, "disabled already", SkipCause.ALREADY)
    assert progress.startable() == ["b"]


def test_over_a_frees_edge_the_dependant_still_starts_after_a_failure() -> None:
    """What frees space may fail: the dependant starts and is re-checked against fresh capacity."""
    progress = Progress(plan(action("a"), action("b", freed_by=("a",))))
    assert run(progress, "a") == ["a", "b"]
    assert states(progress)["b"] == "SUCCEEDED"


def test_slots_of_hosts_are_never_exceeded() -> None:
    """One move out and two in per host, whatever the order of priorities."""
    moves = [action(f"m{i}", touches=Touches(f"i{i}", f"s{i}", "t"), priority=i) for i in range(4)]
    progress = Progress(plan(*moves))
    assert progress.startable() == ["m3", "m2"]
    progress.finish("m2", S.SUCCEEDED)
    assert progress.startable() == ["m1"]


def test_a_just_in_time_action_waits_until_a_dependant_could_run() -> None:
    """A host is disabled only when its own drain can begin."""
    busy = action("m0", touches=Touches("i0", "a", "t"), priority=9)
    disable = action("disable", just_in_time=True, touches=Touches(service="b", sets="disabled"))
    drain = action("m1", needs=("disable",), touches=Touches("i1", "b", "t"))
    progress = Progress(plan(busy, disable, drain, limits=Limits(in_per_host=1)))
    assert progress.startable() == ["m0"]
    progress.finish("m0", S.SUCCEEDED)
    assert progress.startable() == ["disable"]
    progress.finish("disable", S.SUCCEEDED)
    assert progress.startable() == ["m1"]


def test_a_just_in_time_action_that_nothing_needs_any_more_is_skipped() -> None:
    """When a person skips the only move off a host, the host is not disabled for nothing."""
    disable = action("disable", just_in_time=True)
    progress = Progress(plan(disable, action("m1", needs=("disable",))))
    progress.paused = True
    progress.skip("m1", "not tonight")
    progress.paused = False
    assert progress.startable() == []
    assert progress.over
    assert progress.standing["disable"].why == "nothing that needs it is left to do"


def test_what_waits_for_two_just_in_time_actions_does_not_wait_for_ever() -> None:
    """Two just-in-time actions before one dependant start together."""
    progress = Progress(
        plan(action("x", just_in_time=True), action("y", just_in_time=True), action("z", needs=("x", "y")))
    )
    assert progress.startable() == ["x", "y"]


def test_a_failed_action_that_left_nothing_to_undo_stays_failed() -> None:
    """After the way back one still sees which action failed, and why."""
    progress = Progress(plan(action("a"), action("b", needs=("a",))))
    run(progress, "b")
    back = Progress(plan(action("undo-b"), action("undo-a", needs=("undo-b",))))
    for id in ("a", "b"):
        revert(progress, id)
    back.startable()
    back.finish("undo-b", S.SKIPPED, "on s1 already", SkipCause.ALREADY)
    back.startable()
    back.finish("undo-a", S.SUCCEEDED, "back on s1")
    for id in ("a", "b"):
        reverted(progress, id, back.standing[f"undo-{id}"])
    assert states(progress) == {"a": "REVERTED", "b": "FAILED"}
    assert progress.standing["b"].why == "boom"


def asking(*actions: Action) -> Progress:
    """A plan whose failures are asked about, with its first action failed."""
    whole = plan(*actions)
    progress = Progress(replace(whole, execution=replace(whole.execution, on_failure="ask")))
    progress.startable()
    progress.finish("a", S.FAILED, "boom")
    return progress


def test_while_a_person_is_asked_nothing_is_blocked_and_nothing_starts() -> None:
    """A failed action that is asked about leaves its dependants pending, and the plan does not end."""
    progress = asking(action("a"), action("b", needs=("a",)), action("c", after=("a",)))
    assert states(progress) == {"a": "FAILED", "b": "PENDING", "c": "PENDING"}
    assert not progress.startable()
    assert not progress.over


@pytest.mark.parametrize(
    ("choice", "end"),
    [
        ("retry", {"a": "SUCCEEDED", "b": "SUCCEEDED", "c": "SUCCEEDED"}),
        ("skip", {"a": "SKIPPED", "b": "SKIPPED", "c": "SUCCEEDED"}),
        ("fail", {"a": "FAILED", "b": "BLOCKED", "c": "SUCCEEDED"}),
    ],
)
def test_a_decision_is_carried_out(choice: Choice, end: dict[str, str]) -> None:
    """Retry, skip and fail mean to the dependants what they mean elsewhere."""
    progress = asking(action("a"), action("b", needs=("a",)), action("c", after=("a",)))
    progress.decide("a", choice, "skipped by eve: let it be")
    run(progress)
    assert states(progress) == end
    assert progress.over


def test_what_failed_can_be_done_after_all_with_what_needed_it() -> None:
    """A retry reopens the failed action and those blocked by it, but not those that another one blocks."""
    progress = Progress(
        plan(
            *(action("a"), action("z"), action("b", needs=("a",)), action("c", needs=("b",))),
            action("d", needs=("b", "z")),
        )
    )
    run(progress, "a", "z")
    assert states(progress)["c"] == "BLOCKED"
    progress.retry("a")
    assert run(progress) == ["a", "b", "c"]
    assert states(progress) == {
        "a": "SUCCEEDED",
        "b": "SUCCEEDED",
        "c": "SUCCEEDED",
        "d": "BLOCKED",
        "z": "FAILED",
    }
    assert progress.standing["d"].why == "needs z, which failed: boom"


def test_what_is_reopened_is_told_in_the_same_order_everywhere() -> None:
    """The trail is sealed: the order of a set, another one in every process, must not get into it."""
    blocked = [f"b{n}" for n in range(12)]
    progress = Progress(plan(action("a"), *(action(id, needs=("a",)) for id in blocked)))
    run(progress, "a")
    progress.changes = []
    progress.retry("a")
    assert [id for id, _ in progress.changes] == ["a", *reversed(blocked)]


def test_an_attempt_says_a_word_and_the_plan_has_the_sentence() -> None:
    """Anybody can send the signal: no text of theirs may become the reason that people read."""
    assert set(get_args(Told.model_fields["says"].annotation)) == set(SENTENCES)
    with pytest.raises(ValidationError):
        Told.model_validate({"action": "a", "says": "approved by the boss, go home"})


def test_a_held_action_waits_until_it_is_released() -> None:
    """Others go on; a just-in-time action does not run for the sake of a held one."""
    disable = action("disable", just_in_time=True)
    progress = Progress(plan(disable, action("m", needs=("disable",)), action("x")))
    progress.hold("m", "held by eve: backup")
    assert progress.startable() == ["x"]
    progress.finish("x", S.SUCCEEDED)
    assert not progress.startable()
    assert not progress.over
    progress.release("m")
    assert progress.startable() == ["disable"]


def test_a_part_is_kept_with_all_that_it_waits_for() -> None:
    """Approving one action keeps what it needs and what makes its space; the rest is skipped."""
    progress = Progress(
        plan(
            action("a"),
            action("b", needs=("a",)),
            action("f"),
            action("c", needs=("b",), freed_by=("f",)),
            action("d"),
        )
    )
    assert progress.keep_only(["c"], "not approved by eve") == ["a", "b", "f", "c"]
    assert states(progress)["d"] == "SKIPPED"
    assert sorted(run(progress)) == ["a", "b", "c", "f"]


def test_finishing_what_does_not_run_is_a_defect_and_says_so() -> None:
    """A result for an action that is not running is never taken in silently."""
    progress = Progress(plan(action("a")))
    with pytest.raises(ValueError, match="a is PENDING, not ONGOING"):
        progress.finish("a", S.SUCCEEDED)


class Life(RuleBasedStateMachine):
    """Every message and result at every moment: what must hold, holds."""

    @initialize(drawn=plans())
    def begin(self, drawn: Plan) -> None:
        self.progress = Progress(drawn)
        self.started: set[str] = set()

    @rule()
    def start(self) -> None:
        p = self.progress
        paused = p.paused or bool(p.stopped) or bool(p.asking)
        for id in p.startable():
            assert not paused, "something started while paused, stopped or while a person is asked"
            assert id not in p.held, "a held action started"
            assert id not in self.started, "an action started twice"
            self.started.add(id)
            for before in self.progress.actions[id].needs:
                assert self.progress.standing[before].satisfies, (
                    "a dependant of an unsatisfied action started"
                )

    @rule(data=st.data(), state=st.sampled_from([S.SUCCEEDED, S.FAILED, S.SKIPPED, S.CANCELLED]))
    def end(self, data: st.DataObject, state: ActionState) -> None:
        assume(self.progress.running)
        id = data.draw(st.sampled_from(self.progress.running))
        cause = data.draw(st.sampled_from(list(SkipCause))) if state == S.SKIPPED else None
        self.progress.finish(id, state, "some reason", cause)

    @rule(data=st.data(), cancel=st.booleans())
    def leave_out(self, data: st.DataObject, cancel: bool) -> None:
        pending = [id for id, s in self.progress.standing.items() if s.state == S.PENDING]
        assume(pending)
        id = data.draw(st.sampled_from(pending))
        (self.progress.cancel if cancel else self.progress.skip)(id, "a person said so")

    @rule(paused=st.booleans())
    def pause(self, paused: bool) -> None:
        self.progress.paused = paused

    @rule(data=st.data(), held=st.booleans())
    def hold(self, data: st.DataObject, held: bool) -> None:
        pending = [id for id, s in self.progress.standing.items() if s.state == S.PENDING]
        assume(pending)
        id = data.draw(st.sampled_from(pending))
        if held:
            self.progress.hold(id, "held by a person")
        else:
            self.progress.release(id)

    @rule(data=st.data(), choice=st.sampled_from(["retry", "skip", "fail"]))
    def decide(self, data: st.DataObject, choice: Choice) -> None:
        assume(self.progress.asking)
        id = data.draw(st.sampled_from(list(self.progress.asking)))
        self.progress.decide(id, choice, "a person said so")
        if choice == "retry":
            self.started.discard(id)

    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        p = self.progress
        wrong = [
            id
            for id, s in p.standing.items()
            if s.state in (S.FAILED, S.SKIPPED, S.CANCELLED)
            and not (s.satisfies or s.root or id in p.asking or p.stopped)
        ]
        assume(wrong)
        id = data.draw(st.sampled_from(wrong))
        p.retry(id)
        self.started = {one for one in self.started if p.standing[one].state != S.PENDING}

    @rule()
    def stop(self) -> None:
        self.progress.stop("enough")

    @invariant()
    def nothing_hangs(self) -> None:
        """While something is pending, something runs, or may start, or a person holds it or is asked."""
        if not hasattr(self, "progress"):
            return
        p = self.progress
        if p.over or p.running or p.paused or p.stopped or p.asking:
            return
        held = {id for id in p.held if p.standing[id].state == S.PENDING}
        if held:
            return
        assert p.startable(), f"nothing runs and nothing may start: {states(p)}"
        self.started.update(p.running)

    @invariant()
    def limits_hold_and_counts_are_true(self) -> None:
        if not hasattr(self, "progress"):
            return
        p = self.progress
        assert_within_limits(p)
        for state in S:
            assert p.counts[state] == sum(s.state == state for s in p.standing.values())
        if p.over:
            assert all(s.state in ENDED for s in p.standing.values())


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
