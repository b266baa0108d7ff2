"""PURE: what other plans are about to do, as facts that a decision must reckon with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from activities import actions
from activities.planner.projection import Projection
from plan_schemas.audit import Rules
from plan_schemas.frozen import FrozenDict
from plan_schemas.model import Amounts, Cluster, Instance, total


def reckon(cluster: Cluster, rules: Rules, moves: Iterable[Mapping[str, Any]]) -> tuple[Cluster, Rules]:
    """The cluster with room taken for what other plans do to instances, and rules that leave those alone.

    `moves` are `{instance, type, parameters}`; what is done already takes its room as it is. What Nova is
    doing right now counts twice where Placement holds its room already: that promises too little, never too
    much. A resize names no host: what a server grows by is taken where it is, if there is room for it beside
    all that is to come there, for there Nova may leave it.
    """
    claims: dict[str, list[Amounts]] = {}
    grows: list[tuple[str, Amounts]] = []
    busy: set[str] = set()
    ahead = Projection(cluster)
    for move in moves:
        uuid, module = move["instance"], actions.find(move["type"])
        if uuid not in cluster.instances:
            continue
        busy.add(uuid)
        touches = module.touches(**move["parameters"])
        here = ahead.around(touches)
        ahead.apply(module, here, move["parameters"])
        after = ahead.around(touches).instances[uuid]
        more, there = _growth(here.instances[uuid], after), after.host
        if there is not None and there in cluster.hosts and more:
            if touches.into:
                claims.setdefault(there, []).append(more)
            else:
                grows.append((there, more))
    for there, more in grows:
        if _fits(cluster, there, more, claims):
            claims.setdefault(there, []).append(more)
    hosts = {
        name: replace(host, claimed=FrozenDict(total([host.claimed, *claims[name]])))
        if name in claims
        else host
        for name, host in cluster.hosts.items()
    }
    return (
        replace(cluster, hosts=FrozenDict(hosts)),
        replace(rules, frozen_instances=rules.frozen_instances | busy),
    )


def _growth(before: Instance, after: Instance) -> Amounts:
    """What it will hold where it is then, beyond what it holds there now."""
    held = before.resources if before.host == after.host else {}
    more = {name: amount - held.get(name, 0) for name, amount in after.resources.items()}
    return FrozenDict({name: amount for name, amount in more.items() if amount > 0})


def _fits(cluster: Cluster, host: str, more: Amounts, claims: Mapping[str, list[Amounts]]) -> bool:
    free, taken = cluster.free(host), total(claims.get(host, []))
    return all(free[name] - taken.get(name, 0) >= amount for name, amount in more.items() if name in free)
