"""Empties one host for maintenance: disables it, then moves each instance to the best allowed host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from activities.packing.board import Board
from activities.packing.drain import drain, nowhere, only, refused
from activities.planner.bounds import bound
from activities.rules import checks
from activities.words import amounts, count
from plan_schemas.audit import Rules, Situation
from plan_schemas.model import Cluster, Host, total
from plan_schemas.plan import Change, Proposal, Refusal, Refused

_SHOWN = 5  # hosts passed over that a move names


@dataclass(frozen=True)
class _Drained:
    board: Board
    host: Host
    backup: str  # what came of the backup host, a clause; empty without one
    staying: tuple[Refusal, ...]  # one per instance that stays


def decide(
    situation: Situation,
    *,
    maintenance_node: str,
    backup_node: str | None = None,
    disable_live_migration: bool = False,
    disable_cold_migration: bool = False,
) -> Proposal:
    """What empties the host. Raises Refused when it is unknown, out of scope or may not be disabled."""
    closed = {k for k, off in (("live", disable_live_migration), ("cold", disable_cold_migration)) if off}
    rules = replace(situation.rules, allow=situation.rules.allow - closed)
    cluster = situation.cluster
    host = _host(cluster, rules, maintenance_node)
    if backup_node is not None and (backup_node == maintenance_node or backup_node not in cluster.hosts):
        raise Refused(
            f"{backup_node} cannot be the backup of {maintenance_node}", "name another existing host"
        )
    drained = _drain(cluster, rules, host, backup_node)
    moves = tuple(_moves(drained))
    before = len(cluster.on(host.name))
    both = disable_live_migration and disable_cold_migration
    stops = tuple(_stops(cluster, situation.rules, host)) if both else ()
    return Proposal(
        changes=(*_disable(host, len(moves), before), *moves, *stops),
        summary=_summary(drained, len(moves), before) + _stopped(host, len(stops)),
        rejected=drained.staying,
        bounds=(bound("instances_left", _tied(cluster, rules, host), before - len(moves)),),
    )


def _host(cluster: Cluster, rules: Rules, name: str) -> Host:
    host = cluster.hosts.get(name)
    if host is None:
        near = sorted(h for h in cluster.hosts if h.startswith(name[:3]))[:3]
        remedy = f"known hosts are, for example, {', '.join(near or list(cluster.hosts)[:3])}"
        raise Refused(f"there is no host {name} in {cluster.cloud}", remedy)
    if name not in rules.hosts:
        raise Refused(f"{name} is out of the audit's scope", "widen the scope or choose another host")
    if "service" not in rules.allow and host.status == "enabled":
        raise Refused(f"{name} must be disabled before it is emptied", "add `service` to execution.allow")
    return host


def _tied(cluster: Cluster, rules: Rules, host: Host) -> int:
    return sum(bool(checks.immovable(cluster, i.uuid, rules)) for i in cluster.on(host.name))


def _drain(cluster: Cluster, rules: Rules, host: Host, backup: str | None) -> _Drained:
    staying = {
        i.uuid: held[0] for i in cluster.on(host.name) if (held := checks.immovable(cluster, i.uuid, rules))
    }
    board = Board(cluster, rules, [i.uuid for i in cluster.on(host.name) if i.uuid not in staying])
    told = ""
    if backup is not None:
        if only(board, backup):
            told = f"{backup} takes them all"
        else:
            told = f"{backup} cannot take them all: {_short_of(board, backup)}"
    if not board.placed:
        drain(board)
    others = np.array([n for h, n in board.number.items() if h != host.name], dtype=np.int64)
    for i, uuid in enumerate(board.uuids):
        if i not in board.placed:
            staying[uuid] = nowhere(board, i, others)
    return _Drained(board, host, told, tuple(staying[u] for u in sorted(staying)))


def _short_of(board: Board, backup: str) -> str:
    """Why the backup host cannot take all: a rule of the host or an instance, else what it lacks in sum."""
    numbers = range(len(board.uuids))
    for i in sorted(numbers, key=lambda i: (-board.size(i), i)):
        if found := refused(board, i, [backup]):
            return found[0].text
    need, free = total(i.resources for i in board.instances), board.cluster.free(backup)
    short = {k: v for k, v in need.items() if v > free.get(k, 0)}
    if not short:
        return "members of a group that must run apart"
    left = amounts({k: free.get(k, 0) for k in short}, each=True)
    return f"they need {amounts(short)}, it has {left} free"


def _disable(host: Host, moving: int, before: int) -> Iterator[Change]:
    if host.status == "enabled":
        yield Change(
            "change_nova_service_state",
            {"host": host.name, "state": "disabled", "reason": "ballast: maintenance by host_maintenance"},
            f"maintenance of {host.name}: nothing new lands there while {moving} of {before} instances leave",
            {"instances": before, "moving": moving},
        )


def _moves(drained: _Drained) -> Iterator[Change]:
    board, source = drained.board, drained.host.name
    free = {h: dict(board.cluster.free(h)) for h in {board.hosts[n] for n in board.placed.values()}}
    hosts = [h for h in board.hosts if h != source]
    for i, number in board.placed.items():
        one, there = board.instances[i], board.hosts[number]
        before = free[there]
        after = free[there] = {k: v - one.resources.get(k, 0) for k, v in before.items()}
        passed = refused(board, i, hosts)
        others = len(hosts) - len(passed) - 1
        could = count(others, "other host", "other hosts") if others else "no other host"
        named = f"; {drained.backup}" if drained.backup else ""
        kind = checks.kind_of_move(one, board.rules)
        yield Change(
            "migrate",
            {"instance": one.uuid, "source": source, "destination": there, "kind": kind},
            f"empties {source} for maintenance; {there} keeps {amounts(after)} free and"
            f" {could} could have taken it{named}",
            {"other_hosts_with_room": others, "free_before": before, "free_after": after},
            passed[:_SHOWN],
        )


def _stops(cluster: Cluster, rules: Rules, host: Host) -> Iterator[Change]:
    """Whoever may not move by any kind of migration is shut down where he is, if that is allowed."""
    for one in cluster.on(host.name):
        if one.status != "ACTIVE" or "stop" not in rules.allow or checks.untouchable(cluster, one, rules):
            continue
        yield Change(
            "stop",
            {"instance": one.uuid, "state": "stopped"},
            f"maintenance of {host.name} without live and cold migration: {one.name} is shut down",
        )


def _stopped(host: Host, stops: int) -> str:
    return f" {count(stops, 'server is', 'servers are')} shut down on {host.name}." if stops else ""


def _summary(drained: _Drained, moving: int, before: int) -> str:
    host = drained.host
    told = f" ({drained.backup})" if drained.backup else ""
    already = "" if host.status == "enabled" else f"{host.name} is disabled already. "
    if not before:
        return f"{already}{host.name} is empty already."
    if not drained.staying:
        return f"{already}Empty {host.name} with {count(moving, 'move')}{told}."
    rules = sorted({r.code for r in drained.staying})
    return (
        f"{already}{host.name} will NOT be empty: {len(drained.staying)} of {before} instances stay"
        f" ({', '.join(rules)}); {count(moving, 'move')} planned{told}."
    )
