"""Placement: what each host has, what is claimed of it and by whom."""

from typing import Any

from deploy.simcloud.entities import CLASSES, Host, Inventory, Resources
from deploy.simcloud.http import Call, Response, Routes
from deploy.simcloud.nova import require_admin
from deploy.simcloud.refusal import Refusal
from deploy.simcloud.scheduler import fits

ROUTES = Routes("/placement")
MIN, MAX = (1, 0), (1, 39)
OPEN = frozenset({"/placement", "/placement/"})
_LEADS = {
    400: "The server could not comply with the request since it is either malformed or otherwise incorrect.",
    404: "The resource could not be found.",
    409: "There was a conflict when trying to complete your request.",
}
PROVIDER = "/resource_providers/{provider}"


def error_body(status: int, message: str, request_id: str) -> dict[str, Any]:
    lead = _LEADS.get(status)
    text = message if lead is None else f"{lead}\n\n {message}  "
    title = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 409: "Conflict"}
    row = {"status": status, "title": title.get(status, "Error"), "detail": text, "request_id": request_id}
    return {"errors": [row]}


def version_headers(version: tuple[int, int]) -> dict[str, str]:
    return {"OpenStack-API-Version": f"placement {version[0]}.{version[1]}", "Vary": "OpenStack-API-Version"}


@ROUTES.on("GET", "")
def version(call: Call) -> Response:
    view = {
        "id": "v1.0",
        "status": "CURRENT",
        "min_version": f"{MIN[0]}.{MIN[1]}",
        "max_version": f"{MAX[0]}.{MAX[1]}",
        "links": [{"rel": "self", "href": f"{call.request.origin}/placement/"}],
    }
    return Response(200, {"versions": [view]})


def _host(call: Call) -> Host:
    require_admin(call, "placement")
    host = call.cloud.hosts.get(call.cloud.host_by_uuid.get(call["provider"], ""))
    if host is None:
        raise Refusal(404, f"No resource provider with uuid {call['provider']} found")
    return host


def generation(call: Call, host: Host) -> int:
    """Grows with each change of the provider, and each booking is one."""
    return host.generation + call.cloud.books.bookings.get(host.name, 0)


def _link(host: Host, rel: str) -> dict[str, str]:
    path = f"/placement/resource_providers/{host.uuid}"
    return {"rel": rel, "href": path if rel == "self" else f"{path}/{rel}"}


def _provider(call: Call, host: Host) -> dict[str, Any]:
    rels = ("self", "inventories", "usages", "aggregates", "traits", "allocations")
    view: dict[str, Any] = {
        "uuid": host.uuid,
        "name": host.name,
        "generation": generation(call, host),
        "links": [_link(host, rel) for rel in rels],
    }
    if call.at_least(14, 1):
        view |= {"parent_provider_uuid": None, "root_provider_uuid": host.uuid}
    return view


@ROUTES.on("GET", "/resource_providers")
def providers(call: Call) -> Response:
    require_admin(call, "placement:resource_providers:list")
    return Response(200, {"resource_providers": [_provider(call, host) for host in matching(call)]})


def matching(call: Call) -> list[Host]:
    cloud, query = call.cloud, call.query
    hosts = list(cloud.hosts.values())
    if "name" in query:
        hosts = [cloud.hosts[query["name"]]] if query["name"] in cloud.hosts else []
    for key in ("uuid", "in_tree"):
        if key in query:
            hosts = [host for host in hosts if host.uuid == query[key]]
    if "resources" in query:
        demand = parse_resources(query["resources"])
        hosts = [host for host in hosts if fits(cloud, host, demand)]
    if "required" in query:
        hosts = [host for host in hosts if _has_traits(host, query["required"])]
    if "member_of" in query:
        wanted = set(query["member_of"].removeprefix("in:").split(","))
        hosts = [host for host in hosts if wanted & {row.uuid for row in cloud.aggregates_of(host.name)}]
    return hosts


def parse_resources(text: str) -> Resources:
    """VCPU:2,MEMORY_MB:512"""
    try:
        return {name: int(amount) for name, _, amount in (part.partition(":") for part in text.split(","))}
    except ValueError:
        raise Refusal(400, f"Badly formed resources parameter. Got: {text}.") from None


def _has_traits(host: Host, text: str) -> bool:
    """T1,!T2 or in:T1,T2"""
    if text.startswith("in:"):
        return bool(set(text[3:].split(",")) & host.traits)
    return all((part.lstrip("!") in host.traits) != part.startswith("!") for part in text.split(","))


