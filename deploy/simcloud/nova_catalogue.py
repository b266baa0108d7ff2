"""Flavors and server groups."""

from typing import Any

from deploy.simcloud import forms
from deploy.simcloud.entities import Flavor, ServerGroup
from deploy.simcloud.http import Call, Response, whole
from deploy.simcloud.nova import ROUTES, links, number, page_size
from deploy.simcloud.refusal import Refusal

POLICIES = ("anti-affinity", "affinity", "soft-anti-affinity", "soft-affinity")
FLAVOR_QUERY = ("limit", "marker", "is_public", "minRam", "minDisk", "sort_key", "sort_dir")


def _flavor(call: Call, *, single: bool = True) -> Flavor:
    flavor = call.cloud.flavors.get(call["flavor"])
    if flavor is None or (single and not _offered(call, flavor)):
        raise Refusal(404, f"Flavor {call['flavor']} could not be found.")
    return flavor


def _offered(call: Call, flavor: Flavor) -> bool:
    return flavor.project_id in (None, call.by.project_id) or call.by.sees_all


def _flavor_view(call: Call, flavor: Flavor) -> dict[str, Any]:
    view: dict[str, Any] = {
        "id": flavor.id,
        "name": flavor.name,
        "ram": flavor.memory_mb,
        "disk": flavor.disk_gb,
        "vcpus": flavor.vcpus,
        "swap": flavor.swap_mb if call.at_least(75) else flavor.swap_mb or "",
        "OS-FLV-EXT-DATA:ephemeral": flavor.ephemeral_gb,
        "OS-FLV-DISABLED:disabled": False,
        "os-flavor-access:is_public": flavor.project_id is None,
        "rxtx_factor": 1.0,
        "links": links(call, f"flavors/{flavor.id}"),
    }
    if call.at_least(55):
        view["description"] = None
    if call.at_least(61):
        view["extra_specs"] = flavor.extra_specs
    return view


@ROUTES.on("GET", "/v2.1/flavors")
def flavors(call: Call) -> Response:
    forms.query(call, *FLAVOR_QUERY)
    rows = [
        {"id": flavor.id, "name": flavor.name, "links": links(call, f"flavors/{flavor.id}")}
        for flavor in call.cloud.flavors.values()
        if _offered(call, flavor)
    ]
    return Response(200, {"flavors": rows})


@ROUTES.on("GET", "/v2.1/flavors/detail")
def flavors_detail(call: Call) -> Response:
    forms.query(call, *FLAVOR_QUERY)
    rows = [_flavor_view(call, flavor) for flavor in call.cloud.flavors.values() if _offered(call, flavor)]
    return Response(200, {"flavors": rows})


@ROUTES.on("GET", "/v2.1/flavors/{flavor}")
def flavor(call: Call) -> Response:
    return Response(200, {"flavor": _flavor_view(call, _flavor(call))})


@ROUTES.on("GET", "/v2.1/flavors/{flavor}/os-extra_specs")
def extra_specs(call: Call) -> Response:
    return Response(200, {"extra_specs": _flavor(call).extra_specs})


def _group_view(call: Call, group: ServerGroup) -> dict[str, Any]:
    view: dict[str, Any] = {"id": group.uuid, "name": group.name, "members": list(group.members)}
    if call.at_least(64):
        limit = group.max_server_per_host
        view |= {"policy": group.policy, "rules": {} if limit is None else {"max_server_per_host": limit}}
    else:
        view |= {"policies": [group.policy], "metadata": {}}
    if call.at_least(13):
        view |= {"project_id": group.project_id, "user_id": group.user_id}
    return view


@ROUTES.on("GET", "/v2.1/os-server-groups")
def groups(call: Call) -> Response:
    forms.query(call, "all_projects", "limit", "offset")
    everybody = call.by.sees_all and "all_projects" in call.query
    rows = [
        _group_view(call, group)
        for group in call.cloud.groups.values()
        if everybody or group.project_id == call.by.project_id
    ]
    start = number(call, "offset", 0)
    return Response(200, {"server_groups": rows[start : start + page_size(call)]})


def _group(call: Call) -> ServerGroup:
    group = call.cloud.groups.get(call["group"])
    if group is None or not (call.by.sees_all or group.project_id == call.by.project_id):
        raise Refusal(404, f"Instance group {call['group']} could not be found.")
    return group


@ROUTES.on("GET", "/v2.1/os-server-groups/{group}")
def group(call: Call) -> Response:
    return Response(200, {"server_group": _group_view(call, _group(call))})


@ROUTES.on("POST", "/v2.1/os-server-groups")
def create_group(call: Call) -> Response:
    key = "policy" if call.at_least(64) else "policies"
    wanted = ("name", key)
    asked = forms.fields(
        "server_group", forms.key(call, "server_group"), known=(*wanted, "rules"), required=wanted
    )
    forms.text("name", asked["name"])
    given = asked[key]
    if not call.at_least(64) and isinstance(given, list):
        given = next(iter(given), None)
    policy = forms.choice(key, given, POLICIES)
    rules = forms.fields("rules", asked.get("rules", {}), known=("max_server_per_host",))
    limit = whole(rules["max_server_per_host"], "max_server_per_host") if rules else None
    if limit is not None and policy != "anti-affinity":
        raise Refusal(400, "Only anti-affinity policy supports rules.")
    made = ServerGroup(
        call.cloud.ids.uuid(),
        asked["name"],
        policy,
        call.by.project_id,
        call.by.user_id,
        max_server_per_host=limit,
    )
    call.cloud.groups[made.uuid] = made
    return Response(200, {"server_group": _group_view(call, made)})


@ROUTES.on("DELETE", "/v2.1/os-server-groups/{group}")
def delete_group(call: Call) -> Response:
    group = _group(call)
    for member in group.members:
        call.cloud.instances[member].group = None
    del call.cloud.groups[group.uuid]
    return Response(204)
