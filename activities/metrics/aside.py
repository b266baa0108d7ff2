"""Hosts that are left alone because nobody knows what is used there: one room with those in doubt. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from plan_schemas.frozen import FrozenDict
from plan_schemas.metric import Metric
from plan_schemas.model import Cluster

SET_ASIDE = "set_aside"  # of a strategy's `metrics_fallback`


def hosts(metric: Metric, holes: Mapping[str, str], cluster: Cluster) -> dict[str, str]:
    """The hosts of subjects without a number, with the first of those of each."""
    found: dict[str, str] = {}
    for subject, trouble in holes.items():
        one = cluster.instances[subject] if metric.subject == "instance" else None
        host, name = (one.host or "", one.name) if one else (subject, subject)
        found.setdefault(host, f"{metric.name} of {name} is not known ({trouble})")
    return found


def doubting(cluster: Cluster, aside: Mapping[str, str]) -> Cluster:
    """The same cloud in which these hosts are neither sources nor destinations."""
    if not aside:
        return cluster
    known = {
        name: replace(host, uncertain=host.uncertain or aside.get(name))
        for name, host in cluster.hosts.items()
    }
    return replace(cluster, hosts=FrozenDict(known))
