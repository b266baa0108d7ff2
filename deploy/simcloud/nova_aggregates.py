"""Host aggregates."""

from typing import Any

from deploy.simcloud import forms
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
    known = ("name", "availability_zone")
    asked = forms.fields("aggregate", forms.key(call, "aggregate"), known=known, required=("name",))
    name = str(forms.text("name", asked["name"]))
    if name in {aggregate.name for aggregate in call.cloud.aggregates.values()}:
        raise Refusal(409, f"Aggregate {name} already exists.")
    zone = asked.get("availability_zone")
    aggregate = call.cloud.add_aggregate(name, {"availability_zone": zone} if zone else {})
    return Response(200, {"aggregate": _view(call, aggregate)})


@ROUTES.on("DELETE", "/v2.1/os-aggregates/{aggregate}")
def delete(call: Call) -> Response:
    require_admin(call, "os-aggregates:delete")
    aggregate = _find(call)
    if aggregate.hosts:
        raise Refusal(
            400, f"Cannot remove host from aggregate {aggregate.id}. Reason: Host aggregate is not empty."
        )
    del call.cloud.aggregates[aggregate.id]
    return Response(200)


@ROUTES.on("POST", "/v2.1/os-aggregates/{aggregate}/action")
def act(call: Call) -> Response:
    require_admin(call, "os-aggregates:update")
    aggregate = _find(call)
    if len(call.body) != 1:
        raise Refusal(400, "Malformed request body")
    name, given = next(iter(call.body.items()))
    if name == "set_metadata":
        wanted = forms.fields(name, given, known=("metadata",), required=("metadata",))
        _set_metadata(aggregate, forms.fields("metadata", wanted["metadata"], known=(), open_ended=True))
    elif name in ("add_host", "remove_host"):
        wanted = forms.fields(name, given, known=("host",), required=("host",))
        _change_hosts(call, aggregate, str(wanted["host"]), joins=name == "add_host")
    else:
        raise Refusal(400, f"There is no such action: {name}")
    return Response(200, {"aggregate": _view(call, aggregate)})


def _set_metadata(aggregate: Aggregate, given: dict[str, Any]) -> None:
    """Null takes a key away."""
    for key, value in given.items():
        if value is None:
            aggregate.metadata.pop(key, None)
        elif isinstance(value, str):
            aggregate.metadata[key] = value
        else:
            raise forms.invalid(key, value, f"{value!r} is not of type 'string', 'null'")


def _change_hosts(call: Call, aggregate: Aggregate, host: str, *, joins: bool) -> None:
    if not joins and host not in aggregate.hosts:
        raise Refusal(404, f"Cannot remove host {host} in aggregate {aggregate.id}")
    if host not in call.cloud.hosts:
        raise Refusal(404, f"Compute host {host} could not be found.")
    if joins and host in aggregate.hosts:
        raise Refusal(409, f"Aggregate {aggregate.id} already has host {host}.")
    (call.cloud.join_aggregate if joins else call.cloud.leave_aggregate)(aggregate, host)
