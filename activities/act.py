"""The activities: a few lines each between Temporal and what does the work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from activities import complete, decide, rollback, signers
from activities.doing import execute
from activities.doing.pulse import Pulse, giving_up, signs_of_life, steady, telling_of_pauses
from activities.door import Door, Failed, Gone, Stopped, Transient
from activities.memory import snapshots
from activities.memory.keeping import Keeping
from activities.memory.outdating import outdating
from activities.memory.records import Records
from activities.memory.store import Lost, SnapshotStore
from activities.memory.trail import Trail
from activities.observe import Incomplete, collect
from activities.planner import indicators, inverse
from activities.rehearsal import rehearsed, told
from activities.signers import Signers
from plan_schemas import admit
from plan_schemas.catalog import Catalog
from plan_schemas.frozen import EMPTY
from plan_schemas.plan import Refused, from_document, to_document
from plan_schemas.policy import Policy
from plan_schemas.problems import Invalid
from plan_schemas.tokens import Approval
from plan_schemas.usage import NONE, Usage
from plan_schemas.windows import Window, openings

Document = dict[str, Any]
AT_ONCE = timedelta(milliseconds=100)
FORESIGHT = timedelta(days=8)  # every weekday, whatever hour it is


@contextmanager
def told_to_temporal() -> Iterator[None]:
    """Turn our errors into Temporal's: what can be retried, what cannot, one sentence each."""
    try:
        yield
    except Invalid as error:
        raise _final("InvalidDocument", str(error)) from None
    except Failed as error:
        raise _final("Failed", str(error), {"kind": error.kind}) from None
    except Lost as error:
        raise _final("Failed", str(error)) from None
    except Gone as error:
        raise _final("Gone", str(error), {"kind": "gone"}) from None
    except Refused as error:
        raise _final("Refused", str(error)) from None
    except (Transient, Incomplete) as error:
        raise ApplicationError(str(error), type=type(error).__name__) from None
    except Stopped:
        raise ApplicationError(
            "this worker lets go; the action is taken up again", type="LetGo", next_retry_delay=AT_ONCE
        ) from None


def _final(kind: str, message: str, *details: Document) -> ApplicationError:
    return ApplicationError(message, *details, type=kind, non_retryable=True)


