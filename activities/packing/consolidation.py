"""What a consolidation proposes: hosts to release, each move with its reason, and why the others stay."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from activities.packing.board import Board, Ints
from activities.packing.keep import Field, Limit, field_of
from activities.packing.release import Released
from activities.packing.rooms import Rooms
from activities.planner.bounds import bound
from activities.rules import checks
from activities.words import amounts, count, some
from plan_schemas.audit import Rules, Situation
from plan_schemas.model import Cluster, total
from plan_schemas.plan import Change, Proposal, Refusal, Refused


@dataclass(frozen=True)
class Task:
    """The hosts that may be emptied, and why others have to stay."""

    field: Field
    staying: Mapping[str, tuple[Refusal, ...]]


def task(situation: Situation) -> Task:
    """Raises Refused when hosts may not be disabled."""
    cluster, rules = situation.cluster, situation.rules
    if "service" not in rules.allow:
        remedy = "add `service` to execution.allow"
        raise Refused("a released host must be disabled, or the scheduler fills it again", remedy)
    usable = [h.name for h in cluster.hosts.values() if not checks.host_refusals(h, rules)]
    here = [i.uuid for n in usable for i in cluster.on(n)]
    stuck = {u: why for u in here if (why := checks.immovable(cluster, u, rules))}
    staying = {name: held for name in usable if (held := _held(cluster, name, stuck))}
    movable = [u for u in here if u not in stuck]
    return Task(field_of(Board(cluster, rules, movable), usable, staying), staying)


def proposal(given: Task, released: Released, limit: Limit) -> Proposal:
    """The changes, the reasons and the distance from the limit."""
    field, staying = given.field, given.staying
    cluster, rules = field.board.cluster, field.board.rules
    end = _end(field, released)
    return Proposal(
        changes=tuple(_changes(field, released, end)),
        summary=_summary(field, released, staying, limit),
        rejected=(*_not_used(cluster, rules), *_kept(field, released, staying, limit, end)),
        bounds=(
            bound("hosts", released.bound, released.left),
            bound("moves", released.fewest_moves, len(released.moves)),
        ),
    )


def _held(cluster: Cluster, host: str, stuck: Mapping[str, tuple[Refusal, ...]]) -> tuple[Refusal, ...]:
    """Why this host cannot be emptied whatever the others offer."""
    found = [r for i in cluster.on(host) for r in stuck.get(i.uuid, ())[:1]]
    claimed = {k: v for k, v in cluster.hosts[host].claimed.items() if v}
    if claimed:
        text = f"{host} has {amounts(claimed)} allocated beyond its listed instances"
        found.append(Refusal("busy", host, f"{text} (moves in flight or orphans)"))
    return tuple(found)


def _changes(field: Field, released: Released, end: End) -> Iterator[Change]:
    board, cluster = field.board, field.board.cluster
    taken = {h: dict(cluster.free(board.hosts[h])) for h in set(released.moves.values())}
    leaving: dict[int, list[int]] = defaultdict(list)
    for i in released.moves:
        leaving[int(board.home[i])].append(i)
    for host in released.hosts:
        name, here = board.hosts[host], leaving[host]
        here.sort(key=lambda i: (-end.sizes[i], board.uuids[i]))
        whole = amounts(total(board.instances[i].resources for i in here))
        places = sorted({board.hosts[released.moves[i]] for i in here})
        fit = "instance fits" if len(here) == 1 else "instances fit"
        why = f"its {len(here)} {fit} on {some(places)} ({whole})"
        yield Change(
            "change_nova_service_state",
            {"host": name, "state": "disabled", "reason": "ballast: released by consolidation"},
            f"release {name}: {why}",
            {"instances": len(here), "destinations": len(places)},
        )
        for i in here:
            yield _move(field, released, taken, i, end.rooms.others(i, released.moves[i]))


def _move(field: Field, released: Released, taken: dict[int, dict[str, int]], i: int, others: int) -> Change:
    board, one, host = field.board, field.board.instances[i], released.moves[i]
    before = taken[host]
    after = {k: v - one.resources.get(k, 0) for k, v in before.items()}
    taken[host] = after
    source, there = one.host or "", board.hosts[host]
    room = f"as {count(others, 'other host has', 'other hosts have')}" if others else "as no other host has"
    return Change(
        "migrate",
        {
            "instance": one.uuid,
            "source": source,
            "destination": there,
            "kind": checks.kind_of_move(one, board.rules),
        },
        f"empties {source}; {there} has room, {room}, and keeps {amounts(after)} free",
        {"other_hosts_with_room": others, "free_before": before, "free_after": after},
    )


def _not_used(cluster: Cluster, rules: Rules) -> Iterator[Refusal]:
    for host in cluster.hosts.values():
        for refusal in checks.host_refusals(host, rules)[:1]:
            yield Refusal(refusal.code, host.name, f"{refusal.text}: neither emptied nor filled")


def _kept(
    field: Field, released: Released, staying: Mapping[str, tuple[Refusal, ...]], limit: Limit, end: End
) -> Iterator[Refusal]:
    """Each host that stays although it has something on it, with the rule that decided."""
    board, gone = field.board, frozenset(released.hosts)
    room = limit.moves - len(released.moves) if limit.moves is not None else None
    own: dict[int, list[int]] = defaultdict(list)
    homes = board.home.tolist()
    for i in np.argsort([-size for size in end.sizes], kind="stable").tolist():
        own[homes[i]].append(i)
    for host, name in enumerate(board.hosts):
        if not field.occupied[host] or host in gone:
            continue
        if held := staying.get(name):
            more = f" (and {count(len(held) - 1, 'more reason')})" if len(held) > 1 else ""
            culprits = tuple(r.subject for r in held if r.subject != name)
            yield Refusal(held[0].code, name, f"{name} stays: {held[0].text}{more}", culprits)
        elif limit.hosts is not None and len(released.hosts) >= limit.hosts:
            text = f"{name} stays: the {count(limit.hosts, 'host')} to release at most are others"
            yield Refusal("budget", name, text)
        elif host in released.untried:
            failed = count(limit.failures or 0, "host")
            text = f"{name} stays: it was not tried, after {failed} that could not be emptied in their turn"
            yield Refusal("budget", name, text)
        elif room is not None and field.counts[host] > room:
            number = count(int(field.counts[host]), "instance")
            text = f"{name} stays: its {number} are more than the {room} moves left of {limit.moves}"
            yield Refusal("budget", name, text)
        else:
            yield _no_room(field, host, own[host], end)


class End(NamedTuple):
    """A cloud after its consolidation."""

    others: Ints  # hosts that are usable and not released
    filled: frozenset[int]  # something comes there
    empty: Ints  # nothing was there and nothing comes
    rooms: Rooms
    sizes: list[float]  # of the instances


def _end(field: Field, released: Released) -> End:
    kept, filled = field.usable.copy(), frozenset(released.moves.values())
    kept[list(released.hosts)] = False
    empty = field.usable & ~field.occupied
    empty[list(filled)] = False
    rooms, sizes = Rooms(field.board), field.board.sizes().tolist()
    return End(np.flatnonzero(kept), filled, np.flatnonzero(empty), rooms, sizes)


def _no_room(field: Field, host: int, own: list[int], end: End) -> Refusal:
    """What decided that a host without anything immovable stays."""
    board, name = field.board, field.board.hosts[host]
    others = end.others[end.others != host]
    if not len(others):
        return Refusal("no_gain", name, f"{name} stays: of the hosts in the choice it is the only one left")
    for i in own:
        if not end.rooms.others(i, host) and not board.would_fit(i, end.empty):
            why = end.rooms.nowhere(i, others)
            return Refusal(why.code, name, f"{name} stays: {why.text}", (board.uuids[i], *why.culprits))
    whole = amounts(total(board.instances[i].resources for i in own))
    number = count(len(own), "instance")
    if len(end.empty):
        text = f"{name} stays: its {number} ({whole}) would need a host that is empty now, such as "
        return Refusal("no_gain", name, f"{text}{board.hosts[int(end.empty[0])]}, and free none")
    taken = " and what comes here" if host in end.filled else ""
    text = f"{name} stays: its {number} ({whole}){taken} do not all fit elsewhere"
    return Refusal("capacity", name, text)


def _summary(
    field: Field, released: Released, staying: Mapping[str, tuple[Refusal, ...]], limit: Limit
) -> str:
    before = int(field.occupied.sum())
    if not released.hosts:
        held = f"; {count(len(staying), 'of them holds', 'of them hold')} what cannot move" if staying else ""
        if limit.moves is not None:
            return f"No host can be released with the {limit.moves} moves allowed{held}."
        if released.bound < before:
            return f"No way was found to release a host: {before} in use, {released.bound} might do{held}."
        return f"No host can be released: {count(before, 'host')} in use, and as many are needed{held}."
    within = f" within the {limit.moves} moves allowed" if limit.moves is not None else ""
    hosts, moves = count(len(released.hosts), "host"), count(len(released.moves), "move")
    return (
        f"Release {hosts} with {moves}{within}: {before} hosts in use become {released.left}"
        f" (at least {released.bound} are needed)."
    )
