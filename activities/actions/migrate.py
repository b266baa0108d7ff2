"""Move an instance to another host, live or cold: asked for exactly once, believed only when it has ended."""

# ruff: noqa: ARG001 - every function of an action names all of its parameters

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from activities.actions import Facts
from activities.doing import facts, pace
from activities.doing import trace as tracing
from activities.doing.asking import ask, judge_conflict
from activities.doing.ending import RESTING, Ending
from activities.doing.follow import Follow
from activities.doing.trace import Asked, Before
from activities.door import Door, Failed, Gone, Watch
from activities.observe.nova import Migration, Server
from activities.rules import checks
from activities.rules.occupancy import Occupancy
from plan_schemas.audit import Rules
from plan_schemas.model import Cluster
from plan_schemas.plan import Refusal, Touches

_STATES = {"live": checks.LIVE_STATES, "cold": checks.COLD_STATES}
_SWITCH = 0.5  # seconds that Nova lets a guest stand still in the end, unless configured otherwise


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
    return pace.seconds(cluster.instances[instance].resources.get("MEMORY_MB", 0))


def costs(cluster: Cluster, *, instance: str, source: str, destination: str, kind: str) -> dict[str, float]:
    one = cluster.instances[instance]
    if kind == "cold":
        return pace.cold_costs(one)
    memory, still = one.resources.get("MEMORY_MB", 0) * 2**20, _SWITCH if one.status == "ACTIVE" else 0.0
    return {"copy_bytes": round(pace.REWRITTEN * memory), "downtime_seconds": still}


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
    ending = Ending(follow, f"{kind} migration")
    record, server = follow.until(RESTING if kind == "cold" else frozenset())
    if record.status in RESTING:
        elsewhere = f"came to {server.host} instead of {destination}" if server.host != destination else ""
        record, server = ending.accept(server, elsewhere)
    return move.judge(ending, record, server)


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
        expected = pace.seconds(server.flavor.ram if server.flavor else 0)
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

    def judge(self, ending: Ending, record: Migration, server: Server) -> dict[str, Any]:
        """What became of it, by the record and the server together."""
        if record.status not in ("completed", "confirmed"):
            remedy = f"look at {self.source} and {self.destination}, then plan again"
            raise ending.no_success(record, server, remedy)
        if server.host != self.destination:
            where = f"the server is {server.status} on {server.host}"
            raise Failed(
                f"{ending.name(record)} ended elsewhere: {where}, wanted {self.destination}",
                "decide where it shall be; nothing is undone by itself",
                kind="elsewhere",
            )
        return ending.evidence(record, server)
