"""PURE: what other plans are about to do, as facts that a decision must reckon with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from plan_schemas.audit import Rules
from plan_schemas.frozen import FrozenDict
from plan_schemas.model import Cluster, total


def reckon(cluster: Cluster, rules: Rules, moves: Iterable[Mapping[str, str]]) -> tuple[Cluster, Rules]:
    """The cluster with room taken where other plans' instances will arrive, and rules that leave those alone.

    `moves` are `{instance, into}`; an instance that has arrived already takes its room there as it is.
    """
    hosts = dict(cluster.hosts)
    busy: set[str] = set()
    for move in moves:
        instance, into = cluster.instances.get(move["instance"]), move["into"]
        if instance is None:
            continue
        busy.add(instance.uuid)
        if into in hosts and instance.host != into:
            host = hosts[into]
            hosts[into] = replace(host, claimed=FrozenDict(total([host.claimed, instance.resources])))
    return (
        replace(cluster, hosts=FrozenDict(hosts)),
        replace(rules, frozen_instances=rules.frozen_instances | busy),
    )
