"""Every moment that a plan's edges allow, judged at once instead of one interleaving after the other.

A moment is a set of started actions in which every predecessor of a started one has finished. An instance
that moves holds its source and its destination. The fullest moment of a host is therefore: its start, plus
arrivals, less only those departures that must have finished before these arrivals. Choosing the arrivals is a
closure problem: its optimum is what remains of them after a maximum flow into the departures before them.
Slots and a limit on parallel moves leave that moment reachable, one action after the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tests.judge.picture import Picture, Violation

Before = Mapping[str, frozenset[str]]  # action -> all actions that have ended when it starts


class Move(NamedTuple):
    id: str
    instance: str
    source: str
    destination: str
    kind: str


def predecessors(actions: Sequence[Mapping[str, Any]], *edges: str) -> dict[str, frozenset[str]] | None:
    """All predecessors of each action over these kinds of edges; None when they form a cycle."""
    direct = {a["id"]: {p for e in edges for p in a.get(e, ())} for a in actions}
    done: dict[str, frozenset[str]] = {}
    while len(done) < len(direct):
        ready = [i for i, before in direct.items() if i not in done and before <= done.keys()]
        if not ready:
            return None
        for one in ready:
            done[one] = frozenset(direct[one]).union(*(done[p] for p in direct[one]))
    return done


def crowded(picture: Picture, moves: Sequence[Move], before: Before) -> Iterator[Violation]:
    """Hosts that hold too much, or too many of a group, at some moment that the edges allow."""
    for host in sorted({m.destination for m in moves} & set(picture.hosts)):
        coming = [m for m in moves if m.destination == host != m.source]
        going = [m for m in moves if m.source == host != m.destination]
        for resource_class in sorted({c for m in coming for c in picture.takes(m.instance, host)}):
            weights = {m.instance: picture.needs(m.instance).get(resource_class, 0) for m in moves}
            used, limit = picture.used(host, resource_class), picture.limit(host, resource_class)
            yield from _over("capacity", host, resource_class, used, limit, weights, coming, going, before)
        for group in picture.groups:
            if group["policy"] == "anti-affinity":
                members = picture.members(group)
                weights = {m.instance: int(m.instance in members) for m in moves}
                there = len([u for u in members if picture.where[u] == host])
                most, what = group.get("max_server_per_host", 1), f"of group {group['name']}"
                yield from _over("anti_affinity", host, what, there, most, weights, coming, going, before)


def _over(
    rule: str,
    host: str,
    what: str,
    start: int,
    limit: float,
    weights: Mapping[str, int],
    coming: Sequence[Move],
    going: Sequence[Move],
    before: Before,
) -> Iterator[Violation]:
    gains = {m.id: weights[m.instance] for m in coming if weights[m.instance]}
    losses = {m.id: weights[m.instance] for m in going if weights[m.instance]}
    if start + sum(gains.values()) <= limit:
        return
    # A host that is too full from the start is judged at each arrival; otherwise the fullest moment decides.
    for forced in sorted(gains) if start > limit else [None]:
        most, started = fullest(start, gains, losses, before, forced)
        if started and most > limit:
            when = f"when {', '.join(sorted(started))} have started and only what they wait for has ended"
            yield Violation(rule, when, host, f"{host} holds {most} {what}, at most {limit:g}")
            return


def fullest(
    start: int,
    gains: Mapping[str, int],
    losses: Mapping[str, int],
    before: Before,
    forced: str | None = None,
) -> tuple[int, set[str]]:
    """The greatest amount at any allowed moment (after `forced` started, if given) and the arrivals of it."""
    paid = {i for i in losses if forced is not None and i in before[forced]}
    base = start - sum(losses[i] for i in paid) + (gains[forced] if forced is not None else 0)
    supply = {i: gain for i, gain in gains.items() if i != forced}
    room = {i: loss for i, loss in losses.items() if i not in paid}
    behind = {i: sorted(before[i] & room.keys()) for i in supply}
    left, flow = _drain(supply, room, behind)
    started = {i for i, amount in left.items() if amount}
    waiting = list(started)
    while waiting:  # arrivals that cost nothing more because the departures before them are paid for already
        for loss in behind[waiting.pop()]:
            more = {i for i in supply if flow[i, loss]} - started
            started |= more
            waiting += more
    return base + sum(left.values()), started | ({forced} if forced is not None else set())


def _drain(
    supply: Mapping[str, int], room: Mapping[str, int], behind: Mapping[str, Sequence[str]]
) -> tuple[dict[str, int], dict[tuple[str, str], int]]:
    """Maximum flow of supplies into the room behind each, by augmenting paths: what is left, and the flow."""
    left, free = dict(supply), dict(room)
    flow: dict[tuple[str, str], int] = defaultdict(int)

    def push(one: str, amount: int, seen: set[str]) -> int:
        for loss in behind[one]:
            if loss in seen:
                continue
            seen.add(loss)
            sent = min(amount, free[loss])
            if sent:
                free[loss] -= sent
            else:
                for other in supply:
                    if flow[other, loss] and (sent := push(other, min(amount, flow[other, loss]), seen)):
                        flow[other, loss] -= sent
                        break
            if sent:
                flow[one, loss] += sent
                return sent
        return 0

    for one in supply:
        while left[one] and (sent := push(one, left[one], set())):
            left[one] -= sent
    return left, flow


def whereabouts(start: str | None, own: Sequence[Move], action: str, before: Before) -> set[str | None]:
    """Where an instance may be when an action starts, given its own moves."""
    ended = [m for m in own if m.id in before[action]]
    possible = [m for m in own if m.id != action and action not in before[m.id]]
    places: set[str | None] = {
        m.destination for m in possible if not any(m.id in before[e.id] for e in ended)
    }
    # A move that may be under way holds its source too.
    places |= {m.source for m in possible if m.id not in before[action]}
    return places if ended else places | {start}


def may_be_disabled(
    enabled_now: bool, settings: Mapping[str, str], action: str, before: Before
) -> str | None:
    """Why a host may be disabled when an action starts: "now", or the action that does it; None if never."""
    ended = [s for s in settings if s in before[action]]
    if not enabled_now and not ended:
        return "now"
    for one, state in settings.items():
        possible = one != action and action not in before[one]
        if state == "disabled" and possible and not any(one in before[e] for e in ended):
            return one
    return None
