"""Efficacy indicators by name, each a number from two pictures of the cloud: a forecast or a measurement."""

from __future__ import annotations

from collections.abc import Callable

from plan_schemas.catalog import Goal
from plan_schemas.model import Cluster
from plan_schemas.plan import Refused


def compute_nodes_count(before: Cluster, after: Cluster) -> float:  # noqa: ARG001
    return float(len(before.hosts))


def released_compute_nodes_count(before: Cluster, after: Cluster) -> float:
    """Hosts that carried instances before and carry none afterwards."""
    return float(sum(bool(before.on(h)) and not after.on(h) for h in before.hosts))


def instance_migrations_count(before: Cluster, after: Cluster) -> float:
    """Instances that are on another host than before."""
    here = after.instances
    return float(sum(u in here and here[u].host != i.host for u, i in before.instances.items()))


_INDICATORS: dict[str, Callable[[Cluster, Cluster], float]] = {
    f.__name__: f for f in (compute_nodes_count, released_compute_nodes_count, instance_migrations_count)
}


def measure(goal: Goal, before: Cluster, after: Cluster, *, moves: int | None = None) -> dict[str, float]:
    """The indicators of a goal; `moves`, if known, counts also the migrations over a third host.

    Raises Refused for an indicator that nobody can measure.
    """
    unknown = [name for name in goal.indicators if name not in _INDICATORS]
    if unknown:
        remedy = f"known are {', '.join(_INDICATORS)}"
        raise Refused(f"goal {goal.name} names indicators that are unknown: {', '.join(unknown)}", remedy)
    found = {name: _INDICATORS[name](before, after) for name in goal.indicators}
    if moves is not None and "instance_migrations_count" in found:
        found["instance_migrations_count"] = float(moves)
    return found
