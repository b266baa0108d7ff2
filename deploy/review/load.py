"""What each host carries before and after a plan: allocated, and measured where that is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from activities.balancing.load import KINDS, Kind, capacity, used
from plan_schemas.model import Cluster, Host
from plan_schemas.usage import Usage

_ORDER = ("VCPU", "PCPU", "MEMORY_MB", "DISK_GB")
_WORDS = {"VCPU": "vCPU", "PCPU": "pCPU", "MEMORY_MB": "RAM", "DISK_GB": "disk"}
_MOST = 4  # resource classes that are shown
_WHOLE, _SUM = "measured", "of its instances"  # of the host, and what a strategy of instances reckons with


@dataclass(frozen=True, slots=True)
class Span:
    """A share of a host's capacity before and after, in percent."""

    before: float
    after: float
    digits: int = 0  # after the point: as many as the reasons of the plan have

    def said(self, *, alike: bool = False) -> str:
        """Both ends; `alike`: also where they read the same."""
        first, last = (f"{end:.{self.digits}f}" for end in (self.before, self.after))
        return f"{first} → {last} %" if alike or first != last else f"{last} %"


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
    """CPU and RAM in use, of the host where that is known and of its instances together: as measured, and
    with what the moved instances use taken along."""
    out: dict[str, dict[str, Span]] = {}
    for kind in KINDS.values():
        now, each = usage.values.get(kind.host_metric) or {}, usage.values.get(kind.metric)
        if not each:
            continue
        uses = {
            u: used(kind, before.instances[u].resources, v) for u, v in each.items() if u in before.instances
        }
        there, moved = _together(before, uses), _moved(before, after, uses)
        for host in before.hosts.values():
            size = capacity(kind, host)
            if not size:
                continue
            row, more = out.setdefault(host.name, {}), 100 * moved.get(host.name, 0.0) / size
            if host.name in now:
                whole = now[host.name] if kind.percent else 100 * now[host.name] / size
                row[_label(kind, _WHOLE)] = Span(whole, max(0.0, whole + more))
            share = 100 * there.get(host.name, 0.0) / size
            row[_label(kind, _SUM)] = Span(share, max(0.0, share + more), digits=1)
    return out


def _label(kind: Kind, what: str) -> str:
    return f"{kind.word} {what}"


def _together(cluster: Cluster, uses: Mapping[str, float]) -> dict[str, float]:
    """What the instances of each host use, in cores or MiB; one without a number counts as nothing."""
    found: dict[str, float] = {}
    for uuid, amount in uses.items():
        host = cluster.instances[uuid].host
        if host is not None:
            found[host] = found.get(host, 0.0) + amount
    return found


def _moved(before: Cluster, after: Cluster, uses: Mapping[str, float]) -> dict[str, float]:
    """How much more each host has to do, in cores or MiB."""
    more: dict[str, float] = {}
    for uuid, amount in uses.items():
        here, there = before.instances[uuid].host, after.instances[uuid].host
        if here == there:
            continue
        for host, sign in ((here, -1), (there, 1)):
            if host is not None:
                more[host] = more.get(host, 0.0) + sign * amount
    return more


def metrics(rows: Iterable[Load]) -> tuple[str, ...]:
    """What is measured of any of them."""
    return tuple(sorted({name for row in rows for name in row.measured}))


def apart(rows: Iterable[Load]) -> str:
    """What tells two columns of the same thing apart; empty where no host has both."""
    shown = metrics(rows)
    words = [k.word for k in KINDS.values() if {_label(k, _WHOLE), _label(k, _SUM)} <= set(shown)]
    if not words:
        return ""
    return (
        f"{' and '.join(words)} measured: the whole host, with what it uses beside its instances. Of its "
        "instances: what they use together, by which a strategy decides that measures nothing else."
    )
