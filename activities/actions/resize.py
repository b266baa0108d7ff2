"""Give a server another flavor: asked for exactly once, confirmed when it has it, wherever Nova put it.

Nova takes no host for a resize: its scheduler chooses one, as a rule not the one that the server is on. So
the model leaves the server where it is, nothing that a plan does later is promised room because of it, and
where it came to is told afterwards.
"""

# ruff: noqa: ARG001 - every function of an action names all of its parameters

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Protocol

from activities.actions import Facts
from activities.doing import facts, pace, stall
from activities.doing import trace as tracing
from activities.doing.asking import ask, judge_conflict
from activities.doing.ending import RESTING, Ending
from activities.doing.follow import Follow
from activities.doing.trace import Asked, Before
from activities.door import Door, Failed, Gone, Watch
from activities.observe import amounts
from activities.observe.nova import Migration, Server
from activities.rules import checks
from activities.rules.occupancy import Occupancy
from plan_schemas.audit import Rules
from plan_schemas.frozen import FrozenDict
from plan_schemas.model import Cluster, Instance
from plan_schemas.plan import Refusal, Touches

_ON_THE_WAY = stall.MOVING | {"ERROR"}
_SIZES = frozenset({"VCPU", "PCPU", "MEMORY_MB", "DISK_GB"})  # that every flavor says something of


class Size(Protocol):
    """A flavor, on offer or as a server was booted."""

    @property
    def disk(self) -> int: ...

    @property
    def ephemeral(self) -> int: ...


def touches(*, instance: str, flavor: str) -> Touches:
    return Touches(instance=instance)


def permission(*, instance: str, flavor: str) -> str | None:
    return "resize"


def expects(cluster: Cluster, *, instance: str, flavor: str) -> dict[str, Any]:
    one = cluster.instances[instance]
    back = _way_back(cluster.flavors, one.flavor, flavor, on_volume=one.boot_from_volume)
    return {**facts.in_model(cluster, instance), "way_back": back}


def wants(expected: Facts, *, instance: str, flavor: str) -> dict[str, Any]:
    """Where it is then is Nova's choice."""
    kept = {fact: value for fact, value in expected.items() if fact not in ("host", "way_back")}
    return {**kept, "flavor": flavor, "task_state": None}


def satisfied(facts: Facts, *, instance: str, flavor: str) -> bool:
    """A server that rests unconfirmed shows its new flavor already."""
    return bool(
        facts["flavor"] == flavor and facts["task_state"] is None and facts["status"] not in _ON_THE_WAY
    )


def apply(cluster: Cluster, *, instance: str, flavor: str) -> Cluster:
    return cluster.moved(instance, cluster.instances[instance].host, **_changes(cluster, instance, flavor))


def _changes(cluster: Cluster, instance: str, flavor: str) -> dict[str, Any]:
    """What ports and devices of a server hold beside its flavor stays. In a picture of some hosts alone no
    sizes are known.
    """
    one, new = cluster.instances[instance], cluster.flavors.get(flavor)
    if new is None:
        return {"flavor": flavor}
    old = cluster.flavors.get(one.flavor)
    named = {*_SIZES, *(amounts.of_flavor(old, boot_from_volume=False) if old is not None else ())}
    beside = {name: amount for name, amount in one.resources.items() if name not in named}
    held = {**amounts.of_flavor(new, boot_from_volume=one.boot_from_volume), **beside}
    return {"flavor": flavor, "resources": FrozenDict(sorted(held.items())), "extra_specs": new.extra_specs}


def inverse(expected: Facts, *, instance: str, flavor: str) -> dict[str, Any] | None:
    """The flavor before, if it is on offer and no disk would shrink."""
    if expected["flavor"] == flavor or not expected.get("way_back", True):
        return None
    return {"instance": instance, "flavor": expected["flavor"]}


def seconds(cluster: Cluster, *, instance: str, flavor: str) -> float:
    return pace.seconds(cluster.instances[instance].resources.get("MEMORY_MB", 0))


