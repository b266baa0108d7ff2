"""Services and zones: hosts as the places where Nova's processes run."""

from typing import Any

from deploy.simcloud import fleet, forms
from deploy.simcloud.entities import Host
from deploy.simcloud.http import Call, Response, truth
from deploy.simcloud.ids import named, uuid_like
from deploy.simcloud.nova import ROUTES, require_admin
from deploy.simcloud.nova_hosts import reachable
from deploy.simcloud.refusal import Refusal
from deploy.simcloud.stamps import naive

CONTROLLER, CONTROLLERS = "controller-1", ("nova-scheduler", "nova-conductor")


@ROUTES.on("GET", "/v2.1/os-services")
def services(call: Call) -> Response:
    require_admin(call, "os-services:list")
    forms.query(call, "host", "binary")
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
        "host": CONTROLLER,
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
    host = _compute(call)
    _check_service_change(call.request.body)
    reason = call.body.get("disabled_reason")
    if "forced_down" in call.body:
        fleet.force_down(call.cloud, host, forced=truth(str(call.body["forced_down"])))
    if "status" in call.body:
        fleet.set_status(call.cloud, host, enabled=call.body["status"] == "enabled", reason=reason)
    return Response(200, {"service": _service(call, host)})


def _compute(call: Call) -> Host:
    """The host of the service that is named in the path."""
    key = call["service"]
    if not uuid_like(key):
        raise Refusal(400, f"Invalid uuid {key}")
    for binary in CONTROLLERS:
        if key == named("service", binary):
            text = f"Updating a {binary} service is not supported. Only nova-compute services can be updated."
            raise Refusal(400, text)
    host = call.cloud.hosts.get(call.cloud.host_by_service.get(key, ""))
    if host is None:
        raise Refusal(404, f"Service {key} could not be found.")
    return host


def _check_service_change(body: Any) -> None:
    if not isinstance(body, dict):
        raise Refusal(400, f"{body!r} is not of type 'object'")
    unknown = set(body) - {"status", "disabled_reason", "forced_down"}
    if unknown:
        raise Refusal(400, forms.unexpected(sorted(unknown)))
    if "status" in body:
        forms.choice("status", forms.text("status", body["status"]), ("enabled", "disabled"))
    if "disabled_reason" in body:
        forms.text("disabled_reason", body["disabled_reason"])
    if "forced_down" in body:
        forms.choice("forced_down", body["forced_down"], forms.BOOLEANS)
    if body.get("status") == "enabled" and "disabled_reason" in body:
        raise Refusal(400, "Specifying 'disabled_reason' with status 'enabled' is invalid.")
    if not {"status", "forced_down"} & set(body):
        raise Refusal(400, "No updates were requested. Fields 'status' or 'forced_down' should be specified.")


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
    for host in reachable(call):
        by_zone.setdefault(host.zone, []).append(host)
    rows: list[dict[str, Any]] = [
        _zone(call, name, hosts, detailed=detailed) for name, hosts in sorted(by_zone.items())
    ]
    if detailed:
        rows.append(_inner_zone(call))
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


def _inner_zone(call: Call) -> dict[str, Any]:
    """Where Nova's own services are."""
    known = {"available": True, "active": True, "updated_at": naive(call.cloud, call.cloud.now)}
    members = {CONTROLLER: {binary: dict(known) for binary in CONTROLLERS}}
    return {"zoneName": "internal", "zoneState": {"available": True}, "hosts": members}
