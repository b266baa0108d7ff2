"""Efficacy indicators by name, each a number from two pictures of the cloud: a forecast or a measurement."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from activities.balancing import load
from activities.balancing.roll import Roll
from activities.words import count, some
from plan_schemas.catalog import Goal
from plan_schemas.model import Cluster
from plan_schemas.plan import Refused
from plan_schemas.usage import NONE, Usage


@dataclass(frozen=True, slots=True)
class Pictures:
    """The cloud before and after; without a use of its own the cloud after is one that is only foreseen."""

    before: Cluster
    after: Cluster
    used_before: Usage = NONE
    used_after: Usage = NONE
    emptied: Collection[str] = ()  # hosts that are to be empty afterwards


def compute_nodes_count(seen: Pictures) -> float:
    return float(len(seen.before.hosts))


def released_compute_nodes_count(seen: Pictures) -> float:
    """Hosts that carried instances before and carry none afterwards."""
    return float(sum(bool(seen.before.on(h)) and not seen.after.on(h) for h in seen.before.hosts))


def instance_migrations_count(seen: Pictures) -> float:
    """Instances that are on another host than before."""
    here = seen.after.instances
    return float(sum(u in here and here[u].host != i.host for u, i in seen.before.instances.items()))


def instances_count(seen: Pictures) -> float:
    return float(sum(i.host is not None for i in seen.before.instances.values()))


def instances_left(seen: Pictures) -> float | None:
    """Instances that are still on the hosts that were to be emptied; None where none was to be."""
    return float(sum(len(seen.after.on(h)) for h in seen.emptied)) if seen.emptied else None


def standard_deviation_cpu_before_audit(seen: Pictures) -> float | None:
    return _deviation(load.CPU, seen, is_after=False)


def standard_deviation_cpu_after_audit(seen: Pictures) -> float | None:
    return _deviation(load.CPU, seen, is_after=True)


def standard_deviation_ram_before_audit(seen: Pictures) -> float | None:
    return _deviation(load.RAM, seen, is_after=False)


def standard_deviation_ram_after_audit(seen: Pictures) -> float | None:
    return _deviation(load.RAM, seen, is_after=True)


def _deviation(kind: load.Kind, seen: Pictures, *, is_after: bool) -> float | None:
    """From the load of all enabled hosts that are up, in percent; None where nobody measured them."""
    cluster, usage = (seen.after, seen.used_after) if is_after else (seen.before, seen.used_before)
    is_foreseen = is_after and kind.metric not in usage.values
    if is_foreseen:
        usage = seen.used_before
    if kind.metric not in usage.values:
        return None
    beyond = _beyond(kind, seen.before if is_foreseen else cluster, usage)
    roll, offers = Roll(cluster), load.capacities(kind, cluster)
    levels = load.levels(roll, load.by_instance(kind, roll, usage), beyond, offers)
    serving = [h for h in levels if load.counted(cluster.hosts[h])]
    whole = [load.capacity(kind, cluster.hosts[h]) for h in serving]
    return round(100.0 * float(load.deviation(np.array([levels[h] for h in serving]), np.array(whole))), 6)


def _beyond(kind: load.Kind, cluster: Cluster, usage: Usage) -> dict[str, float]:
    roll = Roll(cluster)
    uses = load.by_instance(kind, roll, usage)
    return load.own(kind, roll, usage, uses, load.capacities(kind, cluster))


_INDICATORS: dict[str, Callable[[Pictures], float | None]] = {
    f.__name__: f
    for f in (
        compute_nodes_count,
        released_compute_nodes_count,
        instance_migrations_count,
        instances_count,
        instances_left,
        standard_deviation_cpu_before_audit,
        standard_deviation_cpu_after_audit,
        standard_deviation_ram_before_audit,
        standard_deviation_ram_after_audit,
    )
}


def measure(
    goal: Goal,
    before: Cluster,
    after: Cluster,
    *,
    moves: int | None = None,
    used_before: Usage = NONE,
    used_after: Usage = NONE,
    emptied: Collection[str] = (),
) -> dict[str, float]:
    """The indicators of a goal; `moves`, if known, counts also the migrations over a third host;
    `emptied` are the hosts that were to be.

    What rests on a use that was not measured is left out. Raises Refused for an indicator that nobody can
    measure.
    """
    unknown = [name for name in goal.indicators if name not in _INDICATORS]
    if unknown:
        remedy = f"known are {', '.join(_INDICATORS)}"
        raise Refused(f"goal {goal.name} names indicators that are unknown: {', '.join(unknown)}", remedy)
    seen = Pictures(before, after, used_before, used_after, emptied)
    values = {name: _INDICATORS[name](seen) for name in goal.indicators}
    found = {name: value for name, value in values.items() if value is not None}
    if moves is not None and "instance_migrations_count" in found:
        found["instance_migrations_count"] = float(moves)
    return found


def shortfalls(after: Cluster, emptied: Collection[str]) -> list[str]:
    """A sentence for each host that was to be emptied and is not, with where to look."""
    return [_left(host, [i.name for i in here]) for host in emptied if (here := after.on(host))]


def _left(host: str, names: list[str]) -> str:
    left = count(len(names), "instance is", "instances are")
    return f"{host} is not empty: {left} left ({some(names)}); see the plan for what was tried"
