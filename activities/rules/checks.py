"""PURE rules: where an instance may run, and why it may not move. Independent of any strategy.

Rules that Nova only enforces when an operator switched a filter on (aggregate extra specs, image property and
tenant isolation) are always kept: a cloud that does not enforce them loses a destination, never a rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from activities.rules import marks
from activities.rules.extra_specs import matches, pinned_by, traits_wanted
from activities.rules.occupancy import Occupancy as Occupancy
from activities.rules.occupancy import hinted
from plan_schemas import lifecycle
from plan_schemas.audit import Rules
from plan_schemas.model import Amounts, Cluster, Host, Instance, ServerGroup
from plan_schemas.plan import Refusal

LIVE_STATES = frozenset({"ACTIVE", "PAUSED"})
COLD_STATES = frozenset({"ACTIVE", "SHUTOFF"})
_MOVING_STATES = LIVE_STATES | COLD_STATES
# What the departure of another instance can lift; every other refusal stands as long as the cloud does.
LIFTED_BY_DEPARTURE = frozenset({"capacity", "anti_affinity"})


def refusals(
    cluster: Cluster, occupancy: Occupancy, instance: str, host: str, rules: Rules
) -> tuple[Refusal, ...]:
    """Every reason why the instance may not be placed on the host as things stand; empty when it may."""
    there = cluster.hosts.get(host)
    if there is None:
        return (Refusal("unknown_host", host, f"there is no host {host} in the model of {cluster.cloud}"),)
    one = cluster.instances[instance]
    return (*standing_refusals(cluster, one, there, rules), *_now(cluster, occupancy, one, there))


def standing_refusals(cluster: Cluster, one: Instance, there: Host, rules: Rules) -> tuple[Refusal, ...]:
    """Those reasons that do not depend on who else is on the host."""
    return (*host_refusals(there, rules), *_static(cluster, one, there))


def standing_refusal(cluster: Cluster, one: Instance, there: Host) -> Refusal | None:
    """The first of them on a host where something may be placed; the others are not looked for."""
    return next(_static(cluster, one, there), None)


def crowding(cluster: Cluster, occupancy: Occupancy, one: Instance, there: Host) -> Refusal | None:
    """The first reason that who else is on the host gives: what the standing ones leave to be asked."""
    return next(_now(cluster, occupancy, one, there), None)


def crowded(cluster: Cluster, occupancy: Occupancy, one: Instance, there: Host) -> bool:
    return crowding(cluster, occupancy, one, there) is not None


def unwelcome(cluster: Cluster, occupancy: Occupancy, one: Instance, there: Host) -> bool:
    """Whether the company on a host that has room for it is against it."""
    elsewhere = there.name not in occupancy.where(one.uuid)
    return elsewhere and next(_company(cluster, occupancy, one, there), None) is not None


def host_refusals(there: Host, rules: Rules) -> tuple[Refusal, ...]:
    """Why nothing at all may be placed on the host."""
    found: list[Refusal] = []
    if there.name not in rules.hosts:
        found.append(Refusal("out_of_scope", there.name, f"{there.name} is out of the audit's scope"))
    found += closed(there.name, there.state, there.status, there.disabled_reason)
    if there.uncertain:
        found.append(
            Refusal("uncertain", there.name, f"the numbers of {there.name} are in doubt: {there.uncertain}")
        )
    return tuple(found)


def closed(host: str, state: str, status: str, reason: str | None) -> Iterator[Refusal]:
    """Why a host takes nothing, by the state of its nova-compute service."""
    if state != "up":
        yield Refusal("down", host, f"nova-compute on {host} is {state}")
    if said := marks.recovered(status, reason):
        yield Refusal("disabled", host, f"{host} {said}")
    elif status != "enabled":
        yield Refusal("disabled", host, f"{host} is disabled" + (f" ({reason})" if reason else ""))


def _static(cluster: Cluster, one: Instance, there: Host) -> Iterator[Refusal]:
    source = cluster.hosts.get(one.host) if one.host is not None else None
    if source is not None and source.hypervisor_type != there.hypervisor_type:
        text = f"{there.name} runs {there.hypervisor_type}, {one.name} is on {source.hypervisor_type}"
        yield Refusal("hypervisor_type", there.name, text)
    if one.pinned_az is not None and one.pinned_az != there.zone:
        text = f"{one.name} is pinned to zone {one.pinned_az}, {there.name} is in zone {there.zone}"
        yield Refusal("zone", there.name, text)
    yield from _units(one, there)
    yield from _traits(one, there)
    yield from _aggregates(cluster, one, there)
    yield from _tenants(cluster, one, there)


def _units(one: Instance, there: Host) -> Iterator[Refusal]:
    """Overcommitment is for many: libvirt lets no single server have more than the host really has."""
    for name, amount in sorted(one.resources.items()):
        offered = there.inventory.get(name)
        if offered is not None and offered.max_unit is not None and amount > offered.max_unit:
            text = f"{there.name} gives a server at most {offered.max_unit} {name}; {one.name} needs {amount}"
            yield Refusal("max_unit", there.name, text)


def _traits(one: Instance, there: Host) -> Iterator[Refusal]:
    required, forbidden = traits_wanted(one)
    if not required and not forbidden:
        return
    present = {*there.traits, *(t for p in there.providers for t in p.traits)}
    if missing := sorted(required - present):
        text = f"{there.name} lacks {', '.join(missing)}, which {one.name} requires"
        yield Refusal("traits", there.name, text)
    if unwanted := sorted(forbidden & present):
        text = f"{there.name} has {', '.join(unwanted)}, which {one.name} forbids"
        yield Refusal("traits", there.name, text)


def _aggregates(cluster: Cluster, one: Instance, there: Host) -> Iterator[Refusal]:
    around = cluster.aggregates_of(there.name)
    for key, wanted in one.extra_specs.items():
        scope, _, name = key.partition(":")
        if scope != "aggregate_instance_extra_specs":
            continue
        offered = sorted({v.strip() for a in around for v in str(a.metadata.get(name, "")).split(",")} - {""})
        if not any(matches(value, str(wanted)) for value in offered):
            has = " or ".join(offered) if offered else "none"
            text = f"{one.name} wants an aggregate with {name} {wanted}; {there.name} has {has}"
            yield Refusal("aggregate", there.name, text)
    required, _ = traits_wanted(one)
    for aggregate in around:
        for key, value in aggregate.metadata.items():
            if key.startswith("trait:") and value == "required" and key[6:] not in required:
                text = (
                    f"aggregate {aggregate.name} of {there.name} is kept for servers that require {key[6:]}"
                )
                yield Refusal("aggregate", there.name, text)
            elif key in one.image_properties:
                asked = str(one.image_properties[key])
                if asked not in {v.strip() for v in str(value).split(",")}:
                    text = f"aggregate {aggregate.name} of {there.name} takes images with {key} {value}"
                    yield Refusal("aggregate", there.name, f"{text}; that of {one.name} has {asked}")


def _tenants(cluster: Cluster, one: Instance, there: Host) -> Iterator[Refusal]:
    """A host kept for projects takes only theirs, and a project with hosts of its own stays on those."""
    own = {a.id: a.name for a in cluster.aggregates.values() if one.project in tenants(a.metadata)}
    around = cluster.aggregates_of(there.name)
    kept = [a for a in around if tenants(a.metadata)]
    if any(a.id in own for a in around):
        return
    if kept:
        text = f"aggregate {kept[0].name} of {there.name} is kept for other projects than {one.project}"
        yield Refusal("tenant", there.name, text)
    elif own:
        text = f"project {one.project} of {one.name} is kept to {', '.join(sorted(own.values()))}"
        yield Refusal("tenant", there.name, f"{text}; {there.name} is in none of these aggregates")


def tenants(metadata: Mapping[str, str]) -> frozenset[str]:
    """The projects that an aggregate's metadata keeps its hosts for; empty when for everybody."""
    values = (v for k, v in metadata.items() if k.startswith("filter_tenant_id"))
    return frozenset(p.strip() for v in values for p in str(v).split(",")) - {""}


