"""Fill in what a hand-written plan leaves out: what each action touches and what it expects to find."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from activities import actions
from activities.actions import ActionModule
from activities.door import Door, Failed, Gone
from activities.observe import collect
from activities.planner import inverse
from activities.planner.order import ancestors
from activities.rules import reserve, shares
from plan_schemas import automation
from plan_schemas.frozen import freeze, thaw
from plan_schemas.plan import Action, Limits, Touches, execution_from, from_document, to_document
from plan_schemas.policy import Policy, bounded, forbids, of_cloud

Document = dict[str, Any]
# A workflow has two seconds for one task, and the first one reads the plan: one for 20,000 actions. Bytes
# and events are no limit: payloads go by reference, and a full history goes on in the next.
LARGEST, MOST = 20_000_000, 20_000
# All actions that start at once travel in one message; with more than 4 MiB a server ends the workflow, and
# nothing is undone. Each takes its own bytes and those around it, and no more than goes by reference.
ONE_MESSAGE, AROUND, BY_REFERENCE = 3_500_000, 1_500, 64 * 1024


def plan(
    document: Document,
    open_door: Callable[[str], Door],
    policies: Sequence[Policy] = (),
    *,
    undoes: bool = False,
) -> Document:
    """The same effective plan with touches and expectations on every action, within the policies' ceilings,
    and with its shares of their budgets and reserves.

    Windows and budgets are not for a plan that `undoes` another.

    Expectations are read from the cloud now, before anybody approves: they are also the recipe of the undo.
    Raises Failed with every action that is not allowed or that speaks of what is not so.
    """
    rows, problems = [], list[str]()
    door: Door | None = None
    execution, policies = execution_from(document["execution"]), of_cloud(policies, document["cloud"])
    for row in document["actions"]:
        module, parameters = actions.find(row["type"]), row.get("parameters", {})
        filled = touching(row)
        problems += _forbidden(row, module.permission(**parameters), execution.allow, policies)
        touches = Touches(**filled["touches"])
        if "expects" not in row:
            door = door or open_door(document["cloud"])
            facts = module.look(door, **parameters)
            filled["expects"] = facts or {}
            problems += _elsewhere(row, touches, facts, document["cloud"])
        else:
            problems += _lacking(row, module, parameters)
        if "digest" not in document and not undoes:
            filled.pop("automation", None)  # a server's own word: nobody else lifts or invents it
            if touches.instance and execution.mode == "auto":
                door = door or open_door(document["cloud"])
                filled["automation"] = _automation(door, touches.instance)
        rows.append(filled)
    problems += _unforeseen(rows, document["actions"])
    if problems:
        raise Failed("; ".join(problems), "mend the plan and start it again")
    allowed = bounded(execution, policies)
    allowed = inverse.exempt(allowed) if undoes else allowed
    if allowed.four_eyes and not document.get("requested_by"):
        raise Failed(
            "a policy demands a second pair of eyes, and nobody says who asks for this plan",
            "add requested_by: NAME; somebody else has to approve it",
        )
    told = {k: v for k, v in asdict(allowed).items() if v not in ("", None)}
    document = {**document, "actions": rows, "execution": thaw(told)}
    return _reversible(_shared(document, open_door, policies, undoes=undoes))


def _automation(door: Door, instance: str) -> str:
    """What a server asks for; one that is gone asks for nothing, and the action finds that out."""
    try:
        return automation.of_server(door.server(instance).metadata)
    except Gone:
        return ""


def _shared(
    document: Document, open_door: Callable[[str], Door], policies: Sequence[Policy], *, undoes: bool
) -> Document:
    """The same plan with the shares that these policies give it, whatever it said of them. Raises Failed."""
    rows = [{k: v for k, v in row.items() if k != "shares"} for row in document["actions"]]
    document = {k: v for k, v in document.items() if k != "shares"} | {"actions": rows}
    if not shares.needed(policies):
        return document
    cloud = document["cloud"]
    cluster = collect(open_door(cloud).reader, cloud, now=datetime.now(UTC), max_uncertain=100.0)
    plan = shares.shared(from_document(document), cluster, policies)
    plan = inverse.unhurried(plan) if undoes else plan
    if problems := reserve.broken(plan, cluster, policies):
        raise Failed("; ".join(problems[:5]), "leave these actions out, or free hosts of the group first")
    mine = ({"shares": list(action.shares)} if action.shares else {} for action in plan.actions)
    return {
        **document,
        "actions": [{**row, **more} for row, more in zip(rows, mine)],
        "shares": {name: asdict(share) for name, share in plan.shares.items()},
    }


def _reversible(document: Document) -> Document:
    """The same plan with what of it could not be undone. Raises Failed if it wants to be reversible."""
    plan = from_document(document)
    left = inverse.irreversible(plan)
    if left and plan.execution.reversible:
        raise Failed(
            f"the plan could not be undone as a whole: {'; '.join(left)}",
            "leave these actions out, or do without execution.reversible",
        )
    # In its canonical form: what people take from the query `plan` must be a valid document again.
    return to_document(replace(plan, irreversible=left))


def touching(row: Mapping[str, Any]) -> Document:
    """The same action with what it touches, whatever it says of that itself."""
    touches = actions.find(row["type"]).touches(**row.get("parameters", {}))
    return {**row, "touches": {k: v for k, v in asdict(touches).items() if v is not None}}


def require_size(document: Document) -> Document:
    """The same plan, if one workflow can carry all of it out and undo it. Raises Failed."""
    sizes = sorted((len(json.dumps(row).encode()) for row in document["actions"]), reverse=True)
    count, size = len(sizes), sum(sizes)
    if count > MOST or size > LARGEST:
        raise Failed(
            f"the plan has {count} actions in {size / 1e6:.1f} MB; one workflow takes at most {MOST} in "
            f"{LARGEST / 1e6:.1f} MB",
            "split it, or narrow the scope of its audit",
        )
    parallel = document.get("execution", {}).get("limits", {}).get("parallel", Limits().parallel)
    at_once = sum(min(size, BY_REFERENCE) + AROUND for size in sizes[:parallel])
    if at_once > ONE_MESSAGE:
        raise Failed(
            f"{parallel} of the plan's actions at once are up to {at_once / 1e6:.1f} MB; Temporal takes "
            f"{ONE_MESSAGE / 1e6:.1f} MB in one message",
            f"make execution.limits.parallel smaller, {max(1, ONE_MESSAGE * parallel // at_once)} will do",
        )
    return document


def _forbidden(
    row: Mapping[str, Any], permission: str | None, allow: tuple[str, ...], policies: Sequence[Policy]
) -> list[str]:
    if permission is None:
        return []
    if said := forbids(permission, policies):
        return [f"{row['id']}: {said}"]
    if permission in allow:
        return []
    return [
        f"{row['id']}: execution.allow must contain {permission!r}, it has {', '.join(allow) or 'nothing'}"
    ]


def _elsewhere(
    row: Mapping[str, Any], touches: Touches, facts: Mapping[str, Any] | None, cloud: str
) -> list[str]:
    if facts is None:
        return [f"{row['id']}: there is no {touches.instance or touches.service} in {cloud}"]
    if facts.get("task_state") is not None:  # what holds in the middle of a task is nothing to go by
        return [f"{row['id']}: the task {facts['task_state']} is in progress; wait for its end"]
    if said := facts.get("refused"):
        return [f"{row['id']}: {said}"]
    host = facts.get("host")
    if touches.out is not None and host != touches.out:
        return [f"{row['id']}: is on {host}, not on {touches.out}"]
    return []


def _unforeseen(rows: Sequence[Document], given: Sequence[Mapping[str, Any]]) -> list[str]:
    """Actions without expectations of their own after another on the same server."""
    before = {row["id"]: (*row.get("needs", ()), *row.get("freed_by", ())) for row in given}
    earlier: dict[str, list[str]] = {}
    problems = []
    for row, own in zip(rows, given, strict=True):
        others = earlier.setdefault(row["touches"].get("instance", ""), [])
        if "expects" not in own and "instance" in row["touches"] and others:
            first = ancestors(before, row["id"])
            problems += [
                f"{row['id']}: {id} comes before it on the same server, so that it will not find what is "
                "there now; say in `expects` what it will find"
                for id in others
                if id in first
            ]
        others.append(row["id"])
    return problems


def _lacking(row: Mapping[str, Any], module: ActionModule, parameters: Mapping[str, Any]) -> list[str]:
    """What is expected is also what the undo restores."""
    try:
        if module.inverse(row["expects"], **parameters) is None:
            module.satisfied(row["expects"], **parameters)  # then nothing is there to be undone
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
        urgency=document.get("urgency", 0),
        seconds=document["seconds"],
    )
