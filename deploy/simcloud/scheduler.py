"""Where a server may go: a Nova scheduler's filters, the same for a boot and for a move to a named host."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import MEMORY, VCPU, Flavor, Host, Instance, Resources
from deploy.simcloud.refusal import NoValidHost

DISABLED_TRAIT = "COMPUTE_STATUS_DISABLED"
ISOLATING = "filter_tenant_id"
SCOPE = "aggregate_instance_extra_specs:"
Peers = dict[str, int]  # host -> members of the server's group there


class Filter(NamedTuple):
    """One rule; Placement applies some before the scheduler sees a host."""

    name: str
    passes: Callable[[Host], bool]
    by_placement: bool = False


@dataclass(frozen=True)
class Wish:
    """What has to be placed and what was asked for it."""

    instance: Instance
    flavor: Flavor
    only: str | None = None  # the requested destination: it goes through the filters like any other
    ignore: frozenset[str] = field(default_factory=frozenset)


def pick(cloud: Cloud, wish: Wish) -> Host:
    """The best host that passes every filter; where Placement offers none, Nova knows no reason."""
    rules = filters(cloud, wish)
    first = [rule.passes for rule in rules if rule.by_placement]
    then = [rule.passes for rule in rules if not rule.by_placement]
    candidates: Iterable[Host] = cloud.hosts.values() if wish.only is None else [cloud.hosts[wish.only]]
    offered = [host for host in candidates if all(passes(host) for passes in first)]
    if not offered:
        raise NoValidHost("")
    passing = [
        host for host in offered if host.name not in wish.ignore and all(passes(host) for passes in then)
    ]
    if not passing:
        raise NoValidHost
    weight = _weigher(cloud, wish.instance)
    return min(passing, key=weight)


def filters(cloud: Cloud, wish: Wish, demand: Resources | None = None) -> list[Filter]:
    """The filters that have anything to say about this wish, in Nova's order, each with its name."""
    instance, flavor = wish.instance, wish.flavor
    room = flavor.resources(from_volume=instance.from_volume) if demand is None else demand
    found = [
        Filter("ComputeStatus", lambda host: host.enabled, by_placement=True),
        Filter("ComputeFilter", lambda host: host.up and host.cell not in cloud.down_cells),
    ]
    if instance.pinned_zone is not None:
        found.append(
            Filter("AvailabilityZone", lambda host: host.zone == instance.pinned_zone, by_placement=True)
        )
    found.append(Filter("Capacity", lambda host: fits(cloud, host, room), by_placement=True))
    if any(key.startswith("trait:") for key in flavor.extra_specs):
        found.append(Filter("Traits", lambda host: _traits_agree(flavor, host), by_placement=True))
    if any(ISOLATING in key for aggregate in cloud.aggregates.values() for key in aggregate.metadata):
        project = instance.project_id
        found.append(
            Filter("AggregateMultiTenancyIsolation", lambda host: _tenant_admitted(cloud, project, host))
        )
    if any(key.startswith(SCOPE) for key in flavor.extra_specs):
        found.append(
            Filter("AggregateInstanceExtraSpecsFilter", lambda host: _specs_agree(cloud, flavor, host))
        )
    return found + _group_filters(cloud, instance)


def refusal(cloud: Cloud, wish: Wish, host: Host, demand: Resources | None = None) -> str | None:
    """The first filter that says no, by name; None if the host may take it."""
    for rule in filters(cloud, wish, demand):
        if not rule.passes(host):
            return rule.name
    return None


def fits(cloud: Cloud, host: Host, demand: Resources) -> bool:
    """Whether Placement would book this on top of what is booked."""
    used = cloud.books.used(host.name)
    for name, amount in demand.items():
        inventory = host.inventories.get(name)
        if inventory is None or amount > (inventory.max_unit or inventory.total):
            return False
        if used.get(name, 0) + amount > inventory.capacity:
            return False
    return True


def _traits_agree(flavor: Flavor, host: Host) -> bool:
    for key, value in flavor.extra_specs.items():
        if not key.startswith("trait:"):
            continue
        if (key[6:] in host.traits) != (value == "required"):
            return False
    return True


def _tenant_admitted(cloud: Cloud, project: str, host: Host) -> bool:
    """An aggregate with filter_tenant_id admits those tenants only; they may live elsewhere, too."""
    for aggregate in cloud.aggregates_of(host.name):
        wanted = {
            tenant.strip()
            for key, value in aggregate.metadata.items()
            if key.startswith(ISOLATING)
            for tenant in value.split(",")
        }
        if wanted and project not in wanted:
            return False
    return True


def _specs_agree(cloud: Cloud, flavor: Flavor, host: Host) -> bool:
    wanted = {key[len(SCOPE) :]: value for key, value in flavor.extra_specs.items() if key.startswith(SCOPE)}
    if not wanted:
        return True
    offered: dict[str, set[str]] = {}
    for aggregate in cloud.aggregates_of(host.name):
        for key, value in aggregate.metadata.items():
            offered.setdefault(key, set()).update(part.strip() for part in value.split(","))
    return all(value in offered.get(key, ()) for key, value in wanted.items())


def peers_on(cloud: Cloud, instance: Instance) -> Peers:
    """How many other members of the server's group each host has or is about to receive."""
    if instance.group is None or instance.group not in cloud.groups:
        return {}
    members = set(cloud.groups[instance.group].members) - {instance.uuid}
    count: dict[str, int] = {}
    for member in members:
        host = cloud.instances[member].host
        if host is not None:
            count[host] = count.get(host, 0) + 1
    # Nova's late check on the destination counts members on their way to it as well.
    for uuid in cloud.moving:
        migration = cloud.migrations[uuid]
        if migration.instance in members and migration.dest is not None and not migration.settled:
            here = cloud.instances[migration.instance].host
            if here != migration.dest:
                count[migration.dest] = count.get(migration.dest, 0) + 1
    return count


def _group_filters(cloud: Cloud, instance: Instance) -> list[Filter]:
    group = cloud.groups.get(instance.group or "")
    if group is None or group.policy not in ("affinity", "anti-affinity"):
        return []
    peers = peers_on(cloud, instance)
    if group.policy == "affinity":
        return [Filter("ServerGroupAffinityFilter", lambda host: not peers or host.name in peers)]
    return [Filter("ServerGroupAntiAffinityFilter", lambda host: peers.get(host.name, 0) < group.limit)]


def _weigher(cloud: Cloud, instance: Instance) -> Callable[[Host], tuple[float, float, float, str]]:
    """Smaller is better: soft groups first, then the emptiest host by memory and cores."""
    group = cloud.groups.get(instance.group or "")
    soft = group is not None and group.policy.startswith("soft-")
    peers = peers_on(cloud, instance) if soft else {}
    sign = -1 if group is not None and group.policy == "soft-affinity" else 1

    def weight(host: Host) -> tuple[float, float, float, str]:
        peer_weight = sign * peers.get(host.name, 0)
        return peer_weight, -_free(cloud, host, MEMORY), -_free(cloud, host, VCPU), host.name

    return weight


def _free(cloud: Cloud, host: Host, name: str) -> float:
    inventory = host.inventories.get(name)
    return 0 if inventory is None else inventory.capacity - cloud.books.used(host.name).get(name, 0)
