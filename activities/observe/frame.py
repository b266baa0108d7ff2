"""The frame of a picture: which hosts there are and what belongs to each, before they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

from activities.door import Failed, Gone, Reader
from activities.observe import listing, nova, placement
from activities.observe.listing import Gaps
from activities.observe.placement import ProviderRow

# Nova's microversions are pinned per call. Servers: the newest of these that the cloud speaks; what the older
# ones lack is said in the notes.
SERVERS = ("2.100", "2.98", "2.96", "2.90")
# The last one with the numbers of the database: from 2.88 on Nova asks every host for its uptime.
HYPERVISORS = "2.87"
_HYPERVISORS = "/os-hypervisors/detail"
PLAIN = "2.90"
_LACKING = {
    "2.98": "scheduler hints",
    "2.96": "scheduler hints and image properties",
    "2.90": "scheduler hints, image properties and pinned zones",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A host with its service and its provider tree, root first."""

    name: str
    service: nova.Service
    hypervisor: nova.Hypervisor
    tree: tuple[ProviderRow, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    places: Mapping[str, Place]
    aggregates: tuple[nova.Aggregate, ...]
    groups: tuple[nova.Group, ...]
    offers: tuple[nova.Offer, ...]  # none where only some hosts were asked for
    microversions: Mapping[str, str]
    notes: tuple[str, ...]


def servers_version(newest: str) -> str:
    """The microversion for servers. Raises Failed for a Nova that is too old."""
    number = tuple(int(part) for part in newest.split("."))
    for version in SERVERS:
        if number >= tuple(int(part) for part in version.split(".")):
            return version
    raise Failed(
        f"Nova speaks microversion {newest}, and Ballast needs 2.90", "upgrade Nova to Xena (24.0.0) or later"
    )


def collect(reader: Reader, hosts: frozenset[str] | None, gaps: Gaps) -> Frame:
    """Services, hypervisors, providers, aggregates, groups and flavors. Raises Incomplete with all that is
    wrong.
    """
    version = servers_version(reader.newest("compute"))
    services = gaps.attempt("services", lambda: _services(reader, hosts), ())
    hypervisors = gaps.attempt("hypervisors", lambda: _hypervisors(reader, hosts), ())
    aggregates = gaps.attempt("aggregates", lambda: _aggregates(reader), ())
    groups = gaps.attempt("server groups", lambda: listing.groups(reader, PLAIN), ())
    offers: tuple[nova.Offer, ...] = ()
    if hosts is None:
        offers = gaps.attempt("flavors", lambda: listing.offers(reader, PLAIN), offers)
    rows = gaps.attempt("resource providers", lambda: _providers(reader, hosts, hypervisors), ())
    gaps.refuse()
    places, notes = _join(services, hypervisors, rows, gaps)
    if hosts is not None:
        gaps.missing += [f"host {name}: Nova knows no such compute service" for name in hosts - {*places}]
    else:
        notes += _strangers(reader, rows, places, gaps)
    gaps.refuse()
    if version in _LACKING:
        notes.append(f"Nova speaks only {version} for servers: {_LACKING[version]} unknown")
    versions = {
        "compute": PLAIN,
        "compute/os-hypervisors": HYPERVISORS,
        "compute/servers": version,
        "placement": placement.MICROVERSION,
    }
    return Frame(places, aggregates, groups, offers, versions, tuple(notes))


def _services(reader: Reader, hosts: frozenset[str] | None) -> tuple[nova.Service, ...]:
    answer = reader.get("compute", "/os-services?binary=nova-compute", PLAIN)
    rows = nova.Services.model_validate_json(answer).rows
    return tuple(s for s in rows if hosts is None or s.host in hosts)


def _hypervisors(reader: Reader, hosts: frozenset[str] | None) -> tuple[nova.Hypervisor, ...]:
    if hosts is None:
        return listing.pages(reader, _HYPERVISORS, nova.Hypervisors, HYPERVISORS)
    # Nova takes long for each row of the whole list. It can look for a name, which is the host's as a rule.
    likely = [row for host in sorted(hosts) for row in _named(reader, host.split(".")[0])]
    found = {row.id: row for row in likely if row.service.host in hosts}
    if {row.service.host for row in found.values()} != hosts:
        every = listing.pages(reader, _HYPERVISORS, nova.Hypervisors, HYPERVISORS)
        found = {row.id: row for row in every if row.service.host in hosts}
    return tuple(found.values())


def _named(reader: Reader, name: str) -> tuple[nova.Hypervisor, ...]:
    path = f"{_HYPERVISORS}?hypervisor_hostname_pattern={quote(name)}"
    try:
        return nova.Hypervisors.model_validate_json(reader.get("compute", path, HYPERVISORS)).rows
    except Gone:  # as Nova says that there is none
        return ()


def _aggregates(reader: Reader) -> tuple[nova.Aggregate, ...]:
    return nova.Aggregates.model_validate_json(reader.get("compute", "/os-aggregates", PLAIN)).rows


def _providers(
    reader: Reader, hosts: frozenset[str] | None, hypervisors: tuple[nova.Hypervisor, ...]
) -> tuple[ProviderRow, ...]:
    if hosts is None:
        return placement.providers(reader)
    return tuple(row for h in hypervisors for row in placement.providers(reader, below=h.id))


def _join(
    services: tuple[nova.Service, ...],
    hypervisors: tuple[nova.Hypervisor, ...],
    rows: tuple[ProviderRow, ...],
    gaps: Gaps,
) -> tuple[dict[str, Place], list[str]]:
    """Hosts that have all three; a gap for each that should have and has not."""
    trees: dict[str, list[ProviderRow]] = {}
    for row in sorted(rows, key=lambda r: (r.uuid != r.root, r.name)):
        trees.setdefault(row.root, []).append(row)
    nodes: dict[str, list[nova.Hypervisor]] = {}
    for one in hypervisors:
        nodes.setdefault(one.service.host, []).append(one)
    places: dict[str, Place] = {}
    notes: list[str] = []
    for service in services:
        mine = nodes.pop(service.host, [])
        if service.status == "UNKNOWN":
            gaps.missing.append(f"host {service.host}: its cell does not answer")
        elif any((one.type or "").lower() == "ironic" for one in mine):
            notes.append(f"host {service.host} manages bare metal and is left out")
        elif len(mine) > 1:
            gaps.missing.append(f"host {service.host}: one service with {len(mine)} hypervisors")
        elif mine and mine[0].id in trees:
            places[service.host] = Place(service.host, service, mine[0], tuple(trees[mine[0].id]))
        elif service.state == "down" and not mine:
            notes.append(f"host {service.host} is down, has no hypervisor and is left out")
        else:
            lacks = "resource provider" if mine else "hypervisor"
            gaps.missing.append(f"host {service.host}: a compute service without a {lacks}")
    gaps.missing += [f"host {name}: a hypervisor without a compute service" for name in nodes]
    return places, notes


def _strangers(
    reader: Reader, rows: tuple[ProviderRow, ...], places: Mapping[str, Place], gaps: Gaps
) -> list[str]:
    """Provider trees of no host: harmless if they serve no processors or hold nothing, a gap otherwise."""
    known = {row.root for place in places.values() for row in place.tree}
    notes: list[str] = []
    for row in rows:
        if row.root in known or row.uuid != row.root:
            continue
        held = gaps.attempt(f"provider {row.name}", partial(placement.holding, reader, row), None)
        if held is None or not {"VCPU", "PCPU"} & held.inventory.keys():
            continue
        books = partial(placement.allocations, reader, (row.uuid,))
        holders = gaps.attempt(f"provider {row.name}", books, None)
        if holders:
            gaps.missing.append(f"provider {row.name}: {len(holders)} allocations and no compute service")
        elif holders is not None:
            notes.append(f"provider {row.name} belongs to no compute service and holds nothing")
    return notes