def costs(cluster: Cluster, *, instance: str, flavor: str) -> dict[str, float]:
    return pace.cold_costs(cluster.instances[instance])


def refusals(
    cluster: Cluster, occupancy: Occupancy, rules: Rules, *, instance: str, flavor: str
) -> tuple[Refusal, ...]:
    one = cluster.instances.get(instance)
    if one is None:
        return (Refusal("status", instance, f"instance {instance} does not exist"),)
    if one.flavor == flavor:
        return (Refusal("no_effect", instance, f"{one.name} has the flavor {flavor} already"),)
    was = cluster.flavors.get(one.flavor)
    unfit = _unfit(one.name, one.status, was, cluster.flavors, flavor, on_volume=one.boot_from_volume)
    found = [
        *checks.untouchable(cluster, one, rules),
        *(Refusal(code, instance, text) for code, text in unfit),
    ]
    if "resize" not in rules.allow:
        allowed = ", ".join(sorted(rules.allow)) or "nothing"
        text = f"{one.name} would become {flavor}, which needs `resize`; allowed: {allowed}"
        found.append(Refusal("not_allowed", instance, text))
    found += checks.unwanted(one, replace(rules, allow=frozenset({"cold"})))  # it is off and goes elsewhere
    if not found and not _has_room(cluster, occupancy, rules, one, flavor):
        text = f"no host that {one.name} may be on has room for the flavor {flavor}"
        found.append(Refusal("no_room", instance, text))
    return tuple(found)


def _has_room(cluster: Cluster, occupancy: Occupancy, rules: Rules, one: Instance, flavor: str) -> bool:
    """Whether some host would take it as it will be. Its own counts too, if both sizes have room there: so
    Nova books it while it goes on, where it is configured to consider that host.
    """
    after = cluster.moved(one.uuid, one.host, **_changes(cluster, one.uuid, flavor))
    then = after.instances[one.uuid]
    for name, there in after.hosts.items():
        if name not in occupancy.where(one.uuid):
            if not checks.refusals(after, occupancy, one.uuid, name, rules):
                return True
        elif not checks.standing_refusals(after, then, there, rules):
            free = occupancy.free(name)
            if all(free.get(k, 0) >= v for k, v in checks.own_needs(after, then, there).items()):
                return True
    return False


def _unfit(
    name: str, status: str, was: Size | None, offers: Mapping[str, Size], flavor: str, *, on_volume: bool
) -> Iterator[tuple[str, str]]:
    """Why Nova would not begin it, or not end it: code and sentence."""
    new = offers.get(flavor)
    if new is None:
        near = get_close_matches(flavor, offers, n=3)
        said = f"; there is {', '.join(near)}" if near else ""
        yield "flavor", f"there is no flavor {flavor}{said}"
    elif was is not None:
        for text in _shrinks(was, new, on_volume=on_volume):
            yield "disk", f"{name} cannot become {flavor}: {text}, which Nova does not do"
    if status not in checks.COLD_STATES:
        allowed = " or ".join(sorted(checks.COLD_STATES))
        yield "status", f"{name} is {status}; a resize needs {allowed}"


def _shrinks(was: Size, new: Size, *, on_volume: bool) -> Iterator[str]:
    if new.disk < was.disk and not on_volume:
        yield f"its disk would shrink from {was.disk} to {new.disk} GB"
    if new.ephemeral < was.ephemeral:
        yield f"its ephemeral disk would shrink from {was.ephemeral} to {new.ephemeral} GB"


def _way_back(offers: Mapping[str, Size], old: str, new: str, *, on_volume: bool) -> bool:
    if old == new or old not in offers or new not in offers:
        return False
    return not any(_shrinks(offers[new], offers[old], on_volume=on_volume))


