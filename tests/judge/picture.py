"""The judge's own reading of a Snapshot document: look-ups and Placement's arithmetic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from typing import Any, NamedTuple

Row = Mapping[str, Any]


class Violation(NamedTuple):
    """One broken rule: its name, when it was broken, what broke it, and a sentence with the numbers."""

    rule: str
    moment: str
    subject: str
    text: str


class Picture:
    """Hosts, instances, groups and aggregates by name, with the defaults a document leaves out filled in."""

    def __init__(self, snapshot: Row) -> None:
        self.hosts: dict[str, Row] = {h["name"]: h for h in snapshot["hosts"]}
        self.instances: dict[str, Row] = {i["uuid"]: i for i in snapshot["instances"]}
        self.groups: list[Row] = list(snapshot.get("groups", ()))
        self.aggregates: list[Row] = list(snapshot.get("aggregates", ()))
        self.flavors: dict[str, Row] = {f["name"]: f for f in snapshot.get("flavors", ())}
        self.usage: Row = snapshot.get("usage", {})
        self.where: dict[str, str | None] = {u: i.get("host") for u, i in self.instances.items()}

    def enabled(self, host: str) -> bool:
        return bool(self.hosts[host].get("status", "enabled") == "enabled")

    def up(self, host: str) -> bool:
        return bool(self.hosts[host].get("state", "up") == "up")

    def zone(self, host: str) -> str:
        return str(self.hosts[host].get("zone", "nova"))

    def status(self, instance: str) -> str:
        return str(self.instances[instance].get("status", "ACTIVE"))

    def needs(self, instance: str) -> dict[str, int]:
        """What the instance holds on each host it is on, without the classes it takes nothing of."""
        return {k: v for k, v in self.instances[instance].get("resources", {}).items() if v > 0}

    def takes(self, instance: str, host: str) -> dict[str, int]:
        """What it needs of this host itself; what its own host does not offer, a shared provider gives."""
        here = self.hosts.get(self.instances[instance].get("host") or "", {}).get("inventory", {})
        there = self.hosts[host].get("inventory", {})
        return {k: v for k, v in self.needs(instance).items() if k in there or k in here or not here}

    def limit(self, host: str, resource_class: str) -> float:
        """Placement compares use with (total - reserved) x ratio; a class that is not offered has no room."""
        offer = self.hosts[host].get("inventory", {}).get(resource_class)
        if offer is None:
            return 0.0
        return float((offer["total"] - offer.get("reserved", 0)) * offer.get("allocation_ratio", 1.0))

    def unit(self, host: str, resource_class: str) -> float:
        """Placement's max_unit: what one consumer may have at the most."""
        offer = self.hosts[host].get("inventory", {}).get(resource_class, {})
        return float(offer.get("max_unit", "inf"))

    def claimed(self, host: str, resource_class: str) -> int:
        return int(self.hosts[host].get("claimed", {}).get(resource_class, 0))

    def guests(self, host: str) -> list[str]:
        return [uuid for uuid, at in self.where.items() if at == host]

    def used(self, host: str, resource_class: str) -> int:
        here = (self.needs(uuid).get(resource_class, 0) for uuid in self.guests(host))
        return self.claimed(host, resource_class) + sum(here)

    def groups_of(self, instance: str) -> list[Row]:
        own = self.instances[instance].get("server_group")
        return [g for g in self.groups if g["uuid"] == own or instance in g.get("members", ())]

    def hinted(self, instance: str, hint: str) -> list[str]:
        """The existing instances that a scheduler hint names."""
        value = self.instances[instance].get("scheduler_hints", {}).get(hint, ())
        return [u for u in ([value] if isinstance(value, str) else value) if u in self.instances]

    def members(self, group: Row) -> list[str]:
        """Who is in a group, by its own list and by what the instances say, as far as they exist."""
        listed = set(group.get("members", ()))
        said = {u for u, i in self.instances.items() if i.get("server_group") == group["uuid"]}
        return sorted((listed | said) & set(self.instances))

    def aggregate_values(self, host: str) -> dict[str, set[str]]:
        """Metadata of all aggregates of a host, merged; a value may list several, separated by commas."""
        out: dict[str, set[str]] = {}
        for aggregate in self.aggregates:
            if host in aggregate.get("hosts", ()):
                for key, value in aggregate.get("metadata", {}).items():
                    out.setdefault(key, set()).update(part.strip() for part in str(value).split(","))
        return out

    def kept_for(self, host: str) -> set[str]:
        """The projects that the aggregates of a host keep it for; empty when for everybody."""
        values = self.aggregate_values(host).items()
        return {p for key, v in values if key.startswith("filter_tenant_id") for p in v if p}

    def put(self, instance: str, host: str | None) -> None:
        self.where[instance] = host


class Terms:
    """What an audit and a plan's own execution block permit, read from the documents."""

    def __init__(self, picture: Picture, audit: Row | None = None, execution: Row | None = None) -> None:
        audit = audit or {}
        scope = audit.get("scope") or {}
        include, exclude = scope.get("include") or {}, scope.get("exclude") or {}
        chosen = _hosts(picture, include) if any(include.values()) else set(picture.hosts)
        self.hosts = chosen - _hosts(picture, exclude)
        self.excluded = _instances(picture, exclude)
        blocks = [b["allow"] for b in (audit.get("execution"), execution) if b and "allow" in b]
        self.allow = set.intersection(*map(set, blocks)) if blocks else {"live", "service"}

    def without(self, hosts: Iterable[str]) -> Terms:
        """The same terms with fewer hosts in scope."""
        out = copy(self)
        out.hosts = self.hosts - set(hosts)
        return out


def _hosts(picture: Picture, selection: Row) -> set[str]:
    zones, names = selection.get("zones", ()), selection.get("hosts", ())
    out = {h for h in picture.hosts if h in names or picture.zone(h) in zones}
    for aggregate in picture.aggregates:
        if aggregate["name"] in selection.get("aggregates", ()):
            out |= set(aggregate.get("hosts", ()))
    return out


def _instances(picture: Picture, selection: Row) -> set[str]:
    wanted: Mapping[str, str] = selection.get("metadata", {})
    listed: Sequence[str] = selection.get("instances", ())
    projects: Sequence[str] = selection.get("projects", ())
    return {
        uuid
        for uuid, i in picture.instances.items()
        if uuid in listed
        or i.get("project", "") in projects
        or any(i.get("metadata", {}).get(k) == v for k, v in wanted.items())
    }
