"""Which instances are worth a place on the floor: with many hosts and few moves most never come to it."""

from __future__ import annotations

from typing import Any

import numpy as np

from activities.balancing.floor import Scene
from activities.balancing.load import Floats, capacity, mean
from activities.packing.board import Ints

_MANY = 4  # per move so many of the instances that could bring most
_MORE = 400  # and these
_COOL = 30  # hosts of each kind whose instances are asked to make room
_TINY = 1e-12


def worthwhile(seen: Scene, weights: Floats, moves: int) -> list[str]:
    """Those whose move could bring most if all rules allowed it, and those on cool hosts, as they stand."""
    hosts = seen.hosts()
    each = [seen.guests(name) for name in hosts]
    guests = [uuid for own in each for uuid in own]
    few = _MANY * moves + _MORE
    if len(guests) <= few:
        return guests
    home: Ints = np.repeat(np.arange(len(hosts)), [len(own) for own in each])
    loads: Floats = np.array([[row.get(u, 0.0) for u in guests] for row in seen.loads]).T
    level: Floats = np.array([[row[name] for row in seen.levels] for name in hosts])
    offers = [[capacity(k, seen.cluster.hosts[name]) for k in seen.kinds] for name in hosts]
    whole: Floats = np.maximum(np.array(offers, dtype=np.float64), 1e-9)
    away = level - mean(level, whole)
    slope = weights / np.maximum(np.sqrt((away * away).mean(axis=0)), _TINY)
    value = best_case(loads, home, away, whole, slope)
    keep = np.zeros(len(guests), dtype=bool)
    keep[np.argpartition(-value, few)[:few]] = True
    return [u for u, kept in zip(guests, keep | _cool(seen, hosts, away @ weights)[home]) if kept]


def best_case(loads: Floats, home: Ints, away: Floats, whole: Floats, slope: Floats) -> Floats:
    """By how much the weighted squares fall if each goes to the coolest host of the best size for it."""
    part = loads / whole[home]
    brings = (slope * part * (2 * away[home] - part)).sum(axis=1)
    sizes, kind = np.unique(whole, axis=0, return_inverse=True)
    best = np.full(len(brings), -np.inf)
    for n, size in enumerate(sizes):
        lowest = away[kind.ravel() == n].min(axis=0)
        part = loads / size
        best = np.maximum(best, -(slope * part * (2 * lowest + part)).sum(axis=1))
    found: Floats = brings + best
    return found


def _cool(seen: Scene, hosts: list[str], warmth: Floats) -> np.ndarray:
    cool = np.zeros(len(hosts), dtype=bool)
    cool[coolest(seen, hosts, warmth, _COOL)] = True
    return cool


def coolest(seen: Scene, hosts: list[str], warmth: Floats, number: int) -> list[int]:
    """So many of each kind of host that instances are likely to ask for: of a zone, with the same traits."""
    kinds: dict[Any, list[int]] = {}
    for n in np.argsort(warmth, kind="stable").tolist():
        host = seen.cluster.hosts[hosts[n]]
        kinds.setdefault((host.zone, host.traits), []).append(n)
    return sorted(n for some in kinds.values() for n in some[:number])
