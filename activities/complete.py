"""Fill in what a hand-written plan leaves out: what each action touches and what it expects to find."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from activities import actions
from activities.actions import ActionModule
from activities.door import Door, Failed
from plan_schemas.frozen import freeze
from plan_schemas.plan import Action, Touches, execution_from

Document = dict[str, Any]


def plan(document: Document, open_door: Callable[[str], Door]) -> Document:
    """The same effective plan with touches and expectations on every action.

    Expectations are read from the cloud now, before anybody approves: they are also the recipe of the undo.
    Raises Failed with every action that the plan does not allow or that speaks of what is not so.
    """
    rows, problems = [], list[str]()
    door: Door | None = None
    allow = execution_from(document["execution"]).allow
    for row in document["actions"]:
        module, parameters = actions.find(row["type"]), row.get("parameters", {})
        filled = dict(row)
        problems += _forbidden(row, module.permission(**parameters), allow)
        touches: Touches = module.touches(**parameters)
        filled["touches"] = {
            n: v for n in Touches.__dataclass_fields__ if (v := getattr(touches, n)) is not None
        }
        if "expects" not in row:
            door = door or open_door(document["cloud"])
            facts = module.look(door, **parameters)
            filled["expects"] = facts or {}
            problems += _elsewhere(row, touches, facts, document["cloud"])
        else:
            problems += _lacking(row, module, parameters)
        rows.append(filled)
    if problems:
        raise Failed("; ".join(problems), "mend the plan and start it again")
    return {**document, "actions": rows}


def _forbidden(row: Mapping[str, Any], permission: str | None, allow: tuple[str, ...]) -> list[str]:
    if permission is None or permission in allow:
        return []
    return [
        f"{row['id']}: execution.allow must contain {permission!r}, it has {', '.join(allow) or 'nothing'}"
    ]


def _elsewhere(
    row: Mapping[str, Any], touches: Touches, facts: Mapping[str, Any] | None, cloud: str
) -> list[str]:
    if facts is None:
        return [f"{row['id']}: there is no {touches.instance or touches.service} in {cloud}"]
    host = facts.get("host")
    if touches.out is not None and host != touches.out:
        return [f"{row['id']}: is on {host}, not on {touches.out}"]
    return []


def _lacking(row: Mapping[str, Any], module: ActionModule, parameters: Mapping[str, Any]) -> list[str]:
    """What is expected is also what the undo restores."""
    try:
        module.inverse(row["expects"], **parameters)
    except KeyError as fact:
        return [f"{row['id']}: expects lacks {fact}, to be undone by; without expects, the cloud is asked"]
    return []


def action_from(document: Document) -> Action:
    """The action of an activity's input."""
    touches = actions.find(document["type"]).touches(**document["parameters"])
    return Action(
        id=document["id"],
        type=document["type"],
        parameters=freeze(document["parameters"]),
        reason=document["reason"],
        expects=freeze(document["expects"]),
        touches=touches,
        seconds=document["seconds"],
    )
