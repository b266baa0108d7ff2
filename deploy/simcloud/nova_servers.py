"""Servers: list, show, rename, delete."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from deploy.simcloud import boot, forms
from deploy.simcloud import nova_server_view as view
from deploy.simcloud.clock import parse_moment
from deploy.simcloud.entities import Instance
from deploy.simcloud.http import Call, Response, truth
from deploy.simcloud.nova import ROUTES, marker_not_found, next_link, page_size
from deploy.simcloud.refusal import Refusal

Test = Callable[[Instance], bool]
QUERY = frozenset(
    [
        "all_tenants",
        "availability_zone",
        "changes-before",
        "changes-since",
        "created_at",
        "deleted",
        "description",
        "display_name",
        "flavor",
        "host",
        "hostname",
        "image",
        "ip",
        "ip6",
        "key_name",
        "launched_at",
        "limit",
        "locked",
        "marker",
        "name",
        "node",
        "not-tags",
        "not-tags-any",
        "power_state",
        "progress",
        "project_id",
        "reservation_id",
        "soft_deleted",
        "sort_dir",
        "sort_key",
        "status",
        "tags",
        "tags-any",
        "task_state",
        "tenant_id",
        "terminated_at",
        "user_id",
        "uuid",
        "vm_state",
    ]
)


def visible(call: Call, uuid: str) -> Instance:
    """The server, if the caller may see it; to others it does not exist."""
    instance = call.cloud.instance(uuid)
    if not call.by.sees_all and instance.project_id != call.by.project_id:
        raise Refusal(404, f"Instance {uuid} could not be found.")
    return instance


def changeable(call: Call, uuid: str) -> Instance:
    """The server, for somebody who wants to do something to it."""
    instance = visible(call, uuid)
    if call.by.sees_all and not call.by.admin:
        raise Refusal(403, "Policy doesn't allow os_compute_api:servers to be performed.")
    if call.cloud.cell_down(instance):
        raise Refusal(500, "The cell of this server does not answer.")
    return instance


@ROUTES.on("GET", "/v2.1/servers")
def index(call: Call) -> Response:
    return _listing(call, lambda instance: view.basic(call, instance))


@ROUTES.on("GET", "/v2.1/servers/detail")
def detail(call: Call) -> Response:
    return _listing(call, lambda instance: view.detail(call, instance, single=False))


def _listing(call: Call, render: Callable[[Instance], dict[str, Any]]) -> Response:
    _check_query(call)
    size, rows, last = page_size(call), [], None
    filtered = bool({"host", "status", "name", "vm_state"} & set(call.query))
    for instance in islice(_shown(call, filtered), size):
        rows.append(view.partial(call, instance) if call.cloud.cell_down(instance) else render(instance))
        last = instance.uuid
    body: dict[str, Any] = {"servers": rows}
    more = next_link(call, rows, size, last)
    if more:
        body["servers_links"] = more
    return Response(200, body)


def _check_query(call: Call) -> None:
    """Nova's list of what it takes here is long; of what it refuses, this is what its users meet."""
    for name, value in call.query.items():
        if name not in QUERY and not name.startswith("_") and call.at_least(75):
            raise Refusal(400, f"{name!r} does not match any of the regexes: '^_'")
        if name in ("changes-since", "changes-before"):
            forms.moment(name, value)
        if name == "all_tenants":
            forms.boolean(value)
    if call.query.get("status", "active").upper() not in view.STATUSES:
        raise Refusal(400, "Invalid status value")


def _shown(call: Call, filtered: bool) -> Iterator[Instance]:
    """Matching servers; those of a down cell only where a partial record is possible."""
    tests = _tests(call)
    for instance in _in_order(call):
        if call.cloud.cell_down(instance):
            if call.at_least(69) and not filtered and _owned(call, instance):
                yield instance
        elif all(test(instance) for test in tests):
            yield instance


