"""PURE: the groups of a cloud that budgets and reserves are counted in, by the names that people know."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from plan_schemas.model import Cluster, Host, ServerGroup
from plan_schemas.plan import Touches


def of_host(per: str, host: str, cluster: Cluster) -> tuple[str, ...]:
    """The groups of a kind that a host is in."""
    known = cluster.hosts.get(host)
    if per == "cloud":
        return (cluster.cloud,)
    if per == "host":
        return (host,)
    if per == "aggregate":
        return tuple(a.name for a in cluster.aggregates_of(host))
    return (known.zone,) if per == "zone" and known is not None else ()


def of_instance(per: str, instance: str, cluster: Cluster) -> tuple[str, ...]:
    """The groups of a kind that an instance itself is in, wherever it runs."""
    known = cluster.instances.get(instance)
    if known is None:
        return ()
    if per == "project":
        return (known.project,)
    group = cluster.groups.get(known.server_group or "")
    return (label(group),) if per == "server_group" and group is not None else ()


def label(group: ServerGroup) -> str:
    """Two projects may give their groups the same name."""
    return f"{group.name} ({group.uuid[:8]})"


def moved_in(per: str, touches: Touches, cluster: Cluster) -> tuple[str, ...]:
    """The groups of a kind that a move belongs to: of its instance, and of the hosts at both its ends."""
    if touches.instance is None:
        return ()
    ends = (h for h in (touches.out, touches.into) if h is not None)
    found = [g for host in ends for g in of_host(per, host, cluster)]
    return tuple(dict.fromkeys((*of_instance(per, touches.instance, cluster), *found)))


def named(found: Iterable[str], names: Collection[str]) -> tuple[str, ...]:
    """Those that are meant: all of them, where no name is given. A server group has its uuid beside it."""
    return tuple(g for g in found if not names or g in names or g.rpartition(" (")[0] in names)


def hosts_in(per: str, group: str, cluster: Cluster) -> tuple[Host, ...]:
    return tuple(h for h in cluster.hosts.values() if group in of_host(per, h.name, cluster))


def instances_in(per: str, group: str, cluster: Cluster) -> int:
    """How many instances a group has, or its hosts have."""
    if per in ("project", "server_group"):
        return sum(group in of_instance(per, uuid, cluster) for uuid in cluster.instances)
    return sum(len(cluster.on(host.name)) for host in hosts_in(per, group, cluster))
