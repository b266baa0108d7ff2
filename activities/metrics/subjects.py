"""Of whom a metric must have a number, and what the others count as. Pure."""

from __future__ import annotations

from plan_schemas.metric import Metric
from plan_schemas.model import Cluster, Instance

_OFF = (4, 6, 7)  # Nova's power states: shut down, crashed, suspended
_UNTOLD = 0  # such as of an instance that is being built


def measured(metric: Metric, cluster: Cluster) -> frozenset[str]:
    """The hosts that are up, or the instances on them that are not switched off."""
    if metric.subject == "host":
        return frozenset(h.name for h in cluster.hosts.values() if h.state == "up" and h.inventory)
    return frozenset(
        i.uuid
        for i in cluster.instances.values()
        if _is_on(i) and i.power_state != _UNTOLD and not _is_lost(i, cluster)
    )


def unmeasured(metric: Metric, cluster: Cluster) -> dict[str, float]:
    """Nobody can measure what is off, which uses nothing; nor a host that is down with what was running
    there, nor an instance that is being built: those count as fully used."""
    known = measured(metric, cluster)
    if metric.subject == "host":
        return {name: metric.most(cluster, name) for name in cluster.hosts if name not in known}
    return {
        uuid: metric.most(cluster, uuid) if _is_on(instance) else 0.0
        for uuid, instance in cluster.instances.items()
        if uuid not in known
    }


def _is_on(instance: Instance) -> bool:
    return instance.host is not None and instance.power_state not in _OFF


def _is_lost(instance: Instance, cluster: Cluster) -> bool:
    host = cluster.hosts.get(instance.host or "")
    return host is None or host.state != "up"