def _now(cluster: Cluster, occupancy: Occupancy, one: Instance, there: Host) -> Iterator[Refusal]:
    """The reasons that depend on who is there now."""
    if there.name in occupancy.where(one.uuid):
        return
    free = occupancy.free(there.name)
    if short := _short(cluster, one, there, free):
        lacks = ", ".join(f"{free.get(k, 0)} of {v} {k}" for k, v in short)
        yield Refusal("capacity", there.name, f"{there.name} has {lacks} free that {one.name} needs")
    yield from _company(cluster, occupancy, one, there)


def _company(cluster: Cluster, occupancy: Occupancy, one: Instance, there: Host) -> Iterator[Refusal]:
    group = cluster.groups.get(one.server_group) if one.server_group else None
    if group is not None:
        yield from _group(occupancy, group, one, there)
    for other in occupancy.apart(one.uuid):
        if there.name in occupancy.where(other):
            text = f"a scheduler hint keeps {one.name} apart from {other}, which is on {there.name}"
            yield Refusal("anti_affinity", there.name, text, (other,))


def _short(cluster: Cluster, one: Instance, there: Host, free: Amounts) -> list[tuple[str, int]]:
    """What the instance needs of each class that the host has not enough of."""
    scarce = sorted([k for k, v in one.resources.items() if v > free.get(k, 0)])  # hardly ever any
    needs = own_needs(cluster, one, there) if scarce else {}
    return [(k, needs[k]) for k in scarce if k in needs]


