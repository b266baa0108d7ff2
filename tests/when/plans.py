"""Plans of actions that do nothing, drawn and by hand, and what anybody can see of their progress."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import hypothesis.strategies as st

from plan_schemas.budget import Share
from plan_schemas.frozen import EMPTY, FrozenDict
from plan_schemas.plan import (
    Action,
    ActionState,
    ActionType,
    Breaker,
    Execution,
    Limits,
    Plan,
    Retry,
    SkipCause,
    Touches,
)
from workflows.plan.standing import ENDED, Standing
from workflows.plan.status import waiting_for
from workflows.plan.verdict import verdict
from workflows.plan.way_back import to_undo
from workflows.progress import Progress

S = ActionState
ON_FAILURE = ["rollback", "stop", "continue", "ask", "continue"]
BUDGET = "budget of host h1"
NOP = ActionType("nop", True, True, 5, 60, 1, Retry(1, 1, 2, 10))


def action(id: str, **more: Any) -> Action:
    return Action(id, "nop", EMPTY, "because", **more)


def plan(*actions: Action, limits: Limits | None = None) -> Plan:
    execution = Execution(mode="auto", limits=limits or Limits())
    return Plan("p", "c", "2026-01-01T00:00:00Z", execution, FrozenDict(nop=NOP), tuple(actions))


def run(progress: Progress, *failing: str) -> list[str]:
    """Start and finish everything one by one; answers the order."""
    order = []
    while True:
        for id in progress.startable():
            order.append(id)
        if not progress.running:
            return order
        id = progress.running[0]
        progress.finish(id, S.FAILED if id in failing else S.SUCCEEDED, "boom" if id in failing else "")


def states(progress: Progress) -> dict[str, str]:
    return {id: str(s.state) for id, s in progress.standing.items()}


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    actions: list[Action] = []
    for i in range(draw(st.integers(1, 9))):
        before = [a.id for a in actions]
        picked = draw(st.lists(st.sampled_from(before), unique=True, max_size=3)) if before else []
        cut = draw(st.integers(0, len(picked)))
        hosts = st.sampled_from(["h1", "h2", "h3"])
        third = draw(st.integers(cut, len(picked)))
        touches = draw(
            st.one_of(
                st.just(Touches()), st.builds(Touches, instance=st.just(f"i{i}"), out=hosts, into=hosts)
            )
        )
        actions.append(
            action(
                f"a{i}",
                needs=tuple(picked[:cut]),
                freed_by=tuple(picked[cut:third]),
                after=tuple(picked[third:]),
                on_failure=draw(st.sampled_from(["", "ask"])),
                touches=touches,
                just_in_time=draw(st.booleans()),
                priority=draw(st.integers(0, 3)),
            )
        )
    limits = Limits(draw(st.integers(1, 4)), draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    return plan(*actions, limits=limits)


@st.composite
def policies(draw: st.DrawFn) -> Plan:
    """A plan with all that policies may say of failures, cancels and drift."""
    plan = draw(plans())
    execution = replace(
        plan.execution,
        mode="approve",
        on_failure=draw(st.sampled_from(ON_FAILURE)),
        on_no_decision=draw(st.sampled_from(ON_FAILURE[:3])),
        on_cancel=draw(st.sampled_from(["rollback", "stop"])),
        on_drift=draw(st.sampled_from(["skip", "stop"])),
        breaker=draw(st.sampled_from([None, Breaker(2, "any")])),
    )
    counted = draw(st.sets(st.sampled_from([a.id for a in plan.actions])))
    actions = tuple(replace(a, shares=(BUDGET,) if a.id in counted else ()) for a in plan.actions)
    shares = FrozenDict({BUDGET: Share(draw(st.integers(1, 2)))})
    types = FrozenDict(nop=replace(NOP, abortable=draw(st.booleans())))
    return replace(plan, execution=execution, types=types, actions=actions, shares=shares)


def known(progress: Progress) -> dict[str, Any]:
    """All that anybody can see of it."""
    return {
        "standing": progress.standing,
        "counts": {state: n for state, n in progress.counts.items() if n},
        "waits": {id: waiting_for(progress, id, "ONGOING") for id in progress.actions},
        "held": progress.held,
        "asking": progress.asking,
        "undo": to_undo(progress),
        "verdict": verdict(progress),
        "over": progress.over,
    }


def ended_well(standing: Standing) -> bool:
    """Whether what needs an action that stands so may start."""
    already = (S.SKIPPED, SkipCause.ALREADY)
    return standing.state == S.SUCCEEDED or (standing.state, standing.cause) == already


def assert_within_limits(progress: Progress) -> None:
    """No slot is used more often than there is, and whatever ended badly says why."""
    limits = progress.plan.execution.limits
    running = [progress.actions[id].touches for id in progress.running]
    assert len(running) <= limits.parallel
    for host in ("h1", "h2", "h3"):
        assert sum(t.out == host for t in running) <= limits.out_per_host
        assert sum(t.into == host for t in running) <= limits.in_per_host
    for id, standing in progress.standing.items():
        if standing.state in ENDED - {S.SUCCEEDED}:
            assert standing.why, f"{id} is {standing.state} without a reason"
