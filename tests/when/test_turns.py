"""Whose turn it is: the same answers as the plainest way to find them, at a cost that does not grow."""

from __future__ import annotations

import time
from bisect import insort
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

import hypothesis.strategies as st
from hypothesis import given, settings

from plan_schemas.budget import Share
from plan_schemas.frozen import EMPTY, FrozenDict
from plan_schemas.plan import Action, ActionState, ActionType, Execution, Limits, Plan, Retry, Touches
from workflows.plan.turns import Turns
from workflows.progress import Progress

S = ActionState
NOP = ActionType("nop", True, True, 5, 60, 1, Retry(1, 1, 2, 10))


class Plain(Turns):
    """Looks at every action that is ready, each time."""

    def clear(self) -> None:
        self.ready: list[tuple[float, int, str]] = []
        self.out: Counter[str | None] = Counter()
        self.into: Counter[str | None] = Counter()
        self.parts: Counter[str] = Counter()
        self.moving: Counter[str | None] = Counter()
        for id in getattr(self, "taken", []):
            self._count(id, +1)

    def add(self, id: str) -> None:
        insort(self.ready, self._entries[id])

    def drop(self, id: str) -> None:
        self.ready = [entry for entry in self.ready if entry[-1] != id]

    def choose(self, most: int, may_start: Callable[[str], bool], begin: Callable[[str], None]) -> list[str]:
        chosen: list[str] = []
        for _, _, id in list(self.ready):
            if len(chosen) >= most:
                break
            if may_start(id):
                begin(id)
                chosen.append(id)
        return chosen

    def fits(self, id: str) -> bool:
        touches, limits = self._actions[id].touches, self._limits
        return (
            (touches.out is None or self.out[touches.out] < limits.out_per_host)
            and (touches.into is None or self.into[touches.into] < limits.in_per_host)
            and (touches.instance is None or not self.moving[touches.instance])
            and all(self.parts[n] < self._shares[n] for n in self._actions[id].shares if n in self._shares)
        )

    def _occupy(self, id: str, sign: int) -> None:
        self.taken: list[str] = getattr(self, "taken", [])
        (self.taken.append if sign > 0 else self.taken.remove)(id)
        self._count(id, sign)

    def _count(self, id: str, sign: int) -> None:
        action = self._actions[id]
        self.out[action.touches.out] += sign
        self.into[action.touches.into] += sign
        self.moving[action.touches.instance] += sign
        self.parts.update(dict.fromkeys(action.shares, sign))


def plainly(plan: Plan) -> Progress:
    progress = Progress(plan)
    progress._turns = Plain(plan.actions, plan.execution.limits, plan.shares)
    progress.line_up()
    return progress


def plan_of(actions: Sequence[Action], limits: Limits, shares: dict[str, Share]) -> Plan:
    execution = Execution(mode="auto", limits=limits)
    types = FrozenDict(nop=NOP)
    return Plan("p", "c", "2026-01-01T00:00:00Z", execution, types, tuple(actions), shares=FrozenDict(shares))


def random_plan(random: Random) -> Plan:
    actions: list[Action] = []
    hosts = [None, "h1", "h2", "h3"]
    for i in range(random.randint(1, 16)):
        before = [a.id for a in actions]
        picked = random.sample(before, min(len(before), random.choice([0, 0, 0, 1, 2])))
        cut = random.randint(0, len(picked))
        # An instance has one action at a time, as the planner's edges make sure.
        touches = Touches(instance=f"i{i}", out=random.choice(hosts), into=random.choice(hosts))
        actions.append(
            Action(
                f"a{i}",
                "nop",
                EMPTY,
                "because",
                needs=tuple(picked[:cut]),
                after=tuple(picked[cut:]),
                on_failure=random.choice(["", "ask"]),
                touches=touches,
                just_in_time=random.random() < 0.25,
                priority=random.randint(0, 2),
                shares=tuple(name for name in ("x", "y", "rate") if random.random() < 0.4),
            )
        )
    limits = Limits(random.randint(1, 6), random.randint(1, 2), random.randint(1, 2))
    shares = {"x": Share(random.randint(1, 2)), "y": Share(3), "rate": Share(1, 60.0)}
    return plan_of(actions, limits, shares)