def own_needs(cluster: Cluster, one: Instance, there: Host) -> dict[str, int]:
    """What the instance takes of the host itself, without what a shared provider (say, of disk) gives."""
    source = cluster.hosts.get(one.host) if one.host is not None else None
    return {
        k: v
        for k, v in one.resources.items()
        if v > 0 and (k in there.inventory or source is None or k in source.inventory)
    }


def _group(occupancy: Occupancy, group: ServerGroup, one: Instance, there: Host) -> Iterator[Refusal]:
    others = [m for m in group.members if m != one.uuid]
    if group.policy == "anti-affinity":
        here = tuple(m for m in others if there.name in occupancy.where(m))
        if len(here) >= group.max_server_per_host:
            text = f"{there.name} holds {len(here)} of group {group.name} (anti-affinity, at most "
            yield Refusal("anti_affinity", there.name, f"{text}{group.max_server_per_host})", here)
    elif group.policy == "affinity":
        away = [m for m in others if occupancy.where(m) and there.name not in occupancy.where(m)]
        if away:
            text = f"group {group.name} (affinity) keeps {one.name} with {len(away)} others, not on "
            yield Refusal("affinity", there.name, text + there.name)


def kind_of_move(one: Instance, rules: Rules) -> str | None:
    """How the instance may be moved, `live` where possible: live | cold | None for not at all."""
    allow = rules.allow - lifecycle.closed(one.metadata, rules.lifecycle) if one.metadata else rules.allow
    if "live" in allow and one.status in LIVE_STATES:
        return "live"
    if "cold" in allow and one.status in COLD_STATES:
        return "cold"
    return None


def immovable(cluster: Cluster, instance: str, rules: Rules) -> tuple[Refusal, ...]:
    """Every reason why the instance may not be moved at all; empty when it may."""
    one = cluster.instances[instance]
    return (*_held(one, rules), *_tied(cluster, one), *_stuck(cluster, one, rules))


def untouchable(cluster: Cluster, one: Instance, rules: Rules) -> tuple[Refusal, ...]:
    """Every reason why nothing at all may be done to the instance, whatever is allowed."""
    return (*_marked(one, rules), *_stuck(cluster, one, rules))


