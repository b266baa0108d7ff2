"""What a move of a plan is good for, and why it goes nowhere else: per host the rule or the numbers."""

from __future__ import annotations

from dataclasses import dataclass

from activities.rules import checks
from activities.rules.occupancy import Occupancy
from activities.why import instance as of
from activities.why.case import Case
from activities.why.instance import Answer
from activities.words import count
from plan_schemas.plan import Action, Plan

THEN = "when it begins"  # what the plan lists before it is carried out


@dataclass(frozen=True, slots=True)
class Worth:
    """An indicator of the goal with the move, and without it."""

    name: str
    planned: float
    without: float
    is_better: bool  # with it


def is_move(action: Action) -> bool:
    """Whether it brings an instance from a host to one that the plan has chosen."""
    touches = action.touches
    return None not in (touches.instance, touches.out, touches.into)


def knows(case: Case, action: Action) -> bool:
    """Whether the picture has what the move is about."""
    touches = action.touches
    return touches.instance in case.before.instances and touches.into in case.before.hosts


def passed_over(case: Case, action: Action, most: int | None = None) -> tuple[Answer, ...]:
    """An answer for every host that the move neither leaves nor goes to; of those that would take it so many
    are weighed, the rest have no reason."""
    instance, around = str(action.touches.instance), {action.touches.out, action.touches.into}
    here = case.until(action)
    room, found, free = Occupancy(here), [], 0
    for host in case.before.hosts:
        if host in around:
            continue
        if against := checks.refusals(here, room, instance, host, case.rules):
            found.append(Answer(host, THEN, tuple(dict.fromkeys(against))))
            continue
        found.append(of.in_the_end(case, instance, host, weighed=most is None or free < most))
        free += found[-1].is_free
    return tuple(found)


def worth(case: Case, action: Action) -> tuple[Worth, ...]:
    """What the goal has of the instance being moved; nothing where nobody can tell."""
    instance = str(action.touches.instance)
    stayed = case.after.moved(instance, case.before.instances[instance].host)
    rows = of.changes(case, stayed)
    return tuple(Worth(name, now, then, not is_better) for name, now, then, is_better in rows if now != then)


def leaving(plan: Plan, action: Action) -> str:
    """How many moves leave its host with it, and whether the plan closes that; told by the plan alone."""
    source = action.touches.out
    moves = [a for a in plan.actions if is_move(a) and a.touches.out == source]
    closing = [a.id for a in plan.actions if (a.touches.service, a.touches.sets) == (source, "disabled")]
    those = f"one of {count(len(moves), 'move')}" if len(moves) > 1 else "the only move"
    return f"{those} away from {source}" + (f", which {closing[0]} takes out of use" if closing else "")
