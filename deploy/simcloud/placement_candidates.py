"""Allocation candidates: which hosts could take what somebody wants to claim."""

from typing import Any

from deploy.simcloud.entities import Host
from deploy.simcloud.http import Call, Response
from deploy.simcloud.nova import number, require_admin
from deploy.simcloud.placement import ROUTES, matching, parse_resources, usages_of
from deploy.simcloud.refusal import Refusal


@ROUTES.on("GET", "/allocation_candidates")
def candidates(call: Call) -> Response:
    """Hosts that could take the resources, as far as Placement knows."""
    require_admin(call, "placement:allocation_candidates:list")
    if "resources" not in call.query:
        raise Refusal(400, "'resources' is a required property")
    demand = parse_resources(call.query["resources"])
    hosts = matching(call)[: number(call, "limit", 1_000_000)]
    requests = [
        {"allocations": {host.uuid: {"resources": demand}}, "mappings": {"": [host.uuid]}} for host in hosts
    ]
    summaries = {host.uuid: _summary(call, host) for host in hosts}
    return Response(200, {"allocation_requests": requests, "provider_summaries": summaries})


def _summary(call: Call, host: Host) -> dict[str, Any]:
    used = usages_of(call, host)
    resources = {
        name: {"capacity": row.capacity, "used": used[name]} for name, row in host.inventories.items()
    }
    return {
        "resources": resources,
        "traits": sorted(host.traits),
        "parent_provider_uuid": None,
        "root_provider_uuid": host.uuid,
    }
