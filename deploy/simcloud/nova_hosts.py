"""Hypervisors: hosts as the machines that carry servers."""

from typing import Any

from deploy.simcloud import forms
from deploy.simcloud.entities import DISK, MEMORY, VCPU, Host
from deploy.simcloud.http import Call, Response, truth
from deploy.simcloud.ids import uuid_like
from deploy.simcloud.nova import ROUTES, marker_not_found, next_link, page_size, require_admin
from deploy.simcloud.refusal import Refusal


def reachable(call: Call) -> list[Host]:
    return [host for host in call.cloud.hosts.values() if host.cell not in call.cloud.down_cells]


def _identifier(call: Call, host: Host) -> str | int:
    return host.uuid if call.at_least(53) else host.number


@ROUTES.on("GET", "/v2.1/os-hypervisors")
def hypervisors(call: Call) -> Response:
    return _hypervisors(call, detailed=False)


@ROUTES.on("GET", "/v2.1/os-hypervisors/detail")
def hypervisors_detail(call: Call) -> Response:
    return _hypervisors(call, detailed=True)


def _hypervisors(call: Call, *, detailed: bool) -> Response:
    require_admin(call, "os-hypervisors:list")
    forms.query(call, "limit", "marker", "hypervisor_hostname_pattern", "with_servers", since=53)
    pattern = call.query.get("hypervisor_hostname_pattern") if call.at_least(53) else None
    if pattern is not None:
        return _matching(call, pattern, detailed=detailed)
    hosts = reachable(call)
    paged = call.at_least(33)
    size = page_size(call) if paged else len(hosts)
    marker = call.query.get("marker") if paged else None
    if marker is not None:
        places = [index for index, host in enumerate(hosts) if str(_identifier(call, host)) == marker]
        if not places:
            raise marker_not_found(marker)
        hosts = hosts[places[0] + 1 :]
    hosts = hosts[:size]
    body: dict[str, Any] = {"hypervisors": [_hypervisor(call, host, detailed=detailed) for host in hosts]}
    more = (
        next_link(call, hosts, size, str(_identifier(call, hosts[-1]))) if hosts and call.at_least(33) else []
    )
    if more:
        body["hypervisors_links"] = more
    return Response(200, body)


def _matching(call: Call, pattern: str, *, detailed: bool) -> Response:
    """By a part of the name; such a listing has no pages."""
    if {"limit", "marker"} & set(call.query):
        # Nova means to say that it does not page here; this is all that arrives.
        text = "The server could not comply with the request since it is either malformed or otherwise "
        raise Refusal(400, text + "incorrect.")
    rows = [_hypervisor(call, host, detailed=detailed) for host in reachable(call) if pattern in host.name]
    if not rows:
        raise Refusal(404, f"No hypervisor matching '{pattern}' could be found.")
    return Response(200, {"hypervisors": rows})


@ROUTES.on("GET", "/v2.1/os-hypervisors/{hypervisor}")
def hypervisor(call: Call) -> Response:
    require_admin(call, "os-hypervisors:show")
    if call.at_least(53) and not uuid_like(call["hypervisor"]):
        raise Refusal(400, f"Invalid uuid {call['hypervisor']}")
    for host in reachable(call):
        if str(_identifier(call, host)) == call["hypervisor"]:
            return Response(200, {"hypervisor": _hypervisor(call, host, detailed=True)})
    raise Refusal(404, f"Hypervisor with ID '{call['hypervisor']}' could not be found.")


def _hypervisor(call: Call, host: Host, *, detailed: bool) -> dict[str, Any]:
    view: dict[str, Any] = {
        "id": _identifier(call, host),
        "hypervisor_hostname": host.name,
        "state": "up" if host.up else "down",
        "status": "enabled" if host.enabled else "disabled",
    }
    if detailed:
        view |= {
            "host_ip": host.ip,
            "hypervisor_type": "QEMU",
            "hypervisor_version": 9001000,
            "service": {
                "id": host.service_uuid if call.at_least(53) else host.number,
                "host": host.name,
                "disabled_reason": host.disabled_reason,
            },
        }
        view |= {"uptime": None} if call.at_least(88) else _old_numbers(call, host)
    if call.at_least(53) and truth(call.query.get("with_servers", "false")):
        guests = call.cloud.on_host.get(host.name, {})
        if guests or call.at_least(75):
            view["servers"] = [{"uuid": uuid, "name": call.cloud.instances[uuid].domain} for uuid in guests]
    return view


def _old_numbers(call: Call, host: Host) -> dict[str, Any]:
    """Capacity as Nova told it before 2.88; Placement is where it belongs."""
    used = call.cloud.books.used(host.name)
    cores, memory, disk = (host.inventories[name] for name in (VCPU, MEMORY, DISK))
    return {
        "cpu_info": {"vendor": "Sim", "model": "sim", "arch": "x86_64", "topology": {}, "features": []},
        "current_workload": 0,
        "disk_available_least": disk.total - used.get(DISK, 0),
        "free_disk_gb": disk.total - used.get(DISK, 0),
        "free_ram_mb": memory.total - memory.reserved - used.get(MEMORY, 0),
        "local_gb": disk.total,
        "local_gb_used": used.get(DISK, 0),
        "memory_mb": memory.total,
        "memory_mb_used": memory.reserved + used.get(MEMORY, 0),
        "running_vms": len(call.cloud.on_host.get(host.name, ())),
        "vcpus": cores.total,
        "vcpus_used": used.get(VCPU, 0),
    }