def end(progress: Progress, id: str, state: str) -> None:
    progress.finish(id, S(state), "some reason")


def person(progress: Progress, id: str, verb: str) -> None:
    getattr(progress, verb)(id, "a person said so")


def consent(progress: Progress, id: str, verb: str) -> None:
    if verb == "withhold" and id not in progress.queued:
        progress.consent.waiting[id] = "waits for approval"
    else:
        progress.consent.give([id])


# What may happen, to which actions, and how.
Happens = tuple[tuple[str, ...], Callable[[Progress], list[str]], Callable[[Progress, str, str], None]]
HAPPENS: tuple[Happens, ...] = (
    (("permit", "retract"), lambda p: list(p.queued), lambda p, id, verb: getattr(p, verb)(id)),
    (("SUCCEEDED", "FAILED", "SKIPPED"), lambda p: p.running, end),
    (("skip", "cancel", "hold"), lambda p: p.those(S.PENDING), person),
    (("release",), lambda p: list(p.held), lambda p, id, _: p.release(id)),
    (("approve", "withhold"), lambda p: p.those(S.PENDING), consent),
    (
        ("retry", "fail"),
        lambda p: list(p.asking),
        lambda p, id, verb: p.decide(id, "retry" if verb == "retry" else "fail", "a person said so"),
    ),
)


def do(progress: Progress, verb: str, pick: int) -> list[str]:
    """One event, or nothing where there is nothing that it could happen to; answers what starts."""
    if verb == "start":
        return progress.startable()
    if verb == "queue":  # what was to start waits for a permit
        for id in progress.startable():
            progress.queue(id, "asked")
        return list(progress.queued)
    if verb == "pause":
        progress.paused = not progress.paused
    for verbs, among, how in HAPPENS:
        if verb in verbs and (ids := among(progress)):
            how(progress, ids[pick % len(ids)], verb)
    return []


OFTEN = ["start", "start", "SUCCEEDED", "SUCCEEDED", "queue", "permit"]
SELDOM = ["FAILED", "SKIPPED", "skip", "cancel", "hold", "release", "approve", "withhold", "retry", "fail"]
EVENTS = [*OFTEN, *OFTEN, *SELDOM, "retract", "pause"]


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32))
def test_the_same_start_in_the_same_order_as_when_each_is_looked_at(seed: int) -> None:
    """Whatever happens: limits, shares, results, holds, skips, approvals, permits, just-in-time."""
    random = Random(seed)
    plan = random_plan(random)
    quick, plain = Progress(plan), plainly(plan)
    for _ in range(60):
        verb, pick = random.choice(EVENTS), random.randint(0, 15)
        assert do(quick, verb, pick) == do(plain, verb, pick), f"they part at {verb}"
        assert quick.changes == plain.changes


def test_a_result_costs_the_same_however_many_are_ready() -> None:
    """500 or 10,000 ready, each host full: an event looks at those for which it freed a place."""
    few, many = _cost(500), _cost(10_000)
    print(f"{few * 1e6:.0f} microseconds each with 500 ready, {many * 1e6:.0f} with 10,000")
    assert many < 10 * few


def _cost(count: int, hosts: int = 20, results: int = 400) -> float:
    """Processor time of a result, with so many actions ready."""
    touches = [
        Touches(instance=f"i{i}", out=f"h{i % hosts}", into=f"h{(i + 1 + i // hosts % (hosts - 1)) % hosts}")
        for i in range(count)
    ]
    actions = [Action(f"a{i}", "nop", EMPTY, "because", touches=t) for i, t in enumerate(touches)]
    progress = Progress(plan_of(actions, Limits(1000, out_per_host=1, in_per_host=1), {}))
    running = progress.startable()
    assert running
    began = time.process_time()
    for _ in range(results):
        progress.finish(running.pop(0), S.SUCCEEDED)
        running += progress.startable()
    return (time.process_time() - began) / results
