"""Move an instance to another host, live or cold: asked for exactly once, believed only when it has ended."""

# ruff: noqa: ARG001 - every function of an action names all of its parameters

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from activities.actions import Facts
from activities.doing import facts
from activities.doing import trace as tracing
from activities.doing.asking import ask, judge_conflict
from activities.doing.follow import Follow, failure
from activities.doing.trace import Asked, Before
from activities.door import Busy, Cancelled, Door, Failed, Gone, Transient, Watch
from activities.observe.nova import Migration, Server
from activities.rights import Denied
from activities.rules import checks
from activities.rules.occupancy import Occupancy
from plan_schemas.audit import Rules
from plan_schemas.model import Cluster
from plan_schemas.plan import Refusal, Touches

_NO_HOST = "No valid host"  # as Nova's own words begin when its scheduler finds none; it has no code for it
_STATES = {"live": checks.LIVE_STATES, "cold": checks.COLD_STATES}
_SWITCH = 0.5  # seconds that Nova lets a guest stand still in the end, unless configured otherwise
_BASE, _REWRITTEN, _RATE = 6.0, 1.3, 1250.0  # seconds; share of memory sent again; MB per second


def touches(*, instance: str, source: str, destination: str, kind: str) -> Touches:
    return Touches(instance=instance, out=source, into=destination)


def permission(*, instance: str, source: str, destination: str, kind: str) -> str | None:
    return kind


def expects(cluster: Cluster, *, instance: str, source: str, destination: str, kind: str) -> dict[str, Any]:
    return facts.in_model(cluster, instance)


def wants(expected: Facts, *, instance: str, source: str, destination: str, kind: str) -> dict[str, Any]:
    return {**expected, "host": destination, "task_state": None}


def satisfied(facts: Facts, *, instance: str, source: str, destination: str, kind: str) -> bool:
    """A server that a failed move left in ERROR is not as wanted, wherever it is."""
    return bool(facts["host"] == destination and facts["task_state"] is None and facts["status"] != "ERROR")


def apply(cluster: Cluster, *, instance: str, source: str, destination: str, kind: str) -> Cluster:
    return cluster.moved(instance, destination)


def inverse(
    expected: Facts, *, instance: str, source: str, destination: str, kind: str
) -> dict[str, Any] | None:
    return {"instance": instance, "source": destination, "destination": source, "kind": kind}


def seconds(cluster: Cluster, *, instance: str, source: str, destination: str, kind: str) -> float:
    return _seconds(cluster.instances[instance].resources.get("MEMORY_MB", 0))


def costs(cluster: Cluster, *, instance: str, source: str, destination: str, kind: str) -> dict[str, float]:
    """A shared disk is not copied; the model cannot tell it from a local one, so this is the most."""
    one = cluster.instances[instance]
    runs = one.status == "ACTIVE"
    if kind == "live":
        memory = one.resources.get("MEMORY_MB", 0) * 2**20
        return {"copy_bytes": round(_REWRITTEN * memory), "downtime_seconds": _SWITCH if runs else 0.0}
    disk = 0 if one.boot_from_volume else one.resources.get("DISK_GB", 0) * 2**30
    takes = _seconds(one.resources.get("MEMORY_MB", 0))
    return {"copy_bytes": disk, "downtime_seconds": round(takes, 3) if runs else 0.0}


def _seconds(memory_mb: int) -> float:
    return _BASE + _REWRITTEN * memory_mb / _RATE


def refusals(
    cluster: Cluster,
    occupancy: Occupancy,
    rules: Rules,
    *,
    instance: str,
    source: str,
    destination: str,
    kind: str,
) -> tuple[Refusal, ...]:
    one = cluster.instances.get(instance)
    if one is None or one.host != source:
        where = "does not exist" if one is None else f"is on {one.host}"
        return (Refusal("status", instance, f"instance {instance} {where}, not on {source}"),)
    found = [
        *checks.immovable(cluster, instance, rules),
        *checks.refusals(cluster, occupancy, instance, destination, rules),
    ]
    if one.status not in _STATES[kind]:
        allowed = " or ".join(sorted(_STATES[kind]))
        text = f"{one.name} is {one.status}; a {kind} migration needs {allowed}"
        found.append(Refusal("status", instance, text))
    if kind not in rules.allow:
        allowed = ", ".join(sorted(rules.allow)) or "nothing"
        text = f"{one.name} would move {kind}; allowed: {allowed}"
        found.append(Refusal("not_allowed", instance, text))
    found += checks.unwanted(one, replace(rules, allow=rules.allow & {kind}))
    return tuple(dict.fromkeys(found))


def look(door: Door, *, instance: str, source: str, destination: str, kind: str) -> dict[str, Any] | None:
    return facts.in_cloud(door, instance)


def trace(
    door: Door, watch: Watch, *, instance: str, source: str, destination: str, kind: str
) -> dict[str, Any] | None:
    try:
        if watch.attempt == 1:  # noted at once, so that no later attempt needs to go by the clocks
            watch.heartbeat({"phase": "looking", **tracing.noted(tracing.before(door, instance))})
            return None
        asked = _Move(door, watch, instance, source, destination, kind).predecessor()
    except Gone:
        return None
    return {"request": asked.request.id} if asked is not None else None