@ROUTES.on("GET", PROVIDER)
def provider(call: Call) -> Response:
    return Response(200, _provider(call, _host(call)))


def _inventory(inventory: Inventory) -> dict[str, Any]:
    return {
        "total": inventory.total,
        "reserved": inventory.reserved,
        "allocation_ratio": inventory.allocation_ratio,
        "min_unit": 1,
        "max_unit": inventory.max_unit or inventory.total,
        "step_size": 1,
    }


@ROUTES.on("GET", PROVIDER + "/inventories")
def inventories(call: Call) -> Response:
    host = _host(call)
    rows = {name: _inventory(inventory) for name, inventory in host.inventories.items()}
    return Response(200, {"inventories": rows, "resource_provider_generation": generation(call, host)})


@ROUTES.on("GET", PROVIDER + "/inventories/{name}")
def inventory(call: Call) -> Response:
    host = _host(call)
    if call["name"] not in host.inventories:
        raise Refusal(404, f"No inventory of class {call['name']} for {host.uuid}")
    row = _inventory(host.inventories[call["name"]])
    return Response(200, {**row, "resource_provider_generation": generation(call, host)})


def usages_of(call: Call, host: Host) -> Resources:
    used = call.cloud.books.used(host.name)
    return {name: used.get(name, 0) for name in host.inventories}


@ROUTES.on("GET", PROVIDER + "/usages")
def usages(call: Call) -> Response:
    host = _host(call)
    return Response(
        200, {"usages": usages_of(call, host), "resource_provider_generation": generation(call, host)}
    )


@ROUTES.on("GET", PROVIDER + "/allocations")
def provider_allocations(call: Call) -> Response:
    """Servers and, while they move, their migrations."""
    host = _host(call)
    more = {"consumer_generation": 1} if call.at_least(28, 1) else {}
    consumers = call.cloud.books.consumers(host.name).items()
    rows = {consumer: {"resources": held, **more} for consumer, held in consumers}
    return Response(200, {"allocations": rows, "resource_provider_generation": generation(call, host)})


@ROUTES.on("GET", PROVIDER + "/traits")
def provider_traits(call: Call) -> Response:
    host = _host(call)
    return Response(
        200, {"traits": sorted(host.traits), "resource_provider_generation": generation(call, host)}
    )


@ROUTES.on("GET", PROVIDER + "/aggregates")
def provider_aggregates(call: Call) -> Response:
    host = _host(call)
    body: dict[str, Any] = {
        "aggregates": [aggregate.uuid for aggregate in call.cloud.aggregates_of(host.name)]
    }
    if call.at_least(19, 1):
        body["resource_provider_generation"] = generation(call, host)
    return Response(200, body)


@ROUTES.on("GET", "/allocations/{consumer}")
def allocations(call: Call) -> Response:
    """Of a server or of a migration; an unknown consumer holds nothing, which is no error."""
    require_admin(call, "placement:allocations:list")
    cloud, consumer = call.cloud, call["consumer"]
    held = cloud.books.held(consumer)
    rows = {
        cloud.hosts[host].uuid: {"generation": generation(call, cloud.hosts[host]), "resources": resources}
        for host, resources in held.items()
    }
    body: dict[str, Any] = {"allocations": rows}
    if rows and call.at_least(12, 1):
        body |= _owner(call, consumer)
    return Response(200, body)


def _owner(call: Call, consumer: str) -> dict[str, Any]:
    cloud = call.cloud
    migration = cloud.migrations.get(consumer)
    instance = cloud.instances.get(migration.instance if migration is not None else consumer)
    view: dict[str, Any] = {
        "project_id": instance.project_id if instance else "",
        "user_id": instance.user_id if instance else "",
    }
    if call.at_least(28, 1):
        view["consumer_generation"] = 1
    if call.at_least(38, 1):
        view["consumer_type"] = "INSTANCE" if migration is None else "MIGRATION"
    return view


@ROUTES.on("GET", "/usages")
def project_usages(call: Call) -> Response:
    project, total = call.query.get("project_id", ""), dict.fromkeys(CLASSES, 0)
    for consumer, places in call.cloud.books.by_consumer.items():
        migration = call.cloud.migrations.get(consumer)
        instance = call.cloud.instances.get(migration.instance if migration else consumer)
        if instance is not None and instance.project_id == project:
            for resources in places.values():
                for name, amount in resources.items():
                    total[name] += amount
    return Response(200, {"usages": total})
