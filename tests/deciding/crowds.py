"""Crowded clouds in which instances change places, and a replay that starts what edges allow, at random."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

from plan_schemas.frozen import FrozenDict
from plan_schemas.model import Cluster, Host, Instance, Inventory, ServerGroup, build
from plan_schemas.plan import Action, Plan

CAPACITY = FrozenDict({"VCPU": Inventory(32), "MEMORY_MB": Inventory(65_536)})


def crowd(hosts: int, fill: float, seed: int) -> Cluster:
    """Hosts filled to a share of their memory, with anti-affinity groups of three."""
    r = Random(seed)
    names = [f"h{i:02d}" for i in range(hosts)]
    found: list[Instance] = []
    for name in names:
        room = {"VCPU": 32, "MEMORY_MB": int(65_536 * fill)}
        while True:
            cpus = r.choice([1, 2, 4, 8])
            need = FrozenDict({"VCPU": cpus, "MEMORY_MB": cpus * r.choice([1024, 2048, 4096])})
            if any(v > room[k] for k, v in need.items()):
                break
            room = {k: v - need[k] for k, v in room.items()}
            found.append(Instance(f"{len(found):032x}", f"vm{len(found)}", name, resources=need))
    groups: list[ServerGroup] = []
    for n in range(len(found) // 8):
        chosen = r.sample(range(len(found)), min(3, len(found)))
        if len({found[c].host for c in chosen}) == 3 and not any(found[c].server_group for c in chosen):
            members = tuple(sorted(found[c].uuid for c in chosen))
            groups.append(ServerGroup(f"g{n}", f"g{n}", "anti-affinity", members))
            for c in chosen:
                found[c] = replace(found[c], server_group=f"g{n}")
    inventory = [Host(n, f"rp-{n}", f"s-{n}", inventory=CAPACITY) for n in names]
    return build("crowd", "2026-01-01T00:00:00Z", inventory, found, (), groups)


def exchanged(cluster: Cluster, share: float, seed: int) -> list[dict[str, Any]]:
    """Moves that make pairs of instances change places, so that in the end everything fits again."""
    r = Random(seed)
    uuids = list(cluster.instances)
    at = {u: str(i.host) for u, i in cluster.instances.items()}
    for _ in range(int(8 * share * len(uuids))):
        one, two = r.sample(uuids, 2)
        after = {**at, one: at[two], two: at[one]}
        moved = sum(after[u] != i.host for u, i in cluster.instances.items())
        if at[one] != at[two] and moved <= share * len(uuids) and _legal(cluster, after, (at[one], at[two])):
            at = after
    return [
        {
            "type": "migrate",
            "parameters": {"instance": u, "source": i.host, "destination": at[u], "kind": "live"},
        }
        for u, i in cluster.instances.items()
        if at[u] != i.host
    ]


def _legal(cluster: Cluster, at: dict[str, str], hosts: Sequence[str]) -> bool:
    for host in hosts:
        here = [i for i in cluster.instances.values() if at[i.uuid] == host]
        for name, inventory in CAPACITY.items():
            if sum(i.resources[name] for i in here) > inventory.capacity:
                return False
        if max(Counter(i.server_group for i in here if i.server_group).values(), default=0) > 1:
            return False
    return True


def replay(plan: Plan, cluster: Cluster, seed: int) -> Cluster:
    """Start and end actions in a random order that the edges allow; fails at the first broken rule."""
    r = Random(seed)
    at = {u: [i.host] for u, i in cluster.instances.items()}
    done: set[str] = set()
    running: list[Action] = []
    waiting = list(plan.actions)
    while waiting or running:
        ready = [a for a in waiting if {*a.needs, *a.freed_by} <= done]
        assert ready or running, f"nothing can start any more: {[a.id for a in waiting]}"
        if ready and (not running or r.random() < 0.7):
            action = r.choice(ready)
            waiting.remove(action)
            running.append(action)
            if action.touches.instance is not None:
                at[action.touches.instance].append(action.touches.into)
                _obeyed(cluster, at, str(action.touches.into), action.id)
        else:
            action = running.pop(r.randrange(len(running)))
            done.add(action.id)
            if action.touches.instance is not None:
                at[action.touches.instance].remove(action.touches.out)
    moved = {u: replace(i, host=at[u][0]) for u, i in cluster.instances.items()}
    return replace(cluster, instances=FrozenDict(moved))


def _obeyed(cluster: Cluster, at: dict[str, list[Any]], host: str, action: str) -> None:
    here = [cluster.instances[u] for u, hosts in at.items() if host in hosts]
    for name, inventory in CAPACITY.items():
        assert sum(i.resources[name] for i in here) <= inventory.capacity, f"{action} overfills {host}"
    groups = Counter(i.server_group for i in here if i.server_group)
    assert max(groups.values(), default=0) <= 1, f"{action} joins two of a group on {host}"
