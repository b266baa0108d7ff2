"""Migration records: all of them, and the live ones of a server under way."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from deploy.simcloud import forms, live_control
from deploy.simcloud.clock import parse_moment
from deploy.simcloud.entities import Flavor, Migration
from deploy.simcloud.http import Call, Response
from deploy.simcloud.nova import ROUTES, links, next_link, page_size, require_admin
from deploy.simcloud.nova_servers import changeable, visible
from deploy.simcloud.refusal import Refusal
from deploy.simcloud.stamps import naive

MEGABYTE = 1024 * 1024
OF_SERVER = "/v2.1/servers/{server}/migrations"


@ROUTES.on("GET", "/v2.1/os-migrations")
def index(call: Call) -> Response:
    require_admin(call, "os-migrations:index")
    _check(call)
    paged = call.at_least(59)
    size = page_size(call) if paged else len(call.cloud.migrations)
    marker = call.query.get("marker") if paged else None
    if marker is not None and marker not in call.cloud.migration_roll:
        raise Refusal(400, f"Marker {marker} could not be found.")
    found = list(islice(_matching(call, marker), size))
    if not paged:
        found.reverse()
    body: dict[str, Any] = {"migrations": [_row(call, migration) for migration in found]}
    more = next_link(call, found, size, found[-1].uuid) if found and paged else []
    if more:
        body["migrations_links"] = more
    return Response(200, body)


def _check(call: Call) -> None:
    """From 2.59 on an unknown key is refused, and each later microversion knows some more."""
    known = ["hidden", "host", "instance_uuid", "source_compute", "status", "migration_type"]
    known += ["limit", "marker", "changes-since"]
    known += ["changes-before"] if call.at_least(66) else []
    known += ["user_id", "project_id"] if call.at_least(80) else []
    forms.query(call, *known, since=59)
    for name in ("changes-since", "changes-before"):
        if name in call.query and call.at_least(59):
            forms.moment(name, call.query[name])


def _matching(call: Call, marker: str | None) -> Iterator[Migration]:
    """Newest first."""
    cloud, query = call.cloud, call.query
    uuids: Iterator[str] = cloud.migration_roll.after(marker)
    if "instance_uuid" in query:
        mine = set(cloud.migrations_of.get(query["instance_uuid"], ()))
        ordered = sorted(mine, key=cloud.migration_roll.rank)
        floor = None if marker is None else cloud.migration_roll.rank(marker)
        uuids = (uuid for uuid in ordered if floor is None or cloud.migration_roll.rank(uuid) > floor)
    for uuid in uuids:
        migration = cloud.migrations[uuid]
        if _passes(call, migration):
            yield migration


def _passes(call: Call, migration: Migration) -> bool:
    query = call.query
    plain = {
        "status": migration.status,
        "migration_type": migration.kind,
        "source_compute": migration.source,
        "user_id": migration.user_id,
        "project_id": migration.project_id,
    }
    if any(query[key] != value for key, value in plain.items() if key in query):
        return False
    if "host" in query and query["host"] not in (migration.source, migration.dest):
        return False
    since = query.get("changes-since") if call.at_least(59) else None
    before = query.get("changes-before") if call.at_least(66) else None
    seconds = call.cloud.clock.seconds
    return (since is None or migration.updated >= seconds(parse_moment(since))) and (
        before is None or migration.updated <= seconds(parse_moment(before))
    )


def _common(call: Call, migration: Migration) -> dict[str, Any]:
    cloud, dest = call.cloud, migration.dest
    live = migration.kind == "live-migration"
    row: dict[str, Any] = {
        "id": migration.id,
        "source_compute": migration.source,
        "source_node": None if live and dest is None else migration.source,
        "dest_compute": dest,
        "dest_node": dest,
        "dest_host": None if live or dest not in cloud.hosts else cloud.hosts[dest].ip,
        "status": migration.status,
        "created_at": naive(cloud, migration.created),
        "updated_at": naive(cloud, migration.updated),
    }
    if call.at_least(59):
        row["uuid"] = migration.uuid
    if call.at_least(80):
        row["user_id"], row["project_id"] = migration.user_id, migration.project_id
    return row


def _row(call: Call, migration: Migration) -> dict[str, Any]:
    row = {
        **_common(call, migration),
        "instance_uuid": migration.instance,
        "old_instance_type_id": _flavor_number(call, migration.old_flavor),
        "new_instance_type_id": _flavor_number(call, migration.new_flavor),
    }
    if call.at_least(23):
        row["migration_type"] = migration.kind
        if migration.kind == "live-migration" and migration.running:
            row["links"] = links(call, f"servers/{migration.instance}/migrations/{migration.id}")
    return row


def _flavor_number(call: Call, flavor: Flavor | None) -> int | None:
    """Nova shows the row number of the flavor here, not its id."""
    if flavor is None or flavor.id not in call.cloud.flavors:
        return None
    return list(call.cloud.flavors).index(flavor.id) + 1


def _progress_row(call: Call, migration: Migration) -> dict[str, Any]:
    instance = call.cloud.instances[migration.instance]
    share = live_control.share_done(call.cloud, migration)
    row = {**_common(call, migration), "server_uuid": migration.instance}
    for kind, total in (("memory", instance.flavor.memory_mb * MEGABYTE), ("disk", 0)):
        known = migration.begun is not None
        done = int(total * share)
        row[f"{kind}_total_bytes"] = total if known else None
        row[f"{kind}_processed_bytes"] = done if known else None
        row[f"{kind}_remaining_bytes"] = total - done if known else None
    return row


@ROUTES.on("GET", OF_SERVER)
def of_server(call: Call) -> Response:
    _require_microversion(call, 23)
    require_admin(call, "servers:migrations:index")
    instance = visible(call, call["server"])
    rows = [_progress_row(call, migration) for migration in live_control.in_progress(call.cloud, instance)]
    return Response(200, {"migrations": rows})


@ROUTES.on("GET", OF_SERVER + "/{migration}")
def show(call: Call) -> Response:
    _require_microversion(call, 23)
    require_admin(call, "servers:migrations:show")
    instance = visible(call, call["server"])
    migration = live_control.find(call.cloud, instance, call["migration"])
    if migration is None:
        text = f"In-progress live migration {call['migration']} is not found for server {instance.uuid}."
        raise Refusal(404, text)
    if migration.kind != "live-migration":
        text = f"Migration {migration.id} for server {instance.uuid} is not live-migration."
        raise Refusal(404, text)
    if migration.status not in live_control.VISIBLE:
        raise Refusal(404, f"Live migration {migration.id} for server {instance.uuid} is not in progress.")
    return Response(200, {"migration": _progress_row(call, migration)})


@ROUTES.on("DELETE", OF_SERVER + "/{migration}")
def abort(call: Call) -> Response:
    _require_microversion(call, 24)
    require_admin(call, "servers:migrations:delete")
    instance = changeable(call, call["server"])
    migration = live_control.abort(
        call.cloud, instance, call["migration"], call.by, also_queued=call.at_least(65)
    )
    call.notes["migration"] = migration.uuid
    return Response(202)


@ROUTES.on("POST", OF_SERVER + "/{migration}/action")
def force_complete(call: Call) -> Response:
    _require_microversion(call, 22)
    require_admin(call, "servers:migrations:force_complete")
    if len(call.body) != 1:
        raise Refusal(400, "Malformed request body")
    if "force_complete" not in call.body:
        raise Refusal(400, f"There is no such action: {next(iter(call.body))}")
    instance = changeable(call, call["server"])
    migration = live_control.force_complete(call.cloud, instance, call["migration"], call.by)
    call.notes["migration"] = migration.uuid
    return Response(202)


def _require_microversion(call: Call, minor: int) -> None:
    if not call.at_least(minor):
        raise Refusal(404, "The resource could not be found.")
