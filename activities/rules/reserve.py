"""PURE: whether a group of hosts can lose so many of them and still hold all its instances (N+k)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from activities import actions
from activities.rules import groups
from plan_schemas.budget import Reserve
from plan_schemas.model import Amounts, Cluster, Host, total
from plan_schemas.plan import Plan, Touches
from plan_schemas.policy import Policy


def drawn_on(kept: Reserve, touches: Touches, cluster: Cluster) -> tuple[str, ...]:
    """The groups from whose reserve an action takes: it closes a host of theirs, or brings an instance in."""
    if touches.service is not None:
        closes = touches.sets == "disabled"
        found = groups.of_host(kept.per, touches.service, cluster) if closes else ()
    elif touches.into is not None:
        left = groups.of_host(kept.per, touches.out, cluster) if touches.out is not None else ()
        found = tuple(g for g in groups.of_host(kept.per, touches.into, cluster) if g not in left)
    else:
        found = ()
    return groups.named(found, kept.names)


def shortage(kept: Reserve, group: str, cluster: Cluster) -> str:
    """What the group lacks to lose its greatest hosts, in words; empty when it lacks nothing.

    Whatever runs on a host that is closed or down counts: it needs a place on the others.
    """
    members = groups.hosts_in(kept.per, group, cluster)
    serving = [h for h in members if h.status == "enabled" and h.state == "up" and not h.uncertain]
    used = total(cluster.used(h.name) for h in members)
    lost = min(kept.hosts, len(serving))
    short = [f"{-room:,} {name}" for name, room in _room(serving, used, lost).items() if room < 0]
    if lost == kept.hosts and not short:
        return ""
    lacks = ", ".join(short) or "everything"
    return f"{kept.per} {group} could not lose {_hosts(kept.hosts)}: {len(serving)} serve, and lack {lacks}"


def _room(serving: Sequence[Host], used: Amounts, lost: int) -> dict[str, int]:
    """What is left of each resource on the others, if those that have most of it are lost."""
    room = {}
    for name, amount in used.items():
        capacities = sorted(h.capacity(name) for h in serving)
        if any(capacities):  # what no host offers comes from elsewhere, say a shared provider of disk
            room[name] = sum(capacities[: len(capacities) - lost]) - amount
    return room


def refused(policies: Sequence[Policy], touches: Touches, before: Cluster, after: Cluster) -> str:
    """Why an action must not be done for the sake of a reserve; empty when it may. From a group that lacks
    its reserve already nothing more is taken."""
    for policy in policies:
        for kept in policy.reserve:
            for group in drawn_on(kept, touches, before):
                if said := shortage(kept, group, after):
                    return f"the policy {policy.name} keeps {_hosts(kept.hosts)} in reserve; then {said}"
    return ""


def broken(plan: Plan, cluster: Cluster, policies: Sequence[Policy]) -> tuple[str, ...]:
    """The actions of a plan that take from a reserve what it has not got, each with its reason, if all is
    done in the order of the plan. The same is asked again before each of them, on the cloud as it is then."""
    return tuple(_broken(plan, cluster, policies)) if any(p.reserve for p in policies) else ()


def _broken(plan: Plan, cluster: Cluster, policies: Sequence[Policy]) -> Iterator[str]:
    for action in plan.actions:
        if not _changes(action.touches, cluster, policies):
            continue
        before = cluster
        cluster = actions.find(action.type).apply(cluster, **action.parameters)
        if said := refused(policies, action.touches, before, cluster):
            yield f"{action.id}: {said}"


def _changes(touches: Touches, cluster: Cluster, policies: Sequence[Policy]) -> bool:
    """Whether any group that has a reserve is another one afterwards."""
    if touches.service is not None:
        return touches.service in cluster.hosts
    if touches.instance not in cluster.instances or touches.out is None or touches.into is None:
        return False
    kinds = {kept.per for policy in policies for kept in policy.reserve}
    ends = (touches.out, touches.into)
    return any(len({groups.of_host(per, host, cluster) for host in ends}) > 1 for per in kinds)


def _hosts(count: int) -> str:
    return f"{count} host{'' if count == 1 else 's'}"
