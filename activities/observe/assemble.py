"""From readings and accounts to the frozen Cluster. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from activities.observe import amounts, nova
from activities.observe.account import Account
from activities.observe.frame import Frame
from activities.observe.reading import Reading
from plan_schemas.frozen import FrozenDict, freeze
from plan_schemas.model import (
    Aggregate,
    Amounts,
    Cluster,
    Flavor,
    Host,
    Instance,
    Provider,
    ServerGroup,
    build,
)


def cluster(
    cloud: str,
    now: datetime,
    frame: Frame,
    readings: Mapping[str, Reading],
    accounts: Mapping[str, Account],
    others: Iterable[nova.Server],
) -> Cluster:
    """The picture: hosts with their accounts, each server once, on the host where it was seen last."""
    latest: dict[str, tuple[int, str, nova.Server]] = {}
    for name, one in sorted(readings.items()):
        for server in one.servers:
            if server.id not in latest or latest[server.id][0] < one.round:
                latest[server.id] = (one.round, name, server)
    rows = [(server, accounts[name].resources[server.id]) for _, name, server in latest.values()]
    rows += [(server, _held(server, accounts)) for server in others]
    alive = {server.id for server, _ in rows}
    groups = [_group(group, alive) for group in frame.groups]
    group_of = {member: group.uuid for group in groups for member in group.members}
    return build(
        cloud,
        now.isoformat(timespec="seconds").replace("+00:00", "Z"),
        [_host(one, accounts[name]) for name, one in readings.items()],
        [_instance(server, held, group_of.get(server.id)) for server, held in rows],
        [_aggregate(row) for row in frame.aggregates],
        [group for group in groups if group.members],
        frame.microversions,
        [*frame.notes, *(f"host {n}: {note}" for n, a in accounts.items() for note in a.notes)],
        [_flavor(row) for row in frame.offers],
    )


def _held(server: nova.Server, accounts: Mapping[str, Account]) -> Amounts:
    """By the books of its host if that was read, else by its flavor."""
    books = accounts.get(server.host or "")
    if books is not None and server.id in books.resources:
        return books.resources[server.id]
    if server.flavor is None:
        return FrozenDict()
    return amounts.of_flavor(server.flavor, boot_from_volume=server.image == "")


def _host(one: Reading, books: Account) -> Host:
    root, *nested = one.holdings
    service = one.place.service
    return Host(
        name=one.place.name,
        uuid=root.row.uuid,
        service=service.id,
        status=service.status,
        state=service.state,
        disabled_reason=service.disabled_reason,
        zone=service.zone or "nova",
        hypervisor_type=one.place.hypervisor.type or "",
        inventory=root.inventory,
        traits=root.traits,
        providers=tuple(
            Provider(n.row.uuid, n.row.name, n.row.parent or root.row.uuid, n.inventory, n.traits)
            for n in nested
        ),
        claimed=books.claimed,
        uncertain=books.doubt or None,
    )


def _instance(server: nova.Server, held: Amounts, group: str | None) -> Instance:
    flavor = server.flavor
    image = server.image if isinstance(server.image, nova.Image) else None
    return Instance(
        uuid=server.id,
        name=server.name,
        host=server.host,
        project=server.project,
        status=server.status,
        task_state=server.task_state,
        power_state=server.power_state,
        locked=server.locked,
        flavor=flavor.original_name if flavor else "",
        resources=held,
        extra_specs=freeze(flavor.extra_specs if flavor else {}),
        metadata=freeze(server.metadata),
        tags=tuple(sorted(server.tags)),
        created=server.created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        pinned_az=server.pinned_az,
        scheduler_hints=freeze(server.scheduler_hints or {}),
        image_properties=freeze((image.properties if image else None) or {}),
        server_group=group,
        volumes=tuple(sorted(v.id for v in server.volumes)),
        boot_from_volume=server.image == "",
    )


def _aggregate(row: nova.Aggregate) -> Aggregate:
    return Aggregate(str(row.id), row.name, tuple(sorted(row.hosts)), freeze(row.metadata))


def _flavor(row: nova.Offer) -> Flavor:
    sizes = (row.vcpus, row.ram, row.disk, row.ephemeral, row.swap)
    return Flavor(row.id, row.name, *sizes, freeze(row.extra_specs))


def _group(row: nova.Group, alive: set[str]) -> ServerGroup:
    return ServerGroup(
        row.id,
        row.name,
        row.policy,
        tuple(sorted(alive.intersection(row.members))),
        row.rules.get("max_server_per_host", 1),
    )
