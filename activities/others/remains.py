"""What a plan left that was terminated in the middle: nobody undid anything, and nobody told how it ended.

Read off its record, and of the cloud what is so now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from activities import actions, complete
from activities.door import Door
from plan_schemas.frozen import thaw
from plan_schemas.plan import Action, ActionState, Plan, from_document

Document = dict[str, Any]
S = ActionState
UNDER_WAY = (S.ONGOING, S.REVERTING)
STANDS = (*UNDER_WAY, S.SUCCEEDED, S.REVERT_FAILED)


@dataclass(frozen=True, slots=True)
class Remains:
    """Sentences, and the hosts that are closed for nothing: actions that open them again."""

    told: tuple[str, ...]
    openings: tuple[Document, ...]
    whole: bool = True  # asking once more would tell no more


def of(record: Mapping[str, Any], door: Door, others: frozenset[str]) -> Remains:
    """`others` are the hosts whose service another plan has set since: those are not this plan's any more."""
    if "plan" not in record:
        return Remains((), ())
    plan = from_document(record["plan"])
    states = {id: row["state"] for id, row in record["actions"].items()}
    if plan.execution.dry_run:
        return Remains((), ())
    told = [_now(a, states[a.id], door) for a in plan.actions if states[a.id] in UNDER_WAY]
    openings: list[Document] = []
    for action in plan.actions:
        if states[action.id] in STANDS and _closed_by(action, door):
            why = _why_not(plan, action, states, others)
            host, because = action.touches.service, action.parameters.get("reason")
            if why:
                told.append(f"{host} is still disabled ({because}): {why}")
            else:
                told.append(f"{host} is still disabled ({because}), and what it was closed for was cut off")
                openings.append(_opening(action))
    return Remains(tuple(told), tuple(openings))


def _now(action: Action, state: str, door: Door) -> str:
    """What was under way, and what Nova says of it now."""
    facts = actions.find(action.type).look(door, **action.parameters)
    if facts is None:
        return f"{action.id} was {state}; what it is about does not exist any more"
    said = ", ".join(f"{fact} {value}" for fact, value in facts.items() if value not in (None, False, ""))
    if action.touches.instance is not None:
        moving = [m for m in door.migrations(action.touches.instance) if not m.ended]
        said += "".join(f", {m.kind} {m.id} to {m.dest} is {m.status}" for m in moving)
    return f"{action.id} was {state}; now: {said or 'nothing to see'}"


def _closed_by(action: Action, door: Door) -> bool:
    """Whether the host is closed with the very reason that this action gave, and was open before."""
    reason = action.parameters.get("reason")
    if action.touches.sets != "disabled" or not reason or action.expects.get("status") != "enabled":
        return False
    facts = actions.find(action.type).look(door, **action.parameters)
    return facts is not None and (facts["status"], facts["disabled_reason"]) == ("disabled", reason)


def _why_not(plan: Plan, closing: Action, states: Mapping[str, str], others: frozenset[str]) -> str:
    """Why a host is to stay closed."""
    served = [a.id for a in plan.actions if closing.id in a.waits_for]
    if all(states[id] == S.SUCCEEDED for id in served):
        return "all that it was closed for is done, so it may be meant to stay so"
    if closing.touches.service in others:
        return "another plan has set its service too, or found it so"
    return ""


def _opening(closing: Action) -> Document:
    """The undo of a closing, on the condition that nothing has changed since it was looked at."""
    module, parameters = actions.find(closing.type), thaw(closing.parameters)
    wants = module.wants(closing.expects, **parameters)
    back = module.inverse(closing.expects, **parameters) or {}
    return complete.touching(
        {
            "id": f"open-{closing.touches.service}",
            "type": closing.type,
            "parameters": thaw(back),
            "expects": thaw(wants),
            "reason": f"{closing.id} of a terminated plan closed it",
            "urgency": 1,  # a host that is closed for nothing is missing
        }
    )


def services(plans: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The hosts whose service these plans set or are to set."""
    rows = (action for plan in plans for action in plan["actions"])
    return frozenset(row["touches"]["service"] for row in rows if "service" in row.get("touches", {}))
