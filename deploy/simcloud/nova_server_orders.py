"""Servers: create."""

from typing import Any

from deploy.simcloud import boot, forms
from deploy.simcloud.entities import Flavor
from deploy.simcloud.http import Call, Response, whole
from deploy.simcloud.nova import ROUTES, links, require_admin
from deploy.simcloud.refusal import Refusal

KNOWN = frozenset(
    [
        "OS-DCF:diskConfig",
        "accessIPv4",
        "accessIPv6",
        "adminPass",
        "availability_zone",
        "block_device_mapping",
        "block_device_mapping_v2",
        "config_drive",
        "description",
        "flavorRef",
        "host",
        "hostname",
        "hypervisor_hostname",
        "imageRef",
        "key_name",
        "max_count",
        "metadata",
        "min_count",
        "name",
        "networks",
        "return_reservation_id",
        "security_groups",
        "tags",
        "trusted_image_certificates",
        "user_data",
    ]
)


@ROUTES.on("POST", "/v2.1/servers")
def create(call: Call) -> Response:
    if call.by.sees_all and not call.by.admin:
        raise Refusal(403, "Policy doesn't allow os_compute_api:servers:create to be performed.")
    asked = _asked(call)
    hints = call.body.get("os:scheduler_hints", call.body.get("OS-SCH-HNT:scheduler_hints", {}))
    created = [boot.boot(call.cloud, _order(call, asked, hints), call.by) for _ in range(_count(asked))]
    first = created[0]
    call.notes["server"] = first.uuid
    own_links = links(call, f"servers/{first.uuid}")
    body = {
        "id": first.uuid,
        "links": own_links,
        "OS-DCF:diskConfig": "MANUAL",
        "security_groups": [{"name": "default"}],
        "adminPass": "simulated",
    }
    return Response(202, {"server": body}, {"Location": own_links[0]["href"]})


def _asked(call: Call) -> dict[str, Any]:
    """The body, as far as Nova's validation would let it through."""
    required = ("name", "flavorRef", *(("networks",) if call.at_least(37) else ()))
    asked = forms.fields("server", forms.key(call, "server"), known=KNOWN, required=required)
    forms.text("name", asked["name"])
    forms.words("metadata", asked.get("metadata", {}))
    return asked


def _count(asked: dict[str, Any]) -> int:
    least = max(1, whole(asked.get("min_count", 1), "min_count"))
    most = max(1, whole(asked.get("max_count", least), "max_count"))
    if least > most:
        raise Refusal(400, "min_count must be <= max_count")
    return most


def _order(call: Call, asked: dict[str, Any], hints: dict[str, Any]) -> boot.Order:
    zone, _, forced = str(asked.get("availability_zone") or "").partition(":")
    if zone and zone not in {host.zone for host in call.cloud.hosts.values()}:
        raise Refusal(400, "The requested availability zone is not available")
    host = forced or None
    if call.at_least(74) and (asked.get("host") or asked.get("hypervisor_hostname")):
        require_admin(call, "compute:servers:create:requested_destination")
        host = asked.get("host") or asked["hypervisor_hostname"]
    volumes = [row for row in asked.get("block_device_mapping_v2", []) if row.get("boot_index") in (0, "0")]
    return boot.Order(
        name=asked["name"],
        flavor=_flavor(call, str(asked["flavorRef"])),
        image=str(asked.get("imageRef") or ""),
        from_volume=bool(volumes),
        metadata=asked.get("metadata", {}),
        tags=asked.get("tags", []) if call.at_least(52) else [],
        zone=zone or None,
        host=host,
        bypass=bool(forced),
        hints=hints,
        description=asked.get("description"),
    )


def _flavor(call: Call, reference: str) -> Flavor:
    flavor = call.cloud.flavors.get(reference.rsplit("/", 1)[-1])
    if flavor is None:
        raise Refusal(400, f"Flavor {reference} could not be found.")
    return flavor
