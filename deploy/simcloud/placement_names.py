"""Placement's vocabulary: resource classes and traits."""

from deploy.simcloud.entities import CLASSES
from deploy.simcloud.http import Call, Response
from deploy.simcloud.placement import ROUTES
from deploy.simcloud.refusal import Refusal


@ROUTES.on("GET", "/resource_classes")
def resource_classes(_call: Call) -> Response:
    rows = [
        {"name": name, "links": [{"rel": "self", "href": f"/placement/resource_classes/{name}"}]}
        for name in CLASSES
    ]
    return Response(200, {"resource_classes": rows})


@ROUTES.on("GET", "/traits")
def traits(call: Call) -> Response:
    names = {trait for host in call.cloud.hosts.values() for trait in host.traits}
    wanted = call.query.get("name", "")
    if wanted.startswith("startswith:"):
        names = {name for name in names if name.startswith(wanted[11:])}
    elif wanted.startswith("in:"):
        names &= set(wanted[3:].split(","))
    return Response(200, {"traits": sorted(names)})


@ROUTES.on("GET", "/traits/{trait}")
def trait(call: Call) -> Response:
    if not any(call["trait"] in host.traits for host in call.cloud.hosts.values()):
        raise Refusal(404, f"No such trait(s): {call['trait']}.")
    return Response(204)
