"""Where a server may go: a Nova scheduler's filters, the same for a boot and for a move to a named host."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import MEMORY, VCPU, Flavor, Host, Instance, Resources
from deploy.simcloud.refusal import NoValidHost

DISABLED_TRAIT = "COMPUTE_STATUS_DISABLED"
Peers = dict[str, int]  # host -> members of the server's group there


@dataclass(frozen=True)
class Wish:
    """What has to be placed and what was asked for it."""

    instance: Instance
    flavor: Flavor
    only: str | None = None  # the requested destination: it goes through the filters like any other
    ignore: frozenset[str] = field(default_factory=frozenset)


def pick(cloud: Cloud, wish: Wish) -> Host:
    """The best host that passes every filter."""
    candidates: Iterable[Host] = cloud.hosts.values() if wish.only is None else [cloud.hosts[wish.only]]
    demand = wish.flavor.resources(from_volume=wish.instance.from_volume)
    peers = peers_on(cloud, wish.instance)
    passing = [
        host
        for host in candidates
        if host.name not in wish.ignore and refusal(cloud, wish, host, demand, peers) is None
    ]
    if not passing:
        raise NoValidHost
    return min(passing, key=lambda host: _weight(cloud, wish.instance, host, peers))


def refusal(cloud: Cloud, wish: Wish, host: Host, demand: Resources, peers: Peers) -> str | None:
    """The first filter that says no, by name; None if the host may take it."""
    if not host.enabled or not host.up or host.cell in cloud.down_cells:
        return "ComputeFilter"
    if wish.instance.pinned_zone not in (None, host.zone):
        return "AvailabilityZone"
    if not fits(cloud, host, demand):
        return "Capacity"
    if not _traits_agree(wish.flavor, host):
        return "Traits"
    if not _tenant_admitted(cloud, wish.instance.project_id, host):
        return "AggregateMultiTenancyIsolation"
    if not _specs_agree(cloud, wish.flavor, host):
        return "AggregateInstanceExtraSpecsFilter"
    return _group_refusal(cloud, wish.instance, host, peers)


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
            if key.startswith("filter_tenant_id")
            for tenant in value.split(",")
        }
        if wanted and project not in wanted:
            return False
    return True


def _specs_agree(cloud: Cloud, flavor: Flavor, host: Host) -> bool:
    scope = "aggregate_instance_extra_specs:"
    wanted = {key[len(scope) :]: value for key, value in flavor.extra_specs.items() if key.startswith(scope)}
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
        if migration.instance in members and migration.dest is not None:
            here = cloud.instances[migration.instance].host
            if here != migration.dest:
                count[migration.dest] = count.get(migration.dest, 0) + 1
    return count


def _group_refusal(cloud: Cloud, instance: Instance, host: Host, peers: Peers) -> str | None:
    group = cloud.groups.get(instance.group or "")
    if group is None or group.policy not in ("affinity", "anti-affinity"):
        return None
    if group.policy == "affinity":
        return "ServerGroupAffinityFilter" if peers and host.name not in peers else None
    return "ServerGroupAntiAffinityFilter" if peers.get(host.name, 0) >= group.limit else None


def _weight(cloud: Cloud, instance: Instance, host: Host, peers: Peers) -> tuple[float, float, float, str]:
    """Smaller is better: soft groups first, then the emptiest host by memory and cores."""
    soft = 0.0
    group = cloud.groups.get(instance.group or "")
    if group is not None and group.policy.startswith("soft-"):
        here = peers.get(host.name, 0)
        soft = -here if group.policy == "soft-affinity" else here
    return soft, -_free(cloud, host, MEMORY), -_free(cloud, host, VCPU), host.name


def _free(cloud: Cloud, host: Host, name: str) -> float:
    inventory = host.inventories.get(name)
    return 0 if inventory is None else inventory.capacity - cloud.books.used(host.name).get(name, 0)