class Activities:
    """All that workflows may call (workflows/calls.py), over one catalogue, store and kind of cloud."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        store: SnapshotStore,
        open_door: Callable[[str], Door],
        client: Client,
        trail: Trail,
        policies: Sequence[Policy] = (),
        signers: Signers = EMPTY,
        show: Callable[[Document, str], None] | None = None,
    ) -> None:
        self._show = show
        self._signers = signers
        self._trail, self._policies = trail, policies
        self._catalog = catalog
        self._store, self._keeping = store, Keeping(store.root)
        self._open_door = open_door
        self._client, self._records = client, Records(client, self._keeping)

    def all(self) -> Sequence[Callable[..., Any]]:
        return [
            self.admit_audit,
            self.admit_plan,
            self.admit_rollback,
            self.observe,
            self.decide,
            self.measure,
            self.act,
            self.abort,
            self.rehearse,
            self.abort_rehearsal,
            self.undo,
            self.openings,
            self.publish,
            self.keep,
            self.verify_approval,
            self.derive_rollback,
            self.cancel_workflow,
        ]

    @activity.defn(name="audit.admit")
    def admit_audit(self, document: Document) -> Document:
        with told_to_temporal():
            return admit.effective_audit(document, self._catalog)

    @activity.defn(name="plan.admit")
    async def admit_plan(self, document: Document, name: str, parent: list[str]) -> Document:
        async with signs_of_life():  # budgets take a picture of the whole cloud
            undoes = await self._records.is_rollback(parent)
            with told_to_temporal():
                return await asyncio.to_thread(self._admitted, document, name, undoes)

    def _admitted(self, document: Document, name: str, undoes: bool) -> Document:
        row = admit.plan(document, self._catalog, name=name, created_at=_now())
        plan = complete.require_size(complete.plan(row, self._open_door, self._policies, undoes=undoes))
        if self._show is not None and plan["execution"]["mode"] != "auto":
            self._show(plan, name)  # it may wait for somebody who wants to look at it
        return plan

    @activity.defn(name="rollback.admit")
    def admit_rollback(self, document: Document) -> Document:
        with told_to_temporal():
            return admit.rollback(document)

    @activity.defn(name="cloud.observe")
    def observe(self, cloud: str, max_uncertain: float, max_age: float) -> Document:
        with told_to_temporal(), steady() as heartbeat:
            now = datetime.now(UTC)
            if max_age and (found := snapshots.reused(self._keeping, cloud, now, max_age, max_uncertain)):
                return found
            cluster = collect(
                self._open_door(cloud).reader,
                cloud,
                now=now,
                heartbeat=heartbeat,
                max_uncertain=max_uncertain,
            )
            return snapshots.kept(self._keeping, cluster, self._store.put(cluster))

    @activity.defn(name="audit.decide")
    def decide(
        self,
        document: Document,
        snapshot: Document,
        audit_id: str,
        moves: list[Document],
        measured: Document | None = None,
    ) -> Document:
        with told_to_temporal(), steady():
            made = decide.plan_for(
                admit.audit(document, self._catalog),
                self._store.get(snapshot["ref"]),
                self._catalog,
                audit_id=audit_id,
                moves=moves,
                policies=self._policies,
                usage=self._used(measured),
            )
            if made.plan is None:
                return {"plan": None, "summary": made.summary}
            plan = complete.require_size(to_document(made.plan))
            snapshots.rested_on(self._keeping, audit_id, snapshot, measured, datetime.now(UTC))
            return {"plan": plan, "summary": made.summary}

    @activity.defn(name="audit.measure")
    def measure(
        self,
        audit: Document,
        before: Document,
        after: Document,
        used_before: Document | None,
        used_after: Document | None,
    ) -> Document:
        """The indicators of the audit's goal, and what is not as it wanted it."""
        with told_to_temporal():
            emptied = self._catalog.strategies[audit["strategy"]].emptied(audit["parameters"])
            now = self._store.get(after["ref"])
            values = indicators.measure(
                self._catalog.goals[audit["goal"]],
                self._store.get(before["ref"]),
                now,
                used_before=self._used(used_before),
                used_after=self._used(used_after),
                emptied=emptied,
            )
            return {"values": values, "told": indicators.shortfalls(now, emptied)}

    def _used(self, measured: Document | None) -> Usage:
        return self._store.usage(measured["ref"]) if measured else NONE

    @activity.defn(name="act", no_thread_cancel_exception=True)
    def act(self, document: Document, cloud: str, allow: list[str]) -> Document:
        with told_to_temporal(), Pulse().ticking() as watch, telling_of_pauses(watch, self._client):
            return self._carry_out(document, cloud, allow, watch)

    @activity.defn(name="act.abort", no_thread_cancel_exception=True)
    def abort(self, document: Document, cloud: str, allow: list[str], since: str, hint: Document) -> Document:
        """An abort that no attempt heard: end what they asked for, and tell what became of it."""
        with told_to_temporal(), Pulse(datetime.fromisoformat(since), hint).ticking() as watch:
            return self._carry_out(document, cloud, allow, watch, begin=False)

    @activity.defn(name="act.rehearse", no_thread_cancel_exception=True)
    def rehearse(self, document: Document, cloud: str, allow: list[str]) -> Document:
        return self.act({"rehearsed": [], **document}, cloud, allow)

    @activity.defn(name="act.rehearse.abort", no_thread_cancel_exception=True)
    def abort_rehearsal(
        self, document: Document, cloud: str, allow: list[str], since: str, hint: Document
    ) -> Document:
        return self.abort({"rehearsed": [], **document}, cloud, allow, since, hint)

    def _carry_out(
        self, document: Document, cloud: str, allow: list[str], watch: Pulse, *, begin: bool = True
    ) -> Document:
        action = complete.action_from(document)
        with giving_up(watch, document["attempts"]):
            door = self._open_door(cloud)
            rehearsal = rehearsed(document.get("rehearsed"), door, watch.now)
            with outdating(self._keeping, cloud) if rehearsal is None else nullcontext():
                outcome = execute.carry_out(
                    action,
                    rehearsal or door,
                    watch,
                    allow=allow,
                    begin=begin,
                    policies=self._policies,
                    approved=document.get("approved", False),
                )
            return told(outcome, rehearsal)

    @activity.defn(name="plan.keep")
    async def keep(self, window: float) -> None:
        """Keep the record of the plan that asks, which has ended but for this."""
        info, now = activity.info(), datetime.now(UTC)
        handle = self._client.get_workflow_handle(info.workflow_id or "", run_id=info.workflow_run_id)
        record: Document = await handle.query("record")
        until = now + timedelta(seconds=window)
        told = {**record, "over": True, "ended": now.isoformat()}
        await asyncio.to_thread(self._keeping.keep_record, info.workflow_id or "", told, until, now)

    @activity.defn(name="plan.openings")
    def openings(self, groups: list[list[Document]]) -> Document:
        """When every group has a window open in the days to come."""
        begin = datetime.now(UTC)
        end = begin + FORESIGHT
        windows = [[Window.of(row) for row in group] for group in groups]
        spans = [[a.isoformat(), b.isoformat()] for a, b in openings(windows, begin, end)]
        return {"open": spans, "until": end.isoformat()}

    @activity.defn(name="approval.verify")
    def verify_approval(self, approval: Document, token: str) -> str:
        """Who signed it."""
        with told_to_temporal():
            return signers.verify(Approval(**approval), token, self._signers)

    @activity.defn(name="events.publish")
    def publish(self, events: list[Document], post: bool) -> None:
        with told_to_temporal():
            self._trail.publish(events, post=post)

    @activity.defn(name="plan.undo")
    def undo(self, plan: Document, done: list[str], reason: str) -> Document:
        with told_to_temporal():
            back = inverse.undo_plan(from_document(plan), done, reason=reason)
            return {
                "plan": to_document(back.plan) if back.plan else None,
                "leftovers": list(back.leftovers),
                "changed": [],
            }

    @activity.defn(name="rollback.derive")
    async def derive_rollback(
        self, plan_id: str, reason: str, allow_partial: bool, requested_by: str = ""
    ) -> Document:
        async with signs_of_life():
            with told_to_temporal():
                record = await self._records.of(plan_id)
                return await asyncio.to_thread(
                    rollback.derive,
                    record,
                    self._open_door,
                    plan_id=plan_id,
                    reason=reason,
                    partial=allow_partial,
                    now=datetime.now(UTC),
                    requested_by=requested_by,
                )

    @activity.defn(name="workflow.cancel")
    async def cancel_workflow(self, reason: str) -> None:
        """Cancel the workflow that asks: only so may it end as Canceled."""
        info = activity.info()
        handle = self._client.get_workflow_handle(info.workflow_id or "", run_id=info.workflow_run_id)
        await handle.cancel(reason=reason)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
