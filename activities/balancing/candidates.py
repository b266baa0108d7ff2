"""Which instances are worth a place on the floor: with many hosts and few moves most never come to it."""

from __future__ import annotations

from typing import Any

import numpy as np

from activities.balancing.floor import Scene
from activities.balancing.load import Floats, mean
from activities.packing.board import Ints, Mask

_MANY = 4  # per move so many of the instances that could bring most
_MORE = 400  # and these
_COOL = 30  # hosts of each kind whose instances are asked to make room
_TINY = 1e-12


def worthwhile(seen: Scene, weights: Floats, moves: int) -> list[str]:
    """Those whose move could bring most if all rules allowed it, and those on cool hosts, as they stand."""
    roll, hosts = seen.roll, np.flatnonzero(seen.usable)
    some = np.flatnonzero(_loose(seen) & seen.usable[roll.home])
    few = _MANY * moves + _MORE
    if len(some) <= few:
        return [roll.uuids[n] for n in some.tolist()]
    home = (np.cumsum(seen.usable) - 1)[roll.home[some]]
    loads: Floats = np.stack([each[some] for each in seen.loads], axis=1)
    names = [roll.hosts[n] for n in hosts.tolist()]
    level: Floats = np.array([[row[name] for row in seen.levels] for name in names])
    whole: Floats = np.maximum(np.stack([each[hosts] for each in seen.whole], axis=1), 1e-9)
    away = level - mean(level, whole)
    slope = weights / np.maximum(np.sqrt((away * away).mean(axis=0)), _TINY)
    value = best_case(loads, home, away, Sizes(whole), slope)
    keep = np.zeros(len(some), dtype=bool)
    keep[np.argpartition(-value, few)[:few]] = True
    cool = np.zeros(len(names), dtype=bool)
    cool[coolest(seen, names, away @ weights, _COOL)] = True
    return [roll.uuids[n] for n in some[keep | cool[home]].tolist()]


def _loose(seen: Scene) -> Mask:
    """The instances that nothing plain keeps where they are."""
    kept, every = seen.rules.frozen_instances, seen.roll.instances
    return np.array([not i.locked and i.task_state is None and i.uuid not in kept for i in every], dtype=bool)


class Sizes:
    """What hosts really have of each kind, and which of them have the same."""

    def __init__(self, whole: Floats) -> None:
        self.whole = whole
        self.different, kind = np.unique(whole, axis=0, return_inverse=True)
        self.hosts = [np.flatnonzero(kind.ravel() == n) for n in range(len(self.different))]


def best_case(loads: Floats, home: Ints, away: Floats, sizes: Sizes, slope: Floats) -> Floats:
    """By how much the weighted squares fall if each goes to the coolest host of the best size for it."""
    part = loads / sizes.whole[home]
    brings = (slope * part * (2 * away[home] - part)).sum(axis=1)
    best = np.full(len(brings), -np.inf)
    for size, hosts in zip(sizes.different, sizes.hosts):
        part = loads / size
        best = np.maximum(best, -(slope * part * (2 * away[hosts].min(axis=0) + part)).sum(axis=1))
    found: Floats = brings + best
    return found


def coolest(seen: Scene, hosts: list[str], warmth: Floats, number: int) -> list[int]:
    """So many of each kind of host that instances are likely to ask for: of a zone, with the same traits."""
    kinds: dict[Any, list[int]] = {}
    for n in np.argsort(warmth, kind="stable").tolist():
        host = seen.cluster.hosts[hosts[n]]
        kinds.setdefault((host.zone, host.traits), []).append(n)
    return sorted(n for some in kinds.values() for n in some[:number])
