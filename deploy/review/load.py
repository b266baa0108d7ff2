"""What each host carries before and after a plan: allocated, and measured where that is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from plan_schemas.model import Cluster, Host
from plan_schemas.usage import Usage

_ORDER = ("VCPU", "PCPU", "MEMORY_MB", "DISK_GB")
_WORDS = {"VCPU": "vCPU", "PCPU": "pCPU", "MEMORY_MB": "RAM", "DISK_GB": "disk"}
_MOST = 4  # resource classes that are shown


@dataclass(frozen=True, slots=True)
class Span:
    """A share of a host's capacity before and after, in percent."""

    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Load:
    """One host, before and after."""

    host: str
    instances: tuple[int, int]
    allocated: Mapping[str, Span]  # by resource class
    measured: Mapping[str, Span]  # by metric; after it is an estimate
    closed: tuple[bool, bool]  # not enabled, or down

    @property
    def is_changed(self) -> bool:
        spans = (*self.allocated.values(), *self.measured.values())
        return (
            self.instances[0] != self.instances[1]
            or self.closed[0] != self.closed[1]
            or any(s.before != s.after for s in spans)
        )


def called(name: str) -> str:
    """A resource class as people call it."""
    return _WORDS.get(name, name)


def classes(cluster: Cluster) -> tuple[str, ...]:
    """The resource classes that hosts offer, the usual ones first."""
    offered = {name for host in cluster.hosts.values() for name in host.inventory if host.capacity(name)}
    known = [name for name in _ORDER if name in offered]
    return (*known, *sorted(offered - set(known)))[:_MOST]


def loads(before: Cluster, after: Cluster, usage: Usage) -> tuple[Load, ...]:
    """Of every host, by name."""
    shown = classes(before)
    measured = _measured(before, after, usage)
    return tuple(
        Load(
            host.name,
            (len(before.on(host.name)), len(after.on(host.name))),
            {name: _span(before, after, host, name) for name in shown if host.capacity(name)},
            measured.get(host.name, {}),
            (_is_closed(host), _is_closed(after.hosts[host.name])),
        )
        for host in before.hosts.values()
    )


def _is_closed(host: Host) -> bool:
    return host.status != "enabled" or host.state != "up"


def _span(before: Cluster, after: Cluster, host: Host, name: str) -> Span:
    used = (cluster.used(host.name).get(name, 0) for cluster in (before, after))
    first, last = (100 * amount / host.capacity(name) for amount in used)
    return Span(first, last)


def _measured(before: Cluster, after: Cluster, usage: Usage) -> dict[str, dict[str, Span]]:
    """CPU and RAM in use: as measured, and with what the moved instances use taken along."""
    out: dict[str, dict[str, Span]] = {}
    for label, metric, share, name in (
        ("CPU measured", "host_cpu_usage", "instance_cpu_usage", "VCPU"),
        ("RAM measured", "host_ram_usage", "instance_ram_usage", "MEMORY_MB"),
    ):
        now, each = usage.values.get(metric), usage.values.get(share)
        if not now or not each:
            continue
        moved = dict(_moved(before, after, each, name))
        for host in before.hosts.values():
            size = host.inventory[name].total if name in host.inventory else 0
            if host.name not in now or not size:
                continue
            first = now[host.name] if name == "VCPU" else 100 * now[host.name] / size
            last = first + 100 * moved.get(host.name, 0.0) / size
            out.setdefault(host.name, {})[label] = Span(first, max(0.0, last))
    return out


def _moved(
    before: Cluster, after: Cluster, each: Mapping[str, float], name: str
) -> Iterator[tuple[str, float]]:
    """How much more each host has to do, in vCPUs or MiB."""
    more: dict[str, float] = {}
    for uuid, one in before.instances.items():
        there = after.instances[uuid].host
        if one.host == there or uuid not in each:
            continue
        amount = each[uuid] * one.resources.get("VCPU", 0) / 100 if name == "VCPU" else each[uuid]
        for host, sign in ((one.host, -1), (there, 1)):
            if host is not None:
                more[host] = more.get(host, 0.0) + sign * amount
    yield from more.items()


def metrics(rows: Iterable[Load]) -> tuple[str, ...]:
    """What is measured of any of them."""
    return tuple(sorted({name for row in rows for name in row.measured}))
