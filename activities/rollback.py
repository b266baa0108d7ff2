"""The inverse of a finished plan, after every expectation was checked against the cloud."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from activities import actions
from activities.doing.facts import differences
from activities.door import Door, Gone
from activities.observe.nova import Service
from activities.planner import inverse
from activities.rules import checks
from plan_schemas.plan import Action, ActionState, Plan, PlanState, Refused, from_document, to_document

Document = dict[str, Any]
FINISHED = frozenset(
    {PlanState.SUCCEEDED, PlanState.FAILED, PlanState.CANCELLED, PlanState.ROLLBACK_INCOMPLETE}
)
# What may have changed the cloud and still stands; what was reverted is none of our business any more.
STANDING = frozenset({ActionState.SUCCEEDED, ActionState.FAILED, ActionState.REVERT_FAILED})
# And what a terminated plan was at: nobody told it how that ended, so the cloud is asked.
CUT_OFF = frozenset({ActionState.ONGOING, ActionState.REVERTING})


def derive(
    record: Mapping[str, Any],
    open_door: Callable[[str], Door],
    *,
    plan_id: str,
    reason: str,
    partial: bool,
    now: datetime,
    requested_by: str = "",
) -> Document:
    """`{plan, leftovers, changed}` from a finished plan's record. Nothing is written. Raises Refused."""
    _require_finished(record, plan_id)
    plan = from_document(record["plan"])
    if plan.execution.dry_run:
        raise Refused(f"{plan_id} was a dry run: it changed nothing, and there is nothing to undo")
    _require_in_time(plan, record.get("ended"), plan_id, now)
    if plan.execution.four_eyes and not requested_by:
        raise Refused(
            f"{plan_id} was for four eyes, and nobody says who asks for its rollback",
            "add requested_by: NAME to the Rollback; somebody else has to approve its plan",
        )
    done = [id for id, row in record["actions"].items() if row["state"] in STANDING | CUT_OFF]
    back = inverse.undo_plan(plan, done, reason=f"rollback of {plan_id}: {reason}")
    door = open_door(plan.cloud)
    if back.plan and is_undone(back.plan, door):
        raise Refused(f"{plan_id} was undone already: all that it changed is as it was before")
    changed = changes(back.plan, door) if back.plan else {}
    wanted = back.plan
    if back.plan and partial:
        wanted, needy = without(back.plan, changed)
        changed |= needy
    if wanted is not None:  # asked for by a person, and every step that can be taken is worth taking
        mode = "approve" if wanted.execution.four_eyes else "auto"
        execution = replace(wanted.execution, mode=mode, on_failure="continue", on_drift="skip")
        wanted = replace(wanted, execution=execution, requested_by=requested_by)  # not who asked for the plan
    return {
        "plan": to_document(wanted) if wanted and wanted.actions else None,
        "leftovers": list(back.leftovers),
        "changed": [f"{id}: {why}" for id, why in changed.items()],
    }


def _require_finished(record: Mapping[str, Any], plan_id: str) -> None:
    state = record["state"]
    if state == PlanState.ROLLED_BACK:
        raise Refused(f"{plan_id} was undone already: {record['sentence']}")
    if state not in FINISHED and not record.get("over"):
        raise Refused(f"{plan_id} is {state}; a running plan takes the message roll_back instead")
    if "plan" not in record:
        raise Refused(f"{plan_id} never came to a plan: {record['sentence']}")


def _require_in_time(plan: Plan, ended: str | None, plan_id: str, now: datetime) -> None:
    window = timedelta(seconds=plan.execution.rollback_window_seconds)
    if ended is not None and now - datetime.fromisoformat(ended) > window:
        since = timedelta(seconds=round((now - datetime.fromisoformat(ended)).total_seconds()))
        raise Refused(
            f"{plan_id} ended {since} ago, and its rollback_window is {window}",
            "what is to be put back yet needs a plan of its own",
        )


def changes(plan: Plan, door: Door) -> dict[str, str]:
    """What is not as the undo expects, by action. Of a chain only the first link can be looked at now."""
    found: dict[str, str] = {}
    seen: set[str] = set()
    for action in plan.actions:
        subject = action.touches.instance or action.touches.service or action.id
        if subject not in seen:
            seen.add(subject)
            if why := _difference(action, door):
                found[action.id] = why
    return found | {id: why for id, why in _closed(plan, door).items() if id not in found}


def _closed(plan: Plan, door: Door) -> dict[str, str]:
    """What would go back to a host that takes nothing now, unless the undo itself opens it before.

    Whether there is room, and whether its numbers can be believed, is told when its turn comes.
    """
    found: dict[str, str] = {}
    known: dict[str, Service | None] = {}
    for action in plan.actions:  # an action stands behind all that it needs
        touches = action.touches
        for host in {touches.into, touches.service} - {None, *known}:
            known[str(host)] = _service(door, str(host))
        if touches.into is not None:
            why = _closure(touches.into, known[touches.into])
            if why and not _is_done(action, door):
                found[action.id] = why
        service = known.get(touches.service or "")
        if service is not None and touches.sets is not None:
            known[service.host] = service.model_copy(update={"status": touches.sets})
    return found


def _service(door: Door, host: str) -> Service | None:
    try:
        return door.service(host)
    except Gone:
        return None


def _closure(host: str, service: Service | None) -> str:
    if service is None:
        return f"there is no nova-compute on {host} any more"
    refusals = checks.closed(host, service.state, service.status, service.disabled_reason)
    return "; ".join(refusal.text for refusal in refusals)


def is_undone(plan: Plan, door: Door) -> bool:
    """Whether an undo would find everything done; of a chain the last link tells."""
    last = {t.instance or t.service: a for a in plan.actions if (t := a.touches).instance or t.service}
    return bool(last) and all(_is_done(action, door) for action in last.values())


def _is_done(action: Action, door: Door) -> bool:
    module, parameters = actions.find(action.type), dict(action.parameters)
    facts = module.look(door, **parameters)
    return facts is not None and not differences(module.wants(action.expects, **parameters), facts)


def _difference(action: Action, door: Door) -> str:
    module = actions.find(action.type)
    facts = module.look(door, **dict(action.parameters))
    if facts is None:
        return "it does not exist any more"
    wanted = module.wants(dict(action.expects), **dict(action.parameters))
    if not differences(wanted, facts):
        return ""  # as it was before already
    return "; ".join(differences(action.expects, facts))


def without(plan: Plan, left_out: Collection[str]) -> tuple[Plan, dict[str, str]]:
    """The plan less some actions and all that needs them; and why, of the latter."""
    needy: dict[str, str] = {}
    kept: list[Action] = []
    for action in plan.actions:  # an action stands behind all that it needs
        if action.id in left_out:
            continue
        missing = [id for id in action.needs if id in left_out or id in needy]
        if missing:
            needy[action.id] = f"needs {', '.join(missing)}"
        else:
            kept.append(action)
    ids = {action.id for action in kept}
    kept = [
        replace(
            a,
            freed_by=tuple(f for f in a.freed_by if f in ids),
            after=tuple(f for f in a.after if f in ids),
        )
        for a in kept
    ]
    return replace(plan, actions=tuple(kept)), needy
