"""How late the last arrival of a host must end, since others have to leave before there is room for all.

One round only: that those who leave may have to wait themselves is left aside, for with moves over a third
host it need not be so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import inf
from typing import NamedTuple

from activities.rules.checks import own_needs
from activities.rules.occupancy import Occupancy
from plan_schemas.plan import Limits


class Move(NamedTuple):
    """An instance on its way, from where it is first to where it is last."""

    instance: str | None
    seconds: float


Part = tuple[int, float]  # of one resource: the amount, and the seconds that its move takes
Point = tuple[float, float]  # a moment, and how much of one resource is free then


def latest(
    ledger: Occupancy, host: str, arriving: Sequence[Move], leaving: Sequence[Move], limits: Limits
) -> float:
    """Seconds before which not all of these can have arrived; 0 when all have room from the start."""
    if not leaving or host not in ledger.cluster.hosts:
        return 0.0
    needs = [_needs(ledger, host, m) for m in arriving]
    gives = [_needs(ledger, host, m) for m in leaving]
    released = [0.0] * len(arriving)
    found = 0.0
    for name, free in ledger.free(host).items():
        if sum(n.get(name, 0) for n in needs) <= free:
            continue
        comes = [(n.get(name, 0), m.seconds) for n, m in zip(needs, arriving, strict=True)]
        taking = [c for c in comes if c[0]]
        goes = [(n[name], m.seconds) for n, m in zip(gives, leaving, strict=True) if n.get(name)]
        points = _freed(goes, limits.out_per_host)
        found = max(found, _rest(taking, free, points, limits.in_per_host), _together(taking, free, points))
        released = [
            max(r, _when(amount - free, points)) for r, (amount, _) in zip(released, comes, strict=True)
        ]
    behind = 0.0
    for start, seconds in sorted(zip(released, (m.seconds for m in arriving), strict=True), reverse=True):
        behind += seconds / limits.in_per_host
        found = max(found, start + max(seconds, behind)) if start else found
    return found


def _needs(ledger: Occupancy, host: str, move: Move) -> dict[str, int]:
    cluster = ledger.cluster
    one = cluster.instances.get(move.instance or "")
    return own_needs(cluster, one, cluster.hosts[host]) if one is not None else {}


def _freed(goes: Sequence[Part], slots: int) -> list[Point]:
    """At best so much is free after so many seconds: those first that free most per second, as if in parts.

    But nobody has left before the seconds have passed that its own move takes.
    """
    lengths = sorted({seconds for _, seconds in goes})
    by_rate = sorted(goes, key=lambda g: g[1] / g[0])
    points: list[Point] = [(0.0, 0.0)]
    for since, until in zip(lengths, (*lengths[1:], inf), strict=True):
        points.append((since, points[-1][1]))
        points.extend(_between(since, until, [g for g in by_rate if g[1] <= since], slots))
    return points


def _between(since: float, until: float, goes: Sequence[Part], slots: int) -> Iterator[Point]:
    """What these free, the part of it between two moments."""
    time = amount = 0.0
    for freed, seconds in goes:
        after = time + seconds / slots
        if after > since:
            if time <= since:
                yield since, amount + freed * (since - time) / (after - time)
            if after >= until:
                yield until, amount + freed * (until - time) / (after - time)
                return
            yield after, amount + freed
        time, amount = after, amount + freed
    if time <= since:
        yield since, amount


def _together(comes: Sequence[Part], free: int, points: Sequence[Point]) -> float:
    """Some of the longest are all on the host when the last of these begins, which may be any of them."""
    total, found = 0, 0.0
    for amount, seconds in sorted(comes, key=lambda c: -c[1]):
        total += amount
        if total > free:
            found = max(found, _when(total - free, points) + seconds)
    return found


def _when(short: int, points: Sequence[Point]) -> float:
    """The earliest moment at which so much more can be free (as if instances could leave in parts)."""
    if short <= 0:
        return 0.0
    for (before, had), (time, amount) in pairwise(points):
        if amount >= short:
            return before + (time - before) * (short - had) / (amount - had)
    return points[-1][0]


def _rest(comes: Sequence[Part], free: int, points: Sequence[Point], slots: int) -> float:
    """What has no room by some moment is work for after that moment."""
    whole = sum(seconds for _, seconds in comes)
    return max(time + (whole - _begun(comes, free + freed)) / slots for time, freed in points)


def _begun(comes: Sequence[Part], room: float) -> float:
    """The most seconds of work that so much room lets begin."""
    return sum(_fill(sorted(comes, key=lambda c: -c[1] / c[0]), max(0.0, room)))


def _fill(comes: Sequence[Part], room: float) -> Iterator[float]:
    for amount, seconds in comes:
        if room <= 0:
            return
        yield seconds * min(1.0, room / amount)
        room -= amount
