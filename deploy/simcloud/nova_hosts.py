"""Hypervisors and services: the same hosts as Nova shows them twice."""

from typing import Any

from deploy.simcloud import fleet
from deploy.simcloud.entities import DISK, MEMORY, VCPU, Host
from deploy.simcloud.http import Call, Response, truth
from deploy.simcloud.ids import named
from deploy.simcloud.nova import ROUTES, marker_not_found, next_link, page_size, require_admin
from deploy.simcloud.refusal import Refusal
from deploy.simcloud.stamps import naive

CONTROLLERS = ("nova-scheduler", "nova-conductor")


def _reachable(call: Call) -> list[Host]:
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
    hosts = _reachable(call)
    pattern = call.query.get("hypervisor_hostname_pattern") if call.at_least(53) else None
    if pattern is not None:
        hosts = [host for host in hosts if pattern in host.name]
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


@ROUTES.on("GET", "/v2.1/os-hypervisors/{hypervisor}")
def hypervisor(call: Call) -> Response:
    require_admin(call, "os-hypervisors:show")
    for host in _reachable(call):
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
            view["servers"] = [{"uuid": uuid, "name": call.cloud.instances[uuid].name} for uuid in guests]
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


@ROUTES.on("GET", "/v2.1/os-services")
def services(call: Call) -> Response:
    require_admin(call, "os-services:list")
    wanted_host, wanted_binary = call.query.get("host"), call.query.get("binary")
    rows = [_controller(call, number, binary) for number, binary in enumerate(CONTROLLERS, start=1)]
    named_host = call.cloud.hosts.get(wanted_host or "")
    hosts = (
        [named_host]
        if named_host is not None
        else list(call.cloud.hosts.values())
        if wanted_host is None
        else []
    )
    rows += [row for row in (_service(call, host) for host in hosts) if row is not None]
    rows = [
        row for row in rows if wanted_binary in (None, row["binary"]) and wanted_host in (None, row["host"])
    ]
    return Response(200, {"services": rows})


def _service(call: Call, host: Host) -> dict[str, Any] | None:
    if host.cell in call.cloud.down_cells:
        partial = {"binary": "nova-compute", "host": host.name, "status": "UNKNOWN"}
        return partial if call.at_least(69) else None
    return {
        "id": host.service_uuid if call.at_least(53) else host.number + len(CONTROLLERS),
        "binary": "nova-compute",
        "host": host.name,
        "zone": host.zone,
        "status": "enabled" if host.enabled else "disabled",
        "state": "up" if host.up else "down",
        "updated_at": naive(call.cloud, call.cloud.now if host.alive else host.updated),
        "disabled_reason": host.disabled_reason,
        **({"forced_down": host.forced_down} if call.at_least(11) else {}),
    }


def _controller(call: Call, number: int, binary: str) -> dict[str, Any]:
    return {
        "id": named("service", binary) if call.at_least(53) else number,
        "binary": binary,
        "host": "controller-1",
        "zone": "internal",
        "status": "enabled",
        "state": "up",
        "updated_at": naive(call.cloud, call.cloud.now),
        "disabled_reason": None,
        **({"forced_down": False} if call.at_least(11) else {}),
    }


@ROUTES.on("PUT", "/v2.1/os-services/{service}")
def update_service(call: Call) -> Response:
    """From 2.53 on by uuid; before, the last part of the path is the verb."""
    require_admin(call, "os-services:update")
    if not call.at_least(53):
        return _update_by_verb(call)
    host = call.cloud.hosts.get(call.cloud.host_by_service.get(call["service"], ""))
    if host is None:
        raise Refusal(404, f"Service {call['service']} could not be found.")
    _check_service_change(call.body)
    reason = call.body.get("disabled_reason")
    if "forced_down" in call.body:
        fleet.force_down(call.cloud, host, forced=truth(str(call.body["forced_down"])))
    if "status" in call.body:
        fleet.set_status(call.cloud, host, enabled=call.body["status"] == "enabled", reason=reason)
    return Response(200, {"service": _service(call, host)})


def _check_service_change(body: dict[str, Any]) -> None:
    unknown = set(body) - {"status", "disabled_reason", "forced_down"}
    if unknown:
        raise Refusal(400, f"Additional properties are not allowed ({sorted(unknown)[0]!r} was unexpected)")
    if not body:
        raise Refusal(400, "No updates were requested. Fields 'status' or 'forced_down' should be specified.")
    if body.get("status", "enabled") not in ("enabled", "disabled"):
        raise Refusal(400, "Invalid input for field/attribute status.")
    if "disabled_reason" in body and body.get("status") != "disabled":
        raise Refusal(400, "Specifying disabled_reason requires that status is 'disabled'.")


def _update_by_verb(call: Call) -> Response:
    host = call.cloud.hosts.get(str(call.body.get("host")))
    if host is None:
        raise Refusal(404, f"Compute host {call.body.get('host')} could not be found.")
    reason = call.body.get("disabled_reason")
    match call["service"]:
        case "enable":
            fleet.set_status(call.cloud, host, enabled=True, reason=None)
        case "disable" | "disable-log-reason":
            fleet.set_status(call.cloud, host, enabled=False, reason=reason)
        case "force-down" if call.at_least(11):
            fleet.force_down(call.cloud, host, forced=truth(str(call.body.get("forced_down"))))
        case _:
            raise Refusal(404, "Unknown action")
    return Response(200, {"service": _service(call, host)})


@ROUTES.on("GET", "/v2.1/os-availability-zone")
@ROUTES.on("GET", "/v2.1/os-availability-zone/detail")
def zones(call: Call) -> Response:
    detailed = call.request.path.rstrip("/").endswith("/detail")
    if detailed:
        require_admin(call, "os-availability-zone:detail")
    by_zone: dict[str, list[Host]] = {}
    for host in _reachable(call):
        by_zone.setdefault(host.zone, []).append(host)
    rows: list[dict[str, Any]] = [
        _zone(call, name, hosts, detailed=detailed) for name, hosts in sorted(by_zone.items())
    ]
    return Response(200, {"availabilityZoneInfo": rows})


def _zone(call: Call, name: str, hosts: list[Host], *, detailed: bool) -> dict[str, Any]:
    members = {
        host.name: {
            "nova-compute": {
                "available": host.up,
                "active": host.enabled,
                "updated_at": naive(call.cloud, host.updated),
            }
        }
        for host in hosts
    }
    available = any(host.enabled for host in hosts)
    return {"zoneName": name, "zoneState": {"available": available}, "hosts": members if detailed else None}