def look(door: Door, *, instance: str, flavor: str) -> dict[str, Any] | None:
    """With `refused` where Nova would not do it."""
    try:
        server = door.server(instance)
    except Gone:
        return None
    found = facts.of(server)
    if found["flavor"] == flavor:
        return {**found, "way_back": False}  # to what, nobody knows any more
    on_volume, offers = server.image == "", {row.name: row for row in door.offers()}
    back = _way_back(offers, found["flavor"], flavor, on_volume=on_volume)
    said = "; ".join(
        text
        for _, text in _unfit(server.name, server.status, server.flavor, offers, flavor, on_volume=on_volume)
    )
    return {**found, "way_back": back, **({"refused": said} if said else {})}


def trace(door: Door, watch: Watch, *, instance: str, flavor: str) -> dict[str, Any] | None:
    try:
        if watch.attempt == 1:  # noted at once, so that no later attempt needs to go by the clocks
            watch.heartbeat({"phase": "looking", **tracing.noted(tracing.before(door, instance))})
            return None
        asked = _Resize(door, watch, instance, flavor).predecessor()
    except Gone:
        return None
    return {"request": asked.request.id} if asked is not None else None


def do(door: Door, watch: Watch, *, instance: str, flavor: str) -> dict[str, Any]:
    resize = _Resize(door, watch, instance, flavor)
    follow = resize.ask()
    ending = Ending(follow, "resize")
    record, server = follow.until(RESTING)
    if record.status in RESTING:
        other = f"gave it {_name(server)} instead of {flavor}" if _name(server) != flavor else ""
        record, server = ending.accept(server, other)
    return resize.judge(ending, record, server)


@dataclass(frozen=True)
class _Resize:
    door: Door
    watch: Watch
    instance: str
    flavor: str

    def ask(self) -> Follow:
        """Look for our request, and only if there is none make it."""
        server = self.door.server(self.instance)  # while it is on its source: no record may tell that yet
        known, asked = tracing.hinted(self.watch), self.predecessor()
        if asked is None:
            known = tracing.before(self.door, self.instance)
            asked = self._post(known)
        source = (asked.record.source if asked.record is not None else None) or server.host or ""
        expected = pace.seconds(server.flavor.ram if server.flavor else 0)
        return Follow(self.door, self.watch, self.instance, source, "resize", asked, known, expected)

    def predecessor(self) -> Asked | None:
        """What an earlier attempt of this action asked for, if it did."""
        asked = self._find(tracing.hinted(self.watch))
        if asked is None or asked.record is None or tracing.has_asked(self.watch):
            return asked
        # One that has ended with another flavor was another action's: the one before, or what this undoes.
        other = asked.record.status == "confirmed" and _name(self.door.server(self.instance)) != self.flavor
        return None if other else asked

    def _find(self, known: Before | None) -> Asked | None:
        return tracing.find(
            self.door, self.watch, instance=self.instance, source=None, kind="resize", known=known
        )

    def _post(self, known: Before) -> Asked:
        id = next((row.id for row in self.door.offers() if row.name == self.flavor), None)
        if id is None:
            raise Failed(f"there is no flavor {self.flavor}", "plan again", kind="refused")
        return ask(
            lambda: self.door.resize(self.instance, id),
            lambda: self._find(known),
            watch=self.watch,
            noted=tracing.noted(known),
            conflict=lambda why: judge_conflict(self.door, self.instance, why, checks.COLD_STATES),
            what=f"the resize of {self.instance}",
        )

    def judge(self, ending: Ending, record: Migration, server: Server) -> dict[str, Any]:
        """What became of it, by the record and the server together; where it is now is told if it moved."""
        if record.status != "confirmed":
            raise ending.no_success(
                record, server, "free room for it or choose another flavor, then plan again"
            )
        if _name(server) != self.flavor:
            raise Failed(
                f"{ending.name(record)} was confirmed, and the server has the flavor {_name(server)}, not "
                f"{self.flavor}",
                "look at what else resized it",
                kind="elsewhere",
            )
        moved = server.host != record.source
        said = {"said": f"Nova put it on {server.host}; it was on {record.source}"} if moved else {}
        return {**ending.evidence(record, server), **said}


def _name(server: Server) -> str:
    return server.flavor.original_name if server.flavor is not None else ""
