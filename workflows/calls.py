"""Every activity that a workflow may call, with its types; time limits of an action come from the plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, TimeoutError
from temporalio.workflow import ActivityCancellationType, ActivityHandle

from plan_schemas.events import Event
from plan_schemas.frozen import thaw
from plan_schemas.plan import Action, Plan
from plan_schemas.windows import Window
from workflows.plan.status import title
from workflows.wire.answers import (
    Decision,
    Ending,
    Holder,
    Holders,
    Measured,
    Moving,
    Openings,
    Remains,
    Result,
    Snapshot,
    Undo,
)

Document = dict[str, Any]
WORKERS = 100  # that may die with one action in hand
T = TypeVar("T")
FOR_EVER = 0  # attempts
MINUTE = timedelta(minutes=1)
SIGN_OF_LIFE = timedelta(seconds=30)  # between two of them at most


async def _call(
    name: str,
    result: type[T],
    args: list[Any],
    summary: str,
    *,
    limit: timedelta = MINUTE,
    attempts: int = 5,
) -> T:
    """What may take longer than a minute gives signs of life: a dead worker costs half a minute."""
    answer: T = await workflow.execute_activity(
        name,
        args=args,
        result_type=result,
        summary=summary[:200],
        start_to_close_timeout=limit,
        heartbeat_timeout=SIGN_OF_LIFE if limit > MINUTE else None,
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=1),
            maximum_interval=timedelta(seconds=30),
            maximum_attempts=attempts,
        ),
    )
    return answer


async def admit_audit(document: Document) -> Document:
    return await _call("audit.admit", Document, [document], "check the audit document")


async def admit_plan(document: Document, name: str, parent: list[str]) -> Document:
    """The effective plan; expectations that the document leaves out are read from the cloud. `parent` is id
    and run of the workflow that started it, if one did."""
    return await _call(
        "plan.admit",
        Document,
        [document, name, parent],
        "check the plan document",
        limit=timedelta(hours=1),
        attempts=8,
    )


async def admit_rollback(document: Document) -> Document:
    return await _call("rollback.admit", Document, [document], "check the rollback document")


async def observe(cloud: str, max_uncertain: float, max_age: float = 0) -> Snapshot:
    """A new snapshot, or one that is there already and not older than `max_age` seconds."""
    return await _call(
        "cloud.observe",
        Snapshot,
        [cloud, max_uncertain, max_age],
        f"collect the model of {cloud}",
        limit=timedelta(hours=1),
        attempts=6,
    )


async def orphans(cloud: str) -> Remains:
    return await _call(
        "plans.orphans",
        Remains,
        [cloud],
        f"what terminated plans left on {cloud}",
        limit=timedelta(minutes=10),
    )


async def keep_record(window: float) -> None:
    """Twice at most: the end of a plan does not wait for a copy of what Temporal has anyway."""
    await _call("plan.keep", type(None), [window], "keep the record for a rollback", attempts=2)


async def running_plans(cloud: str) -> list[str]:
    return await _call("plans.running", list[str], [cloud], f"which plans run on {cloud}")


async def moves_of(plans: list[str]) -> list[Document]:
    return await _call("plans.moves", list[Document], [plans], "what other plans still move")


async def supersede(audit: str, newer: str) -> list[str]:
    return await _call(
        "plans.supersede", list[str], [audit, newer], f"end what earlier rounds of {audit} recommended"
    )


async def measure_usage(audit: Document, snapshot: Snapshot, *, is_result: bool = False) -> Measured:
    """What the audit's strategy needs to know, to decide by or as the result of its plan."""
    return await _call(
        "cloud.measure_usage",
        Measured,
        [audit, snapshot, is_result],
        f"measure {', '.join(audit['metrics'])} of {audit['cloud']}",
        limit=timedelta(minutes=30),
        attempts=6,
    )


async def decide(
    audit: Document,
    snapshot: Snapshot,
    audit_id: str,
    moves: list[Document],
    measured: Measured | None = None,
) -> Decision:
    return await _call(
        "audit.decide",
        Decision,
        [audit, snapshot, audit_id, moves, measured],
        f"{audit['strategy']} on {snapshot['hosts']} hosts, {snapshot['instances']} instances",
        limit=timedelta(hours=1),
    )


async def measure(
    audit: Document,
    before: Snapshot,
    after: Snapshot,
    used_before: Measured | None,
    used_after: Measured | None,
) -> Result:
    args = [audit, before, after, used_before, used_after]
    return await _call("audit.measure", Result, args, f"measure {audit['goal']} on the new snapshot")


async def derive_undo(plan: Document, done: list[str], reason: str) -> Undo:
    """It touches no cloud: what can keep it is a payload that is gone, and that is waited for."""
    return await _call("plan.undo", Undo, [plan, done, reason], "derive the way back", attempts=FOR_EVER)


