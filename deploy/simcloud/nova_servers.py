"""Servers: list, show, create, rename, delete, metadata and tags."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from deploy.simcloud import boot
from deploy.simcloud import nova_server_view as view
from deploy.simcloud.clock import parse_moment
from deploy.simcloud.entities import Flavor, Instance
from deploy.simcloud.http import Call, Response, truth, whole
from deploy.simcloud.nova import ROUTES, links, marker_not_found, next_link, page_size, require_admin
from deploy.simcloud.refusal import Refusal

Test = Callable[[Instance], bool]


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
    everybody = call.by.sees_all and truth(
        call.query.get("all_tenants", call.query.get("all_projects", "false"))
    )
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


@ROUTES.on("POST", "/v2.1/servers")
def create(call: Call) -> Response:
    asked = call.body.get("server")
    if not isinstance(asked, dict) or not isinstance(asked.get("name"), str):
        raise Refusal(400, "Invalid input for field/attribute server. 'name' is a required property")
    if call.by.sees_all and not call.by.admin:
        raise Refusal(403, "Policy doesn't allow os_compute_api:servers:create to be performed.")
    if call.at_least(37) and "networks" not in asked:
        raise Refusal(400, "Invalid input for field/attribute server. 'networks' is a required property")
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


def _count(asked: dict[str, Any]) -> int:
    return max(1, whole(asked.get("max_count", asked.get("min_count", 1)), "max_count"))


def _order(call: Call, asked: dict[str, Any], hints: dict[str, Any]) -> boot.Order:
    zone, _, forced = str(asked.get("availability_zone") or "").partition(":")
    host = forced or None
    if call.at_least(74) and (asked.get("host") or asked.get("hypervisor_hostname")):
        require_admin(call, "compute:servers:create:requested_destination")
        host = asked.get("host") or asked["hypervisor_hostname"]
    volumes = [row for row in asked.get("block_device_mapping_v2", []) if row.get("boot_index") in (0, "0")]
    return boot.Order(
        name=asked["name"],
        flavor=_flavor(call, str(asked.get("flavorRef", ""))),
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


@ROUTES.on("PUT", "/v2.1/servers/{server}")
def update(call: Call) -> Response:
    instance = changeable(call, call["server"])
    asked = call.inside("server")
    instance.name = asked.get("name", instance.name)
    if call.at_least(19):
        instance.description = asked.get("description", instance.description)
    call.cloud.touch(instance)
    return Response(200, {"server": view.detail(call, instance, single=True)})


@ROUTES.on("DELETE", "/v2.1/servers/{server}")
def delete(call: Call) -> Response:
    boot.delete(call.cloud, changeable(call, call["server"]), call.by)
    return Response(204)
