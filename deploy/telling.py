"""Plans as people read them on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from activities.decide import Made
from activities.doing import facts
from activities.words import quantity
from deploy.review.markup import printable
from plan_schemas.catalog import ActionSpec
from plan_schemas.frozen import thaw
from plan_schemas.plan import Action, Bound, Plan, Refusal

_SHOWN = 20  # refusals, where a whole plan is told


def as_yaml(document: Mapping[str, Any]) -> str:
    """The document in YAML, keys in their own order."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(thaw(document), Dumper=dumper, sort_keys=False, allow_unicode=True, width=110)
    return text


def shown(lines: Iterable[str]) -> str:
    """Lines for a terminal: tenants choose the names in them, and none may steer it or begin a line."""
    return "\n".join(printable(line).replace("\n", " ") for line in lines)


def bound_row(one: Bound) -> dict[str, Any]:
    return {"name": one.name, "bound": one.bound, "value": one.value, "gap": round(one.gap, 4)}


def refusal_row(one: Refusal) -> dict[str, Any]:
    return {"code": one.code, "subject": one.subject, "text": one.text, "culprits": list(one.culprits)}


def proposed(made: Made, seconds: Mapping[str, float]) -> Iterator[str]:
    """What a decision came to, the plan in short."""
    plan = made.plan
    yield plan.reason if plan is not None else f"{made.summary} There is nothing to do."
    yield ""
    if plan is not None:
        yield from actions(plan.actions)
        yield ""
        for name, value in plan.forecast.items():
            yield f"forecast  {name} {value:g}"
    yield from bounds(plan.bounds if plan is not None else made.proposal.bounds)
    yield from refusals(plan.rejected if plan is not None else made.proposal.rejected)
    yield from assumed(plan)
    yield f"decided and planned in {seconds['decide_and_plan']:.2f} s"


def assumed(plan: Plan | None) -> Iterator[str]:
    """What its numbers leave in doubt; without a plan the summary says it."""
    for sentence in plan.model.get("usage", {}).get("assumed", ()) if plan is not None else ():
        yield f"assumed   {sentence}"


def actions(rows: Iterable[Action]) -> Iterator[str]:
    """One line per action: id, expected seconds, reason."""
    listed = list(rows)
    width = max((len(a.id) for a in listed), default=0)
    for action in listed:
        yield f"{action.id:<{width}}  {action.seconds:7.1f} s  {action.reason}"


def bounds(rows: Iterable[Bound]) -> Iterator[str]:
    for one in rows:
        least = "at least" if one.better == "lower" else "at most"
        yield f"distance  {one.name} {one.value:g}, {least} {one.bound:g}: gap {one.distance}"


def refusals(rows: Iterable[Refusal], most: int = _SHOWN) -> Iterator[str]:
    listed = list(rows)
    for one in listed[:most]:
        yield f"rejected  [{one.code}] {one.text}"
    if len(listed) > most:
        yield f"rejected  and {len(listed) - most} more; `ballast explain` and --json show them"


def action(plan: Plan, one: Action, known: Mapping[str, ActionSpec], came_to: str = "") -> Iterator[str]:
    """What became of an action, where that is known, all that its plan says of it, and what its type does."""
    is_known = one.seconds or plan.model  # a plan by hand rests on no picture, and says nothing of it
    takes = f"expected to take {one.seconds:g} s" if is_known else "how long it takes is not known"
    if came_to:
        yield f"{one.id}: {came_to}"
        yield f"  planned  {one.type}, {takes}"
    else:
        yield f"{one.id}: {one.type}, {takes}"
    if one.type in known:
        yield f"  does     {known[one.type].summary}"
    yield f"  why      {one.reason}"
    for name, value in one.parameters.items():
        yield f"  with     {name}: {value}"
    for name, value in one.numbers.items():
        yield f"  number   {name}: {quantity(name, value)}"
    if one.urgency:
        asks = f"; its server asks for {one.automation}" if one.automation else ""
        yield f"  urgency  {one.urgency} of 5, where 1 is mandatory{asks}"
    if one.needs:
        yield f"  needs    {', '.join(one.needs)} (stops when one of these fails)"
    if one.freed_by:
        yield f"  space    made by {', '.join(one.freed_by)}"
    behind = [a.id for a in plan.actions if one.id in a.waits_for]
    if behind:
        yield f"  before   {', '.join(behind)}"
    yield f"  expects  {', '.join(facts.told(one.expects)) or 'nothing'}"
    for other in one.alternatives:
        yield f"  not      {other.subject}: [{other.code}] {other.text}"
