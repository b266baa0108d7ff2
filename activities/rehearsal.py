"""A door through which nothing goes out: reading passes, each write is recorded and comes true at once, but
only for whoever stands at this door.

What earlier actions of the same dry run would have done shows as well, as long as the cloud is otherwise as
they expected it: so an action that rests on an earlier one is not judged by a cloud in which nothing moved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from activities import actions, orders
from activities.doing.execute import Outcome
from activities.door import Door, Failed, Reader
from activities.observe.nova import Flavor, Migration, Offer, Progress, Request, Server, Service
from activities.orders import Order
from plan_schemas.model import Cluster
from plan_schemas.plan import Touches

Changes = Mapping[str, tuple[Any, Any]]  # fact -> what it was, what it is then
_NO_RECORD = -1  # no migration of Nova's has this number


@dataclass(frozen=True)
class Earlier:
    """An action of the same plan that was rehearsed before."""

    type: str
    parameters: Mapping[str, Any]
    expects: Mapping[str, Any]

    @property
    def touches(self) -> Touches:
        return actions.find(self.type).touches(**self.parameters)

    @property
    def changes(self) -> Changes:
        wants = actions.find(self.type).wants(self.expects, **self.parameters)
        return {k: (self.expects.get(k), v) for k, v in wants.items() if self.expects.get(k) != v}

    def on(self, cluster: Cluster) -> Cluster:
        """The cluster after it; the same one where it would have found something else."""
        module, touches = actions.find(self.type), self.touches
        known = touches.instance in cluster.instances or touches.service in cluster.hosts
        if not known:
            return cluster
        found = module.expects(cluster, **self.parameters)
        if any(found.get(fact) != was for fact, (was, _) in self.changes.items()):
            return cluster
        return module.apply(cluster, **self.parameters)


@dataclass
class Rehearsal:
    """A `Door` for one action of a dry run, on top of the real one."""

    door: Door
    earlier: Sequence[Earlier]
    now: Callable[[], datetime]
    sent: list[Order] = field(default_factory=list)  # that would have been
    _came_true: list[tuple[str, Changes]] = field(default_factory=list)  # by instance or host, in order
    _asked: dict[str, tuple[Request, Migration]] = field(default_factory=dict)
    _switched: dict[str, Request] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for step in self.earlier:
            if subject := step.touches.instance or step.touches.service:
                self._came_true.append((subject, step.changes))

    @property
    def evidence(self) -> dict[str, Any]:
        return {"dry_run": True, "requests": [order.document for order in self.sent]}

    @property
    def cloud(self) -> str:
        return self.door.cloud

    @property
    def reader(self) -> Reader:
        return self.door.reader

    @property
    def user(self) -> str:
        return self.door.user

    # -- reading ------------------------------------------------------------------------------------------

    def server(self, uuid: str) -> Server:
        row = self.door.server(uuid)
        name = row.flavor.original_name if row.flavor is not None else ""
        then = self._as_then(uuid, {**row.model_dump(), "flavor": name})
        if "flavor" in then:
            then["flavor"] = self._booted_as(then["flavor"])
        return row.model_copy(update=then)

    def _booted_as(self, flavor: str) -> Flavor:
        offer = next((row for row in self.offers() if row.name == flavor), None)
        if offer is None:
            raise _withdrawn(flavor)
        return Flavor.model_validate({**offer.model_dump(), "original_name": flavor})

    def offers(self) -> tuple[Offer, ...]:
        return self.door.offers()

    def service(self, host: str) -> Service:
        row = self.door.service(host)
        return row.model_copy(update=self._as_then(host, row.model_dump()))

    def requests(self, uuid: str) -> tuple[Request, ...]:
        own = (self._asked[uuid][0],) if uuid in self._asked else ()
        own = (self._switched[uuid], *own) if uuid in self._switched else own
        return (*own, *self.door.requests(uuid))

    def request(self, uuid: str, id: str) -> Request:
        if uuid in self._asked and self._asked[uuid][0].id == id:
            return self._asked[uuid][0]
        return self.door.request(uuid, id)

    def migrations(self, uuid: str) -> tuple[Migration, ...]:
        own = (self._asked[uuid][1],) if uuid in self._asked else ()
        return (*own, *self.door.migrations(uuid))

    def progress(self, uuid: str) -> tuple[Progress, ...]:
        return self.door.progress(uuid)

    def picture(self, hosts: frozenset[str] | None, about: str | None, *, now: datetime) -> Cluster:
        """With the hosts that the earlier actions touch, for what they would have brought or taken."""
        touched = {h for step in self.earlier for h in (step.touches.out, step.touches.into) if h is not None}
        cluster = self.door.picture(None if hosts is None else hosts | touched, about, now=now)
        for step in self.earlier:
            cluster = step.on(cluster)
        return cluster

    def _as_then(self, subject: str, facts: Mapping[str, Any]) -> dict[str, Any]:
        """The facts that are otherwise by now; what somebody else changed stays as it was found."""
        found = dict(facts)
        for other, changes in self._came_true:
            for fact, (was, then) in changes.items():
                if other == subject and fact in found and found[fact] == was:
                    found[fact] = then
        return {fact: value for fact, value in found.items() if value != facts[fact]}

    # -- writing: nothing is sent ---------------------------------------------------------------------------

    def live_migrate(self, uuid: str, host: str) -> None:
        self._move(orders.live_migrate(uuid, host), uuid, host, ("live-migration", "live-migration"))

    def cold_migrate(self, uuid: str, host: str) -> None:
        self._move(orders.cold_migrate(uuid, host), uuid, host, ("migrate", "migration"))

    def resize(self, uuid: str, flavor: str) -> None:
        """Where Nova would put it is not known: here it stays where it is."""
        wanted = next((offer.name for offer in self.offers() if offer.id == flavor), None)
        if wanted is None:
            raise _withdrawn(flavor)
        row = self.server(uuid)
        self._move(orders.resize(uuid, flavor), uuid, row.host, ("resize", "resize"))
        name = row.flavor.original_name if row.flavor is not None else ""
        self._come_true(uuid, {"flavor": (name, wanted)})

    def confirm(self, uuid: str) -> None:
        self.sent.append(orders.confirm(uuid))
        self._end(uuid, "confirmed")

    def revert(self, uuid: str) -> None:
        self.sent.append(orders.revert(uuid))
        _, record = self._asked[uuid]
        self._come_true(uuid, {"host": (record.dest, record.source)})
        self._end(uuid, "reverted")

    def abort(self, uuid: str, migration: int) -> None:
        self.sent.append(orders.abort(uuid, migration))

    def stop(self, uuid: str) -> None:
        self._switch(orders.stop(uuid), uuid, "stop", "SHUTOFF")

    def start(self, uuid: str) -> None:
        self._switch(orders.start(uuid), uuid, "start", "ACTIVE")

    def _switch(self, order: Order, uuid: str, action: str, status: str) -> None:
        self.sent.append(order)
        row = self.server(uuid)
        request = {
            "request_id": f"dry-run-{action}-{uuid}",
            "action": action,
            "user_id": self.user,
            "start_time": self.now(),
        }
        self._switched[uuid] = Request.model_validate(request)
        self._come_true(uuid, {"status": (row.status, status)})

    def set_service(self, service: Service, status: str, reason: str | None) -> Service:
        self.sent.append(orders.set_service(service.id, status, reason))
        because = reason if status == "disabled" else None
        self._come_true(
            service.host,
            {"status": (service.status, status), "disabled_reason": (service.disabled_reason, because)},
        )
        return self.service(service.host)

    def _move(self, order: Order, uuid: str, host: str | None, names: tuple[str, str]) -> None:
        """Nova's own names for the request and for its record; a cold move rests before it is confirmed."""
        self.sent.append(order)
        row, (action, kind), at = self.server(uuid), names, self.now()
        ended = "completed" if kind == "live-migration" else "finished"
        request = {"request_id": f"dry-run-{uuid}", "action": action, "user_id": self.user, "start_time": at}
        record = {
            "id": _NO_RECORD,
            "instance_uuid": uuid,
            "migration_type": kind,
            "status": ended,
            "source_compute": row.host,
            "dest_compute": host,
            "user_id": self.user,
            "created_at": at,
        }
        self._asked[uuid] = (Request.model_validate(request), Migration.model_validate(record))
        self._come_true(uuid, {"host": (row.host, host)})

    def _end(self, uuid: str, status: str) -> None:
        request, record = self._asked[uuid]
        self._asked[uuid] = (request, record.model_copy(update={"status": status}))

    def _come_true(self, subject: str, changes: Changes) -> None:
        self._came_true.append((subject, changes))


def _withdrawn(flavor: str) -> Failed:
    """A server that was resized for real keeps its size with it; nothing tells that of a rehearsal."""
    said = f"the flavor {flavor} was withdrawn while the dry run went on; nobody can tell its size any more"
    return Failed(said, "plan again", kind="refused")


def rehearsed(
    rows: Sequence[Mapping[str, Any]] | None, door: Door, now: Callable[[], datetime]
) -> Rehearsal | None:
    """In a dry run the action says what was rehearsed before it, and comes to no other door."""
    if rows is None:
        return None
    return Rehearsal(door, [Earlier(row["type"], row["parameters"], row["expects"]) for row in rows], now)


def told(outcome: Outcome, rehearsal: Rehearsal | None) -> dict[str, Any]:
    """An outcome as a plan takes it; of a dry run with what would have been sent."""
    if rehearsal is not None and outcome.outcome == "done":
        outcome = replace(outcome, reason="(dry run) nothing was sent", evidence=rehearsal.evidence)
    return {
        "outcome": outcome.outcome,
        "cause": outcome.cause,
        "why": outcome.reason,
        "evidence": {**outcome.evidence, "seconds": outcome.seconds},
    }
