"""How late the last arrival of a host must end, since others have to leave before there is room for all.

One round only: that those who leave may have to wait themselves is left aside, for with moves over a third
host it need not be so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from activities.rules.checks import own_needs
from activities.rules.occupancy import Occupancy
from plan_schemas.plan import Limits


@dataclass(frozen=True, slots=True)
class Move:
    """An instance on its way, from where it is first to where it is last."""

    first: str  # id of the action with which it begins
    instance: str | None
    out: str | None
    into: str | None
    seconds: float


Part = tuple[int, float]  # of one resource: the amount, and the seconds that its move takes


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
        goes = [
            (n[name], m.seconds / limits.out_per_host)
            for n, m in zip(gives, leaving, strict=True)
            if n.get(name)
        ]
        points = _freed(goes)
        found = max(found, _rest([c for c in comes if c[0]], free, points, limits.in_per_host))
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


def _freed(goes: Sequence[Part]) -> list[tuple[float, int]]:
    """At best so much is free after so many seconds: those first that free most per second."""
    points, time, amount = [(0.0, 0)], 0.0, 0
    for freed, seconds in sorted(goes, key=lambda g: g[1] / g[0]):
        time, amount = time + seconds, amount + freed
        points.append((time, amount))
    return points


def _when(short: int, points: Sequence[tuple[float, int]]) -> float:
    """The earliest moment at which so much more can be free (as if instances could leave in parts)."""
    if short <= 0:
        return 0.0
    for (before, had), (time, amount) in pairwise(points):
        if amount >= short:
            return before + (time - before) * (short - had) / (amount - had)
    return points[-1][0]


def _rest(comes: Sequence[Part], free: int, points: Sequence[tuple[float, int]], slots: int) -> float:
    """What has no room by some moment is work for after that moment."""
    whole = sum(seconds for _, seconds in comes)
    return max(time + (whole - _begun(comes, free + freed)) / slots for time, freed in points)


def _begun(comes: Sequence[Part], room: int) -> float:
    """The most seconds of work that so much room lets begin."""
    return sum(_fill(sorted(comes, key=lambda c: -c[1] / c[0]), max(0, room)))


def _fill(comes: Sequence[Part], room: int) -> Iterator[float]:
    for amount, seconds in comes:
        if room <= 0:
            return
        yield seconds * min(1.0, room / amount)
        room -= amount
