"""What instances use in absolute units, and what of a host that is: the one definition of a host's load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import repeat

import numpy as np

from activities.balancing.roll import Roll, Row
from activities.packing.board import Floats as Floats
from plan_schemas.model import Amounts, Cluster, Host
from plan_schemas.usage import Usage

EVEN_ENOUGH = 0.1  # of a host: the deviation at which load is left as it is, unless an audit says another


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


def capacities(kind: Kind, cluster: Cluster) -> Floats:
    """What each host really has."""
    return np.array([capacity(kind, host) for host in cluster.hosts.values()], dtype=np.float64)


def by_instance(kind: Kind, row: Row, usage: Usage) -> Floats:
    """What each instance uses; nothing where that was not measured, as of one that is off."""
    values = usage.of(kind.metric)
    found: Floats = np.array([*map(values.get, row.uuids, repeat(0.0))], dtype=np.float64)
    if kind.percent:
        found = found / 100.0 * np.sum([row.amounts(c) for c in kind.classes], axis=0)
    return found


def own(kind: Kind, roll: Roll, usage: Usage, uses: Floats, whole: Floats) -> dict[str, float]:
    """What hosts use beyond their instances, where that is measured: no move takes it away."""
    measured = usage.values.get(kind.host_metric)
    if measured is None:
        return {}
    values: Floats = np.array([*map(measured.get, roll.hosts, repeat(0.0))], dtype=np.float64)
    if kind.percent:
        values = values / 100.0 * whole
    return dict(zip(roll.hosts, np.maximum(values - roll.sums(uses), 0.0).tolist()))


def levels(roll: Roll, uses: Floats, beyond: Mapping[str, float], whole: Floats) -> dict[str, float]:
    """The load of each host as a share of what it really has; hosts that have none are not there."""
    there = roll.sums(uses) + np.array([*map(beyond.get, roll.hosts, repeat(0.0))], dtype=np.float64)
    shares = there / np.where(whole > 0, whole, 1.0)
    return {name: share for name, share, has in zip(roll.hosts, shares.tolist(), whole.tolist()) if has}


def mean(levels: Floats, capacity: Floats) -> Floats:
    """The load of all hosts together, per kind: no move changes it, however different hosts are."""
    found: Floats = (levels * capacity).sum(axis=0) / np.maximum(capacity.sum(axis=0), 1e-12)
    return found


def deviation(levels: Floats, capacity: Floats) -> Floats:
    """Per kind the root of the mean square distance of the hosts from the load of all of them together."""
    away = levels - mean(levels, capacity)
    found: Floats = np.sqrt((away * away).sum(axis=0) / max(len(away), 1))
    return found
