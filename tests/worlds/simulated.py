"""A picture as a simulated cloud: the same hosts and servers by name and uuid, to carry plans out on it."""

from __future__ import annotations

from deploy.simcloud import build
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import SHUTDOWN, Flavor, Instance, ServerGroup
from deploy.simcloud.ids import named_hex
from plan_schemas import model
from plan_schemas.model import Cluster


def simulated(cluster: Cluster) -> Cloud:
    """What a small picture says of hosts, zones, groups and servers; the rest is as the simulator has it."""
    cloud = Cloud(cluster.cloud, seed=7)
    for host in cluster.hosts.values():
        _add_host(cloud, host)
    build.add_zones(cloud)
    for group in cluster.groups.values():
        cloud.groups[group.uuid] = ServerGroup(
            group.uuid,
            group.name,
            group.policy,
            cloud.identity.add_project("demo"),
            "",
            max_server_per_host=group.max_server_per_host,
        )
    for one in cluster.instances.values():
        cloud.add_instance(_server(cloud, one))
    return cloud


def _add_host(cloud: Cloud, host: model.Host) -> None:
    cpu, memory = host.inventory["VCPU"], host.inventory["MEMORY_MB"]
    build.add_host(
        cloud,
        host.name,
        vcpus=cpu.total,
        memory_mb=memory.total,
        vcpu_ratio=cpu.allocation_ratio,
        memory_ratio=memory.allocation_ratio,
        reserved_vcpus=cpu.reserved,
        reserved_memory_mb=memory.reserved,
        zone=host.zone,
        enabled=host.status == "enabled",
        disabled_reason=host.disabled_reason,
    )


def _server(cloud: Cloud, one: model.Instance) -> Instance:
    amounts = one.resources
    server = Instance(
        uuid=one.uuid,
        name=one.name,
        flavor=Flavor(
            one.flavor, one.flavor, amounts["VCPU"], amounts["MEMORY_MB"], amounts.get("DISK_GB", 0)
        ),
        project_id=cloud.identity.add_project("demo"),
        user_id="",
        created=cloud.now - 86_400,
        number=cloud.number("instance"),
        host=one.host,
        locked=one.locked,
        pinned_zone=one.pinned_az,
        group=one.server_group,
        hints={"group": one.server_group} if one.server_group else {},
        image=named_hex("image", "cirros"),
    )
    if one.status == "SHUTOFF":
        server.vm_state, server.power_state = "stopped", SHUTDOWN
    return server
