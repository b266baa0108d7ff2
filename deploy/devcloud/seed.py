"""What a new devcloud holds: zones, aggregates, flavors, an image, a network, server groups.

Everything is looked up by name first, so seeding twice changes nothing.
"""

from __future__ import annotations

import time
from typing import Any

import openstack
import yaml
from openstack.connection import Connection

from deploy.devcloud.hosts import ZONES, Host
from deploy.devcloud.layout import NAME, Layout
from deploy.devcloud.processes import DidNotStart, tail
from deploy.devcloud.rest import call, ensure

FLAVORS: dict[str, tuple[int, int, int, dict[str, str]]] = {  # vCPU, MiB, GB, extra specs
    "small": (1, 2048, 10, {}),
    "medium": (2, 4096, 20, {}),
    "large": (4, 8192, 40, {}),
    "huge": (16, 65536, 100, {}),
    "medium-ssd": (2, 4096, 20, {"trait:CUSTOM_SSD": "required"}),
    "large-avx2": (4, 8192, 40, {"trait:HW_CPU_X86_AVX2": "required"}),
    "small-not-ssd": (1, 2048, 10, {"trait:CUSTOM_SSD": "forbidden"}),
    "medium-on-fast": (2, 4096, 20, {"aggregate_instance_extra_specs:disk": "fast"}),
}
GROUPS = ("affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity")
UNLIMITED = {"cores": -1, "instances": -1, "ram": -1, "server_groups": -1, "server_group_members": -1}
PATIENCE = 60.0  # seconds until all computes are up, and half a second more for each


def connect(cloud: Layout) -> Connection:
    described = yaml.safe_load(cloud.clouds.read_text())["clouds"][NAME]
    return openstack.connect(
        load_yaml_config=False,
        load_envvars=False,
        auth=described["auth"],
        region_name=described["region_name"],
        # Its own catalogue names the port that Keystone had at its last start.
        identity_endpoint_override=described["auth"]["auth_url"],
    )


def await_hosts(cloud: Layout, connection: Connection, wanted: tuple[Host, ...]) -> None:
    """Until each host is up, mapped to its cell and in placement; raises with the log of one that is not."""
    deadline = time.monotonic() + PATIENCE + len(wanted) / 2
    while missing := sorted({host.name for host in wanted} - _up(connection)):
        if time.monotonic() > deadline:
            log = cloud.compute(missing[0]).log
            told = tail(log) if log.exists() else "no such file"
            raise DidNotStart(f"hosts that did not come up: {', '.join(missing)}; the end of {log}:\n{told}")
        time.sleep(0.5)


def _up(connection: Connection) -> set[str]:
    services = call(connection, "compute", "GET", "/os-services?binary=nova-compute")["services"]
    if not any(service["state"] == "up" for service in services):
        return set()
    providers = call(connection, "placement", "GET", "/resource_providers")["resource_providers"]
    hypervisors = call(connection, "compute", "GET", "/os-hypervisors")["hypervisors"]
    return (
        # One that somebody has forced down is not waited for: it stays so until he takes that back.
        {service["host"] for service in services if service["state"] == "up" or service["forced_down"]}
        & {provider["name"] for provider in providers}
        & {hypervisor["hypervisor_hostname"] for hypervisor in hypervisors}
    )


def seed(connection: Connection, hosts: tuple[Host, ...]) -> None:
    project = connection.current_project_id
    call(connection, "compute", "PUT", f"/os-quota-sets/{project}", {"quota_set": UNLIMITED})
    _aggregates(connection, hosts)
    _flavors(connection)
    _image(connection)
    _network(connection)
    for policy in GROUPS:
        group = {"name": policy, "policy": policy}
        ensure(connection, "compute", "/os-server-groups", "server_group", group)


def _aggregates(connection: Connection, hosts: tuple[Host, ...]) -> None:
    for zone in ZONES:
        members = {host.name for host in hosts if host.zone == zone}
        _aggregate(connection, zone, members, {"availability_zone": zone})
    _aggregate(connection, "fast", {host.name for host in hosts if host.ssd}, {"disk": "fast"})


def _aggregate(connection: Connection, name: str, members: set[str], metadata: dict[str, str]) -> None:
    known = ensure(connection, "compute", "/os-aggregates", "aggregate", {"name": name})
    path = f"/os-aggregates/{known['id']}"
    if not metadata.items() <= known.get("metadata", {}).items():
        call(connection, "compute", "POST", path + "/action", {"set_metadata": {"metadata": metadata}})
    for host in sorted(members - set(known.get("hosts", ()))):
        call(connection, "compute", "POST", path + "/action", {"add_host": {"host": host}})


def _flavors(connection: Connection) -> None:
    for name, (vcpus, ram, disk, specs) in FLAVORS.items():
        wanted = {"name": name, "vcpus": vcpus, "ram": ram, "disk": disk}
        known = ensure(connection, "compute", "/flavors/detail", "flavor", wanted)
        if specs and known.get("extra_specs") != specs:
            path = f"/flavors/{known['id']}/os-extra_specs"
            call(connection, "compute", "POST", path, {"extra_specs": specs})


def _image(connection: Connection) -> None:
    wanted: dict[str, Any] = {"name": "tiny", "disk_format": "raw", "container_format": "bare"}
    for known in call(connection, "image", "GET", "/images?name=tiny")["images"]:
        if known["status"] == "active":
            return
    made = call(connection, "image", "POST", "/images", wanted)
    answer = connection.image.put(
        f"/images/{made['id']}/file",
        data=b"\0" * 512,
        headers={"Content-Type": "application/octet-stream"},
    )
    if answer.status_code >= 400:
        raise DidNotStart(f"image refused the data of 'tiny' with {answer.status_code}: {answer.text[:300]}")


def _network(connection: Connection) -> None:
    network = ensure(connection, "network", "/networks", "network", {"name": "net"})
    subnet = {"name": "subnet", "network_id": network["id"], "ip_version": 4, "cidr": "10.11.0.0/16"}
    ensure(connection, "network", "/subnets", "subnet", subnet)
