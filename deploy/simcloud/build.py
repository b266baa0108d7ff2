"""Putting hosts and servers into a cloud at its start, without going through its API."""

from typing import Any

from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import (
    DISK,
    MEMORY,
    SHUTDOWN,
    VCPU,
    Flavor,
    Host,
    Instance,
    Inventory,
    ServerGroup,
)
from deploy.simcloud.scheduler import DISABLED_TRAIT

STANDARD_TRAITS = frozenset({"COMPUTE_NODE", "COMPUTE_TRUSTED_CERTS", "HW_CPU_X86_SSE42"})


def add_host(
    cloud: Cloud,
    name: str,
    *,
    vcpus: int = 32,
    memory_mb: int = 196_608,
    disk_gb: int = 4000,
    vcpu_ratio: float = 4.0,
    memory_ratio: float = 1.0,
    disk_ratio: float = 1.0,
    reserved_vcpus: int = 0,
    reserved_memory_mb: int = 512,
    reserved_disk_gb: int = 0,
    zone: str | None = None,
    cell: str = "cell1",
    traits: frozenset[str] | set[str] = frozenset(),
    **fields: Any,
) -> Host:
    """A host that is up and enabled unless the fields say otherwise."""
    inventories = {
        VCPU: Inventory(vcpus, reserved_vcpus, vcpu_ratio),
        MEMORY: Inventory(memory_mb, reserved_memory_mb, memory_ratio),
        DISK: Inventory(disk_gb, reserved_disk_gb, disk_ratio),
    }
    host = Host(
        name=name,
        uuid=cloud.ids.uuid(),
        service_uuid=cloud.ids.uuid(),
        number=cloud.number("host"),
        zone=zone or cloud.settings.default_zone,
        inventories=inventories,
        cell=cell,
        traits=set(STANDARD_TRAITS) | set(traits),
        **fields,
    )
    if not host.enabled:
        host.traits.add(DISABLED_TRAIT)
    return cloud.add_host(host)


def add_zones(cloud: Cloud) -> None:
    """An aggregate per zone that hosts were given, as an operator makes zones."""
    by_zone: dict[str, list[str]] = {}
    for host in cloud.hosts.values():
        if host.zone != cloud.settings.default_zone:
            by_zone.setdefault(host.zone, []).append(host.name)
    for zone, names in by_zone.items():
        cloud.add_aggregate(zone, {"availability_zone": zone}, names)


def add_server(
    cloud: Cloud,
    name: str,
    flavor: Flavor,
    host: str | None,
    *,
    project: str = "demo",
    age: float = 86_400.0,
    stopped: bool = False,
    **fields: Any,
) -> Instance:
    """A server that has been there for `age` seconds."""
    user = cloud.identity.users.get("member")
    instance = Instance(
        uuid=cloud.ids.uuid(),
        name=name,
        flavor=flavor,
        project_id=cloud.identity.add_project(project),
        user_id=user.id if user else "",
        created=cloud.now - age,
        number=cloud.number("instance"),
        host=host,
        updated=cloud.now - age,
        launched=cloud.now - age + 2,
        **fields,
    )
    if stopped:
        instance.vm_state, instance.power_state = "stopped", SHUTDOWN
    if instance.group is not None:
        instance.hints = {**instance.hints, "group": instance.group}
    return cloud.add_instance(instance)


def add_group(
    cloud: Cloud, name: str, policy: str, *, project: str = "demo", max_server_per_host: int | None = None
) -> ServerGroup:
    user = cloud.identity.users.get("member")
    group = ServerGroup(
        cloud.ids.uuid(),
        name,
        policy,
        cloud.identity.add_project(project),
        user.id if user else "",
        max_server_per_host=max_server_per_host,
    )
    cloud.groups[group.uuid] = group
    return group


def add_flavor(cloud: Cloud, name: str, vcpus: int, memory_mb: int, disk_gb: int, **fields: Any) -> Flavor:
    flavor = Flavor(fields.pop("id", name), name, vcpus, memory_mb, disk_gb, **fields)
    cloud.flavors[flavor.id] = flavor
    return flavor
