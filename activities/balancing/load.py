"""What instances use in absolute units, and what of a host that is: the one definition of a host's load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plan_schemas.model import Amounts, Cluster, Host
from plan_schemas.usage import Usage

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Kind:
    """A metric of instances: what it is a use of, and the host metric of the same thing."""

    metric: str
    host_metric: str
    classes: tuple[str, ...]  # resource classes that are what there is of it, without overcommitment
    percent: bool  # of what the instance has; else an amount
    word: str


CPU = Kind("instance_cpu_usage", "host_cpu_usage", ("VCPU", "PCPU"), percent=True, word="CPU")
RAM = Kind("instance_ram_usage", "host_ram_usage", ("MEMORY_MB",), percent=False, word="RAM")
KINDS: Mapping[str, Kind] = {k.metric: k for k in (CPU, RAM)}


def capacity(kind: Kind, host: Host) -> float:
    """What the host really has; 0 when it offers none of it."""
    inventory = host.inventory
    return float(sum([inventory[c].total for c in kind.classes if c in inventory]))


def used(kind: Kind, resources: Amounts, value: float) -> float:
    """What an instance uses, in cores or MiB."""
    if not kind.percent:
        return value
    return value / 100.0 * sum(resources.get(c, 0) for c in kind.classes)


def counted(host: Host) -> bool:
    """Whether the host is one of those among which load is evened out."""
    return host.status == "enabled" and host.state == "up"


def by_instance(kind: Kind, cluster: Cluster, usage: Usage) -> dict[str, float]:
    """What each instance uses; what was not measured, such as one that is off, is not there."""
    known, values = cluster.instances, usage.of(kind.metric)
    if not kind.percent:
        return {u: v for u, v in values.items() if u in known}
    each = [u for u in values if u in known]
    has = [known[u].resources for u in each]
    amounts = np.array([[r.get(c, 0) for r in has] for c in kind.classes], dtype=np.int64).sum(axis=0)
    percent = np.array([values[u] for u in each], dtype=np.float64)
    return dict(zip(each, (percent / 100.0 * amounts).tolist()))


def by_host(cluster: Cluster, loads: Mapping[str, float]) -> dict[str, list[float]]:
    """What the instances of each host use."""
    return {name: [loads.get(i.uuid, 0.0) for i in cluster.on(name)] for name in cluster.hosts}


def own(kind: Kind, cluster: Cluster, usage: Usage, here: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """What hosts use beyond their instances, where that is measured: no move takes it away."""
    measured = usage.values.get(kind.host_metric)
    if measured is None:
        return {}
    found = {}
    for name, value in measured.items():
        if name in cluster.hosts:
            whole = value / 100.0 * capacity(kind, cluster.hosts[name]) if kind.percent else value
            found[name] = max(0.0, whole - sum(here[name]))
    return found


def levels(
    kind: Kind, cluster: Cluster, here: Mapping[str, Sequence[float]], beyond: Mapping[str, float]
) -> dict[str, float]:
    """The load of each host as a share of what it really has; hosts that have none are not there."""
    found = {}
    for name, host in cluster.hosts.items():
        if there := capacity(kind, host):
            found[name] = (sum(here[name]) + beyond.get(name, 0.0)) / there
    return found


def mean(levels: Floats, capacity: Floats) -> Floats:
    """The load of all hosts together, per kind: no move changes it, however different hosts are."""
    found: Floats = (levels * capacity).sum(axis=0) / np.maximum(capacity.sum(axis=0), 1e-12)
    return found


def deviation(levels: Floats, capacity: Floats) -> Floats:
    """Per kind the root of the mean square distance of the hosts from the load of all of them together."""
    away = levels - mean(levels, capacity)
    found: Floats = np.sqrt((away * away).sum(axis=0) / max(len(away), 1))
    return found
