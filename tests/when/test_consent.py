"""Automation levels and the circuit breaker: what starts by itself, and what stops everything."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from temporalio.exceptions import ApplicationError

from activities.act import told_to_temporal
from activities.doing import stall
from activities.door import Failed, Gone, LockedOut
from activities.observe.nova import Migration, Server
from activities.rights import Denied
from plan_schemas import automation, plan, policy
from plan_schemas.plan import Action, ActionState, Execution, PlanState, SkipCause
from plan_schemas.policy import Policy
from tests.when.plans import action, run
from tests.when.plans import plan as plan_of
from workflows.plan.breaker import Breaker
from workflows.plan.consent import Consent
from workflows.plan.control import Control
from workflows.plan.refusals import Refused
from workflows.progress import Progress
from workflows.wire.messages import (
    APPROVE,
    DECIDE,
    PAUSE,
    RESUME,
    RETRY_ACTION,
    Approve,
    Decide,
    Message,
    OnAction,
)

S = ActionState
WORDS = ("", "manual", *(f"partial:{n}" for n in range(1, 6)), "full")
SLOW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
AT = "2026-01-01 00:00:00Z"
RECORD = Migration.model_validate(
    {"id": 3, "instance_uuid": "web", "migration_type": "live", "status": "running", "created_at": AT}
)
SERVER = Server.model_validate({"id": "web", "status": "MIGRATING", "created": AT})


def controlled(*actions: Action, **execution: Any) -> Control:
    """A plan that begins as `auto` does."""
    control = Control(lambda id: None)
    made = plan_of(*actions)
    made = replace(made, execution=replace(made.execution, **execution))
    control.progress = Progress(made)
    control.turn(PlanState.ONGOING if control.begins_by_itself() else PlanState.RECOMMENDED, "test")
    return control


def progress_of(control: Control) -> Progress:
    assert control.progress is not None
    return control.progress


@st.composite
def plans(draw: st.DrawFn) -> tuple[Action, ...]:
    """Random graphs of actions of random urgency, some of servers that ask for more review."""
    out: list[Action] = []
    for n in range(draw(st.integers(1, 8))):
        before = (
            st.lists(st.sampled_from([a.id for a in out]), unique=True, max_size=2) if out else st.just([])
        )
        needs, after = draw(before), draw(before)
        out.append(
            action(
                f"a{n}",
                urgency=draw(st.integers(0, 5)),
                automation=draw(st.sampled_from(["", "", "manual", "partial:1", "partial:3"])),
                needs=tuple(needs),
                after=tuple(id for id in after if id not in needs),
                just_in_time=draw(st.booleans()),
            )
        )
    return tuple(out)


@SLOW
@given(plans(), st.sampled_from(WORDS), st.data())
def test_nothing_above_the_level_starts_unapproved(
    actions: tuple[Action, ...], word: str, data: st.DataObject
) -> None:
    """By itself runs what the plan and its server both let run; after approvals also what these cover. What
    does not run says whose word it waits for."""
    control = controlled(*actions, automation=word)
    progress = progress_of(control)
    allowed = {
        a.id
        for a in actions
        if automation.level(word) >= (a.urgency or 5) and automation.level(a.automation) >= (a.urgency or 5)
    }
    assert set(progress.consent.waiting) == {a.id for a in actions} - allowed
    assert control.state == (PlanState.ONGOING if allowed else PlanState.RECOMMENDED)
    if not allowed:
        return
    began = set(run(progress))
    assert began <= allowed
    while progress.unapproved:
        for id in progress.unapproved:
            assert progress.consent.waiting[id].startswith("waits for approval: ")
        id = data.draw(st.sampled_from(progress.unapproved))
        message = Approve(by="eve", actions=[id])
        control.check(APPROVE, message)
        assert " may start" in control.obey(APPROVE, message, "update", AT)
        approved = set(progress.with_needs([id]))
        now = set(run(progress))
        began |= now
        allowed |= approved
        assert now <= allowed
    assert began == {a.id for a in actions}
    assert progress.over


@SLOW
@given(plans(), st.sampled_from(WORDS))
def test_what_nobody_approves_in_time_is_left_out_with_the_reason(
    actions: tuple[Action, ...], word: str
) -> None:
    """After the deadline every action has ended, none above the level ran, and none can be retried."""
    control = controlled(*actions, automation=word, approve_within_seconds=60.0)
    progress = progress_of(control)
    if control.state == PlanState.RECOMMENDED:
        return
    began = set(run(progress))
    waiting = progress.unapproved
    control.nobody_approved(AT)
    began |= set(run(progress))
    assert progress.over
    assert not began & set(waiting)
    for id in waiting:
        standing = progress.standing[id]
        assert standing.state == S.SKIPPED
        if standing.cause == SkipCause.UNAPPROVED:
            assert "nobody approved it within 0:01:00; waits for approval" in standing.why
            with pytest.raises(Refused):
                control.check(RETRY_ACTION, OnAction(action=id))


def test_what_a_retry_brings_back_after_the_deadline_is_left_out_too() -> None:
    """A blocked action waits for nobody while the deadline passes; once it is pending again, it is late."""
    rows = (action("a", urgency=1), action("b", urgency=4, needs=("a",)))
    control = controlled(*rows, automation="partial:2", on_failure="continue", approve_within_seconds=60.0)
    progress = progress_of(control)
    run(progress, "a")
    assert progress.standing["b"].state == S.BLOCKED
    control.nobody_approved(AT)
    progress.consent = Consent.from_document(progress.consent.as_document())  # whatever run it is
    said = control.obey(RETRY_ACTION, OnAction(action="a"), "update", AT)
    assert said == "a will be done after all; nobody approved in time: b"
    assert run(progress) == ["a"]
    assert progress.over
    assert progress.standing["b"].cause == SkipCause.UNAPPROVED


@SLOW
@given(st.sampled_from(WORDS), st.lists(st.sampled_from(WORDS), max_size=3))
def test_the_most_restrictive_word_wins_and_is_named(own: str, above: list[str]) -> None:
    """No policy loosens what a plan or another policy demands; whoever demands most is named."""
    policies = [Policy(f"p{n}", automation=word) for n, word in enumerate(above)]
    claimed = Execution(mode="auto", automation=own, automation_by="the policy calm")
    got = policy.reviewed(claimed, policies)
    assert automation.level(got.automation) == min(automation.level(w) for w in (own, *above))
    asks = automation.level(got.automation) in {automation.level(w) for w in above} - {automation.ALL}
    assert got.automation_by.startswith("the policy p") == asks
    assert asks or not got.automation_by  # nobody is blamed because a document says so
    assert policy.reviewed(got, policies) == got


@pytest.mark.parametrize(
    ("said", "word"),
    [
        (None, ""),
        ("full", ""),
        ("manual", "manual"),
        ("Manual ", "manual"),
        ("partial", "partial:1"),
        ("partial:2", "partial:2"),
        ("partial:9", "manual"),
        ("autopilot", "manual"),
    ],
)
def test_a_server_asks_for_review_in_its_metadata(said: str | None, word: str) -> None:
    """It can only ask for more than others; what is not understood is taken for manual."""
    assert automation.of_server({automation.KEY: said} if said is not None else {}) == word


def test_what_was_not_among_the_approved_is_not_done_after_all() -> None:
    """A partial approval cannot be widened by a retry, whoever sends that."""
    control = controlled(action("a"), action("b", needs=("a",)), action("c"), mode="approve")
    control.obey(APPROVE, Approve(by="eve", actions=["b"]), "update", AT)
    control.turn(PlanState.ONGOING, "test")
    progress = progress_of(control)
    assert [progress.consent.covers(id) for id in "abc"] == [True, True, False]
    with pytest.raises(Refused, match="c was not approved"):
        control.check(RETRY_ACTION, OnAction(action="c"))
    with pytest.raises(Refused, match="only a RECOMMENDED one can be reviewed"):
        control.check(APPROVE, Approve(by="eve", actions=["c"]))


# -- the circuit breaker -----------------------------------------------------------------------------------

FAILURES = st.lists(st.sampled_from(["no_valid_host", "timeout", "refused"]), max_size=12)


@SLOW
@given(plans(), st.sampled_from(WORDS), FAILURES, st.data())
def test_what_a_run_hands_over_the_next_one_knows(
    actions: tuple[Action, ...], word: str, failures: list[str], data: st.DataObject
) -> None:
    """As JSON and back, consent withholds and covers the same actions; a breaker opens when it would have."""
    consent = progress_of(controlled(*actions, automation=word)).consent
    consent.give(data.draw(st.lists(st.sampled_from([a.id for a in actions]), max_size=3)))
    again = Consent.from_document(json.loads(json.dumps(consent.as_document())))
    assert again.waiting == consent.waiting
    assert [again.covers(a.id) for a in actions] == [consent.covers(a.id) for a in actions]
    breaker, at = Breaker(plan.Breaker(3)), data.draw(st.integers(0, len(failures)))
    other = breaker
    for n, kind in enumerate(failures):
        if n == at:
            other = Breaker(plan.Breaker(3))
            other.restore(json.loads(json.dumps(breaker.as_document())))
        for one in {id(breaker): breaker, id(other): other}.values():
            one.note("x", kind, "because")
        assert other.open == breaker.open


@SLOW
@given(FAILURES, st.integers(1, 4), st.sampled_from(["kind", "any"]))
def test_the_breaker_opens_at_the_nth_failure_of_its_kind(failures: list[str], most: int, of: str) -> None:
    """Not before and not later, and it says which failures it counted."""
    breaker = Breaker(plan.Breaker(most, of))
    for n, kind in enumerate(failures, 1):
        breaker.note("x", kind, "because")
        seen = failures[:n]
        count = max(seen.count(k) for k in seen) if of == "kind" else n
        assert bool(breaker.open) == (count >= most)
    if breaker.open:
        assert "nothing starts until resume" in breaker.open
        breaker.close()
        assert not breaker.open


def test_an_open_breaker_starts_nothing_until_resume() -> None:
    """Two failures of one kind pause the plan; resume lets the rest run, and counts anew."""
    control = controlled(
        *(action(f"a{n}") for n in range(5)),
        on_failure="continue",
        breaker=plan.Breaker(2),
        limits=plan.Limits(parallel=1),
    )
    progress = progress_of(control)

    def fail(kind: str) -> None:
        (id,) = progress.startable()
        progress.finish(id, S.FAILED, "boom", evidence={"kind": kind})
        control.after(id, AT)

    for kind in ("timeout", "no_valid_host", "timeout"):
        assert control.state == PlanState.ONGOING
        fail(kind)
    assert (control.state, control.waiting_for) == (PlanState.PAUSED, "breaker")
    assert control.sentence.startswith(
        "the circuit breaker is open after 2 failures of one kind (timeout), the last of a2: boom"
    )
    assert progress.startable() == []
    control.obey(PAUSE, Message(by="ann"), "update", AT)  # what a person adds does not hide why
    assert (control.state, control.waiting_for) == (PlanState.PAUSED, "breaker")
    assert control.sentence.startswith("the circuit breaker is open after 2 failures of one kind")
    control.obey(RESUME, Message(by="eve"), "update", AT)
    assert (control.state, control.waiting_for) == (PlanState.ONGOING, "")
    fail("timeout")
    assert control.state == PlanState.ONGOING
    assert run(progress) == ["a4"]
    assert progress.over


def test_a_decision_does_not_close_the_breaker() -> None:
    """With on_failure: ask the plan asks first, and the breaker pauses it afterwards."""
    rows = (action("a"), action("b", after=("a",)))
    control = controlled(*rows, on_failure="ask", breaker=plan.Breaker(1))
    progress = progress_of(control)
    assert progress.startable() == ["a"]
    progress.finish("a", S.FAILED, "boom", evidence={"kind": "timeout"})
    control.after("a", AT)
    seen = [control.state]
    control.obey(DECIDE, Decide(action="a", choice="skip"), "update", AT)
    seen.append(control.state)
    assert seen == [PlanState.NEEDS_DECISION, PlanState.PAUSED]
    assert control.waiting_for == "breaker"
    assert progress.startable() == []
    control.obey(RESUME, Message(by="eve"), "update", AT)
    assert progress.startable() == ["b"]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Failed("it is Tuesday"), "failed"),
        (Failed("the policy calm protects a1", "leave it out", kind="refused"), "refused"),
        (Denied("Nova refuses us", "grant it"), "forbidden"),
        (LockedOut("Keystone refuses us"), "forbidden"),
        (stall.failure(RECORD, SERVER, ("h1",), 90.0, aborted=False), "stalled"),
        (Gone("no server"), "gone"),
    ],
)
def test_every_failure_is_of_a_kind(error: Exception, kind: str) -> None:
    """Whoever raises it says the kind; no sentence is read for it, and a sentence may change."""
    with pytest.raises(ApplicationError) as told, told_to_temporal():
        raise error
    assert told.value.details == ({"kind": kind},)
