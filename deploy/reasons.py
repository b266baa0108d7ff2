"""Why things are not done, as people and programs read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from activities.door import Failed
from activities.why import instance as why
from activities.why import move
from activities.why.case import Case
from activities.why.host import left
from activities.why.instance import Answer
from activities.why.move import Worth
from activities.words import amounts, cost
from deploy import telling
from deploy.finding import Found
from plan_schemas.model import Cluster
from plan_schemas.plan import Action, Plan, Refusal

SHOWN = 5  # hosts of one kind
_STATES = {why.AFTER: " (once the plan is carried out)", move.THEN: " (when it begins)"}


def uuid_of(cluster: Cluster, name: str) -> str:
    """The instance that is meant by a uuid, or by a name that only one has. Raises Failed."""
    if name in cluster.instances:
        return name
    called = [i.uuid for i in cluster.instances.values() if i.name == name]
    if len(called) > 1:
        raise Failed(f"{len(called)} instances are called {name}", f"give one of {', '.join(called[:5])}")
    return called[0] if called else name


def of_instance(case: Case, uuid: str, to: str | None) -> list[Answer]:
    """Why the plan does not move an instance to a host, or to any of them; empty when it does."""
    moves = case.moves_of(uuid)
    if to is not None:
        return [] if moves and moves[-1].touches.into == to else [why.to(case, uuid, to)]
    if moves:
        return []
    held = why.held(case, uuid)
    return [Answer("", why.BEFORE, held)] if held else list(why.elsewhere(case, uuid))


def of_host(case: Case, name: str) -> tuple[Refusal, ...]:
    return left(case, name)


def caveats(found: Found, case: Case) -> Iterator[str]:
    """What the answer does not know."""
    said = case.plan.model.get("fingerprint")
    if said and said != case.before.fingerprint:
        yield f"this picture, of {case.before.collected_at}, is not the one that the plan rests on"
    if found.audit is None and case.plan.audit:
        yield f"the scope of {case.plan.audit} is not known here, the whole cloud is taken: give --audit FILE"


def told_of_gain(plan: Plan, action: Action, worth: Sequence[Worth]) -> Iterator[str]:
    """What a move is good for, and what the goal would be without it."""
    yield f"  gain     {move.leaving(plan, action)}"
    for one in worth:
        said = "" if one.is_better else " (the price of it)"
        yield f"  gain     {one.name} {one.planned:g}; without it {one.without:g}{said}"


def told_of_instance(case: Case, uuid: str, answers: Sequence[Answer]) -> Iterator[str]:
    """What holds it, else every host that would take it and each rule with the hosts that it closes."""
    one = case.before.instances[uuid]
    if not case.moves_of(uuid):
        yield f"{one.name} ({amounts(one.resources)}) stays on {one.host}"
    yield from told_of_hosts(answers)


def told_of_hosts(answers: Sequence[Answer]) -> Iterator[str]:
    """The first that would take it, and each rule with the first of those that it closes."""
    alone = len(answers) == 1
    for answer in [a for a in answers if a.is_free][:SHOWN]:
        yield f"to {answer.host}  [{answer.reasons[0].code}] {answer.reasons[0].text}; {_cost(answer)}"
    kinds: dict[str, list[Answer]] = {}
    for answer in answers:
        if not answer.is_free:
            kinds.setdefault(answer.reasons[0].code, []).append(answer)
    for found in kinds.values():
        for answer in found[:1]:
            for reason in answer.reasons if alone else answer.reasons[:1]:
                yield _against(answer, reason)
        if len(found) > 1:
            others = ", ".join(a.host for a in found[1 : SHOWN + 1])
            left = f" and {len(found) - SHOWN - 1} more" if len(found) > SHOWN + 1 else ""
            yield f"       the same rule is against {others}{left}"
    free = sum(a.is_free for a in answers)
    if free > SHOWN:
        yield f"       and {free - SHOWN} more hosts would take it; --json has all"


def _against(answer: Answer, reason: Refusal) -> str:
    where = f"to {answer.host}  " if answer.host else ""
    state = _STATES.get(answer.state, "")
    return f"{where}[{reason.code}] {reason.text}{state}"


def _cost(answer: Answer) -> str:
    more = cost(answer.costs)
    return f"it would take {answer.seconds:g} s{f' ({more})' if more else ''}"


def gain_row(plan: Plan, action: Action, worth: Sequence[Worth]) -> dict[str, Any]:
    """What a move is good for, for programs."""
    without = {one.name: {"planned": one.planned, "without": one.without} for one in worth}
    return {"said": move.leaving(plan, action), "indicators": without}


def row(answer: Answer) -> dict[str, Any]:
    """An answer for programs."""
    reasons = [telling.refusal_row(r) for r in answer.reasons]
    price = {"seconds": answer.seconds, **answer.costs} if answer.seconds is not None else {}
    return {"host": answer.host, "state": answer.state, "reasons": reasons, **price}