def do(
    door: Door, watch: Watch, *, instance: str, source: str, destination: str, kind: str
) -> dict[str, Any]:
    move = _Move(door, watch, instance, source, destination, kind)
    follow = move.ask()
    record, server = follow.until(frozenset({"finished"}) if kind == "cold" else frozenset())
    if record.status == "finished":
        record, server = move.accept(follow, server)
    return move.judge(follow, record, server)


@dataclass(frozen=True)
class _Move:
    door: Door
    watch: Watch
    instance: str
    source: str
    destination: str
    kind: str

    def ask(self) -> Follow:
        """Look for our request, and only if there is none make it."""
        server = self.door.server(self.instance)
        known = tracing.hinted(self.watch)
        asked = self.predecessor()
        if asked is None:
            known = tracing.before(self.door, self.instance)
            asked = self._post(known)
        expected = _seconds(server.flavor.ram if server.flavor else 0)
        return Follow(self.door, self.watch, self.instance, self.source, self.kind, asked, known, expected)

    def predecessor(self) -> Asked | None:
        """What an earlier attempt of this action asked for, if it did."""
        sure = tracing.has_asked(self.watch)
        return self._find(tracing.hinted(self.watch), None if sure else self.destination)

    def _find(self, known: Before | None, dest: str | None = None) -> Asked | None:
        return tracing.find(
            self.door,
            self.watch,
            instance=self.instance,
            source=self.source,
            kind=self.kind,
            known=known,
            dest=dest,
        )

    def _post(self, known: Before) -> Asked:
        post = self.door.live_migrate if self.kind == "live" else self.door.cold_migrate
        return ask(
            lambda: post(self.instance, self.destination),
            lambda: self._find(known),
            watch=self.watch,
            noted=tracing.noted(known),
            conflict=lambda why: judge_conflict(self.door, self.instance, why, _STATES[self.kind]),
            what=f"the move of {self.instance}",
        )

    def accept(self, follow: Follow, server: Server) -> tuple[Migration, Server]:
        """A cold migration rests in VERIFY_RESIZE: confirm it if it is right, take it back if it is not."""
        wrong = server.host != self.destination
        verb = self.door.revert if wrong or follow.abort_wanted else self.door.confirm
        try:
            with self.watch.writing():
                verb(self.instance)
        except Denied as why:
            rests = f"the cold migration is over and {self.instance} rests in {server.status}"
            raise Failed(
                f"{why.reason}; {rests}",
                f"{why.remedy}; then confirm or revert it by hand",
                kind=why.kind,
            ) from why
        except (Busy, Failed) as why:
            # Somebody (or an earlier attempt) was faster; the record tells.
            record, server = follow.until(frozenset({"finished"}))
            if record.status == "finished":
                raise Transient(f"{self.instance} rests in {server.status}: {why}") from why
            return record, server
        record, back = follow.until()
        if wrong:
            raise Failed(
                f"{self._name(record)} came to {server.host} instead of {self.destination} and was "
                f"taken back; the server is {back.status} on {back.host}",
                "plan again",
                kind="elsewhere",
            )
        return record, back

    def judge(self, follow: Follow, record: Migration, server: Server) -> dict[str, Any]:
        """What became of it, by the record and the server together."""
        evidence = {
            "request": follow.request.id,
            "migration": record.id,
            "migration_uuid": record.uuid,
            "status": record.status,
            "host": server.host,
            **({"abort_denied": follow.abort_denied} if follow.abort_denied else {}),
        }
        where = f"the server is {server.status} on {server.host}"
        if record.status in ("completed", "confirmed"):
            if server.host == self.destination:
                return evidence
            raise Failed(
                f"{self._name(record)} ended elsewhere: {where}, wanted {self.destination}",
                "decide where it shall be; nothing is undone by itself",
                kind="elsewhere",
            )
        if follow.abort_wanted == "asked" and server.host == self.source and server.status != "ERROR":
            raise Cancelled(f"{self._name(record)} was aborted; {where}", evidence)
        raise self._failed(follow, record, server, where)

    def _failed(self, follow: Follow, record: Migration, server: Server, where: str) -> Failed:
        told = failure(self.door, self.instance, follow.request)
        why = [told]
        if "compute_live_migration_abort" in told and not follow.aborted:
            why.insert(0, f"nova-compute on {self.source} gave it up, as it does when it is restarted")
        if server.status == "ERROR" and server.fault is not None:
            why.append(server.fault.message)
        if record.status == "reverted":
            why.insert(0, "it was taken back")
        if follow.abort_wanted == "stalled":
            why.insert(0, "it stalled and was aborted")
        said = "; ".join(dict.fromkeys(w for w in why if w)) or "Nova gives no reason"
        remedy = f"look at {self.source} and {self.destination}, then plan again"
        if server.status == "ERROR":
            remedy = (
                f"check the guest on {server.host}, then: openstack server set --state active {server.id}"
            )
        kind = "stalled" if follow.abort_wanted == "stalled" else "migration"
        if _NO_HOST in said:
            kind = "no_valid_host"
        return Failed(f"{self._name(record)} ended as {record.status}: {said}; {where}", remedy, kind=kind)

    def _name(self, record: Migration) -> str:
        return f"{self.kind} migration {record.id} of {self.instance} from {self.source}"
