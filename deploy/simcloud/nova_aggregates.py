"""Host aggregates."""

from typing import Any

from deploy.simcloud.entities import Aggregate
from deploy.simcloud.http import Call, Response
from deploy.simcloud.nova import ROUTES, require_admin
from deploy.simcloud.refusal import Refusal
from deploy.simcloud.stamps import naive


def _find(call: Call) -> Aggregate:
    key = call["aggregate"]
    found = call.cloud.aggregates.get(int(key)) if key.isdigit() else None
    if found is None:
        raise Refusal(404, f"Aggregate {key} could not be found.")
    return found


def _view(call: Call, aggregate: Aggregate) -> dict[str, Any]:
    view: dict[str, Any] = {
        "id": aggregate.id,
        "name": aggregate.name,
        "availability_zone": aggregate.metadata.get("availability_zone"),
        "hosts": list(aggregate.hosts),
        "metadata": dict(aggregate.metadata),
        "created_at": naive(call.cloud, aggregate.created),
        "updated_at": None,
        "deleted": False,
        "deleted_at": None,
    }
    return {**view, "uuid": aggregate.uuid} if call.at_least(41) else view


@ROUTES.on("GET", "/v2.1/os-aggregates")
def index(call: Call) -> Response:
    require_admin(call, "os-aggregates:index")
    return Response(
        200, {"aggregates": [_view(call, aggregate) for aggregate in call.cloud.aggregates.values()]}
    )


@ROUTES.on("GET", "/v2.1/os-aggregates/{aggregate}")
def show(call: Call) -> Response:
    require_admin(call, "os-aggregates:show")
    return Response(200, {"aggregate": _view(call, _find(call))})


@ROUTES.on("POST", "/v2.1/os-aggregates")
def create(call: Call) -> Response:
    require_admin(call, "os-aggregates:create")
    asked = call.inside("aggregate")
    name = asked.get("name")
    if not name or name in {aggregate.name for aggregate in call.cloud.aggregates.values()}:
        raise Refusal(
            409 if name else 400, f"Aggregate {name} already exists." if name else "A name is needed."
        )
    zone = asked.get("availability_zone")
    aggregate = call.cloud.add_aggregate(name, {"availability_zone": zone} if zone else {})
    return Response(200, {"aggregate": _view(call, aggregate)})


@ROUTES.on("DELETE", "/v2.1/os-aggregates/{aggregate}")
def delete(call: Call) -> Response:
    require_admin(call, "os-aggregates:delete")
    aggregate = _find(call)
    if aggregate.hosts:
        raise Refusal(400, f"Cannot remove host from aggregate {aggregate.id}: the aggregate is not empty.")
    del call.cloud.aggregates[aggregate.id]
    return Response(200)


@ROUTES.on("POST", "/v2.1/os-aggregates/{aggregate}/action")
def act(call: Call) -> Response:
    require_admin(call, "os-aggregates:update")
    aggregate = _find(call)
    name, given = next(iter(call.body.items()), ("", None))
    if not isinstance(given, dict):
        raise Refusal(400, "There is no such action")
    if name == "set_metadata":
        for key, value in given["metadata"].items():
            if value is None:
                aggregate.metadata.pop(key, None)
            else:
                aggregate.metadata[key] = str(value)
    elif name in ("add_host", "remove_host"):
        _change_hosts(call, aggregate, str(given.get("host")), joins=name == "add_host")
    else:
        raise Refusal(400, f"There is no such action: {name}")
    return Response(200, {"aggregate": _view(call, aggregate)})


def _change_hosts(call: Call, aggregate: Aggregate, host: str, *, joins: bool) -> None:
    if host not in call.cloud.hosts:
        raise Refusal(404, f"Compute host {host} could not be found.")
    if joins == (host in aggregate.hosts):
        raise Refusal(
            409 if joins else 404,
            f"Aggregate {aggregate.id} {'already has' if joins else 'has no'} host {host}.",
        )
    (call.cloud.join_aggregate if joins else call.cloud.leave_aggregate)(aggregate, host)