async def derive_rollback(plan_id: str, reason: str, allow_partial: bool, requested_by: str) -> Undo:
    return await _call(
        "rollback.derive",
        Undo,
        [plan_id, reason, allow_partial, requested_by],
        f"check every expectation of {plan_id} before the first write",
        limit=timedelta(minutes=10),
        attempts=8,
    )


async def end_as_cancelled(reason: str) -> None:
    """Ask Temporal to cancel the calling workflow: only then may it end as Canceled."""
    await _call("workflow.cancel", type(None), [reason], "end as Canceled")


async def openings(groups: tuple[tuple[Window, ...], ...]) -> Openings:
    rows = [[asdict(window) for window in group] for group in groups]
    return await _call("plan.openings", Openings, [rows], "when its windows are open", attempts=FOR_EVER)


async def publish(events: list[Event], post: bool) -> None:
    """With `post`, as long as it takes: whoever waits for it bears no hurry."""
    await _call(
        "events.publish",
        type(None),
        [events, post],
        f"tell of {len(events)} events",
        attempts=FOR_EVER if post else 10,
    )


async def verify_approval(approval: Document, token: str) -> str:
    """Who signed it."""
    return await _call("approval.verify", str, [approval, token], "whether the approval is signed")


async def open_permits(cloud: str) -> None:
    await _call("permits.open", type(None), [cloud], f"open the permits of {cloud}", attempts=FOR_EVER)


async def holders(cloud: str) -> Holders:
    return await _call(
        "plans.holders", Holders, [cloud], f"who may hold permits of {cloud}", attempts=FOR_EVER
    )


async def moving(cloud: str, instances: list[str], everything: bool) -> Moving:
    said = f"what of {len(instances)} instances {'and of all others ' if everything else ''}still moves"
    return await _call("cloud.moving", Moving, [cloud, instances, everything], said, attempts=3)


async def look_at(plans: list[str]) -> dict[str, Holder]:
    return await _call(
        "plans.look", dict[str, Holder], [plans], f"whether {len(plans)} plans live", attempts=FOR_EVER
    )


def start_action(
    plan: Plan, action: Action, rehearsed: Sequence[Action], approved: bool
) -> ActivityHandle[Ending]:
    """Carry one action out, in a dry run after those `rehearsed` before it. Its limits are those frozen in
    the plan; its activity id is the action's id."""
    name = "act.rehearse" if plan.execution.dry_run else "act"
    return _start(name, action.id, plan, action, rehearsed, approved=approved)


def abort_action(
    plan: Plan, action: Action, rehearsed: Sequence[Action], since: datetime, lost: ActivityError
) -> ActivityHandle[Ending]:
    """End what the attempts at an action since then asked for, when none of them heard the abort."""
    told = lost.cause.last_heartbeat_details if isinstance(lost.cause, TimeoutError) else ()
    hint = told[0] if told and isinstance(told[0], dict) else {}
    name = "act.rehearse.abort" if plan.execution.dry_run else "act.abort"
    return _start(name, f"abort {action.id}", plan, action, rehearsed, since.isoformat(), hint)


def _start(
    name: str,
    id: str,
    plan: Plan,
    action: Action,
    rehearsed: Sequence[Action],
    *more: Any,
    approved: bool = False,
) -> ActivityHandle[Ending]:
    kind = plan.types[action.type]
    seconds = kind.timeout_seconds + kind.timeout_factor * action.seconds
    return workflow.start_activity(
        name,
        args=[
            action_document(action)
            | {"attempts": kind.retry.attempts, "approved": approved}
            | _dry(plan, rehearsed),
            plan.cloud,
            list(plan.execution.allow),
            *more,
        ],
        result_type=Ending,
        activity_id=id,
        summary=title(action)[:200],
        start_to_close_timeout=timedelta(seconds=seconds),
        heartbeat_timeout=timedelta(seconds=kind.heartbeat_seconds),
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=kind.retry.initial_seconds),
            backoff_coefficient=kind.retry.backoff,
            maximum_interval=timedelta(seconds=kind.retry.maximum_seconds),
            # The plan counts what the cloud refused (activities/act.py). Here every worker that died
            # or let go counts too: an action that kills its workers must come to an end.
            maximum_attempts=max(WORKERS, kind.retry.attempts),
        ),
    )


def _dry(plan: Plan, rehearsed: Sequence[Action]) -> Document:
    """What an action finds rehearsed. That it must not send anything is in the name of its activity: a worker
    of before dry runs overlooks a key, but knows no activity of that name and leaves it to others."""
    if not plan.execution.dry_run:
        return {}
    keys = ("type", "parameters", "expects")
    return {"rehearsed": [{k: action_document(one)[k] for k in keys} for one in rehearsed]}


def action_document(action: Action) -> Document:
    """What the activity needs to know of an action, and no more."""
    return {
        "id": action.id,
        "type": action.type,
        "parameters": thaw(action.parameters),
        "expects": thaw(action.expects),
        "reason": action.reason,
        "seconds": action.seconds,
        "urgency": action.urgency,
    }