def _marked(one: Instance, rules: Rules) -> Iterator[Refusal]:
    if one.uuid in rules.frozen_instances:
        yield Refusal("excluded", one.uuid, f"{one.name} is excluded by the audit's scope")
    if one.locked:
        yield Refusal("locked", one.uuid, f"{one.name} is locked")
    if one.task_state is not None:
        yield Refusal("busy", one.uuid, f"{one.name} has a task in progress: {one.task_state}")


def _held(one: Instance, rules: Rules) -> Iterator[Refusal]:
    yield from _marked(one, rules)
    if one.status not in _MOVING_STATES:
        yield Refusal("status", one.uuid, f"{one.name} is {one.status}; only ACTIVE, PAUSED or SHUTOFF move")
    elif kind_of_move(one, rules) is None:
        yield from unwanted(one, rules)
        if kind_of_move(one, replace(rules, lifecycle=frozenset())) is not None:
            return
        kinds = " or ".join(k for k, s in (("live", LIVE_STATES), ("cold", COLD_STATES)) if one.status in s)
        allowed = ", ".join(sorted(rules.allow)) or "nothing"
        text = f"{one.name} is {one.status} and would need a {kinds} migration; allowed: {allowed}"
        yield Refusal("not_allowed", one.uuid, text)


def unwanted(one: Instance, rules: Rules) -> Iterator[Refusal]:
    """The kinds of move that its tenant rules out and that would do otherwise."""
    able = {k for k, s in (("live", LIVE_STATES), ("cold", COLD_STATES)) if one.status in s} & rules.allow
    closed = lifecycle.closed(one.metadata, rules.lifecycle) & able
    for text in lifecycle.sentences(one.name, one.metadata, closed):
        yield Refusal("lifecycle", one.uuid, text)


def _tied(cluster: Cluster, one: Instance) -> Iterator[Refusal]:
    group = cluster.groups.get(one.server_group) if one.server_group else None
    if group is not None and group.policy == "affinity":
        placed = [m for m in group.members if m != one.uuid and m in cluster.instances]
        if placed:
            text = f"{one.name} is one of {len(placed) + 1} in group {group.name} (affinity)"
            yield Refusal("affinity", one.uuid, f"{text}: one cannot leave the others")
    asked = hinted(one, "same_host") if one.scheduler_hints else ()
    if mates := [m for m in asked if m in cluster.instances]:
        yield Refusal("affinity", one.uuid, f"{one.name} was asked to run on the host of {', '.join(mates)}")
    source = cluster.hosts.get(one.host) if one.host is not None else None
    if why := pinned_by(one, source):
        text = f"{one.name} has {why}: whether it fits elsewhere cannot be told from a host's totals"
        yield Refusal("pinned_resources", one.uuid, text)


def _stuck(cluster: Cluster, one: Instance, rules: Rules) -> Iterator[Refusal]:
    if one.host is None:
        yield Refusal("status", one.uuid, f"{one.name} is not on any host")
        return
    source = cluster.hosts.get(one.host)
    if source is None:
        yield Refusal("unknown_host", one.uuid, f"{one.name} is on {one.host}, which is not in the model")
        return
    if source.name not in rules.hosts:
        yield Refusal("out_of_scope", one.uuid, f"{one.name} is on {source.name}, out of the audit's scope")
    if source.state != "up":
        text = f"{one.name} is on {source.name}, where nova-compute is {source.state}"
        yield Refusal("down", one.uuid, f"{text}; it could only be evacuated")
    if said := marks.recovered(source.status, source.disabled_reason):
        yield Refusal("recovery", one.uuid, f"{one.name} is on {source.name}, which {said}")
    if source.uncertain:
        text = f"{one.name} is on {source.name}, whose numbers are in doubt: {source.uncertain}"
        yield Refusal("uncertain", one.uuid, text)