def _in_order(call: Call) -> Iterable[Instance]:
    """Newest first, from behind the marker, by the narrowest index that fits."""
    cloud, marker = call.cloud, call.query.get("marker")
    if "changes-since" in call.query or truth(call.query.get("deleted", "false")):
        everything = [*cloud.instances.values(), *cloud.gone.values()]
        everything.sort(key=lambda instance: (-instance.created, instance.uuid))
        return _behind(everything, marker)
    if "host" in call.query:
        here = sorted(cloud.on_host.get(call.query["host"], ()), key=cloud.roll.rank)
        return _behind([cloud.instances[uuid] for uuid in here], marker)
    if marker is not None and marker not in cloud.roll:
        raise marker_not_found(marker)
    return (cloud.instances[uuid] for uuid in cloud.roll.after(marker))


def _behind(instances: list[Instance], marker: str | None) -> list[Instance]:
    if marker is None:
        return instances
    for index, instance in enumerate(instances):
        if instance.uuid == marker:
            return instances[index + 1 :]
    raise marker_not_found(marker)


def _owned(call: Call, instance: Instance) -> bool:
    everybody = call.by.sees_all and truth(call.query.get("all_tenants", "false"))
    if not everybody and instance.project_id != call.by.project_id:
        return False
    project = call.query.get("project_id", call.query.get("tenant_id"))
    return project is None or instance.project_id == project


def _tests(call: Call) -> list[Test]:
    query, cloud = call.query, call.cloud
    tests: list[Test] = [lambda instance: _owned(call, instance)]
    plain: dict[str, Callable[[Instance], Any]] = {
        "host": lambda instance: instance.host,
        "status": view.status,
        "vm_state": lambda instance: instance.vm_state,
        "task_state": lambda instance: instance.task_state,
        "uuid": lambda instance: instance.uuid,
        "flavor": lambda instance: instance.flavor.id,
        "user_id": lambda instance: instance.user_id,
        "availability_zone": lambda instance: view.zone_of(cloud, instance),
    }
    for key, read in plain.items():
        if key in query:
            wanted = query[key].upper() if key == "status" else query[key]
            tests.append(lambda instance, read=read, wanted=wanted: read(instance) == wanted)  # type: ignore[misc]
    if "name" in query:
        pattern = re.compile(query["name"])
        tests.append(lambda instance: pattern.search(instance.name) is not None)
    if "locked" in query and call.at_least(73):
        tests.append(lambda instance: instance.locked == truth(query["locked"]))
    if "tags" in query and call.at_least(26):
        needed = set(query["tags"].split(","))
        tests.append(lambda instance: needed <= set(instance.tags))
    return [*tests, *_time_tests(call)]


def _time_tests(call: Call) -> list[Test]:
    query, seconds = call.query, call.cloud.clock.seconds
    tests: list[Test] = []
    if "changes-since" in query:
        since = seconds(parse_moment(query["changes-since"]))
        tests.append(lambda instance: instance.updated >= since)
    if "changes-before" in query and call.at_least(66):
        before = seconds(parse_moment(query["changes-before"]))
        tests.append(lambda instance: instance.updated <= before)
    if "deleted" in query:
        wanted = truth(query["deleted"])
        tests.append(lambda instance: instance.deleted == wanted)
    return tests


@ROUTES.on("GET", "/v2.1/servers/{server}")
def show(call: Call) -> Response:
    instance = visible(call, call["server"])
    if call.cloud.cell_down(instance):
        if call.at_least(69):
            return Response(200, {"server": view.partial_show(call, instance)})
        raise Refusal(500, "The cell of this server does not answer.")
    return Response(200, {"server": view.detail(call, instance, single=True)})


@ROUTES.on("PUT", "/v2.1/servers/{server}")
def update(call: Call) -> Response:
    instance = changeable(call, call["server"])
    known = ("name", "accessIPv4", "accessIPv6", "description", "hostname", "OS-DCF:diskConfig")
    asked = forms.fields("server", forms.key(call, "server"), known=known)
    instance.name = asked.get("name", instance.name)
    if call.at_least(19):
        instance.description = asked.get("description", instance.description)
    call.cloud.touch(instance)
    return Response(200, {"server": view.detail(call, instance, single=True)})


@ROUTES.on("DELETE", "/v2.1/servers/{server}")
def delete(call: Call) -> Response:
    boot.delete(call.cloud, changeable(call, call["server"]), call.by)
    return Response(204)
