"""What no consolidation can better, reckoned apart from the product: bounds of the bench's clouds.

For load there is none here: the bench takes what plans print and holds it against tests/bench/optimum.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import ceil

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from plan_schemas.model import Cluster, Host, Instance

CLASSES = ("VCPU", "MEMORY_MB")


def fewest_hosts(cluster: Cluster) -> int:
    """Zone by zone the least number of hosts whose kinds hold all, and those with a trait what needs it."""
    pinned = any(i.pinned_az for i in cluster.instances.values())
    zones = sorted({h.zone for h in cluster.hosts.values()}) if pinned else [None]
    return sum(
        _of_zone(
            [h for h in cluster.hosts.values() if zone in (None, h.zone)],
            [i for i in cluster.instances.values() if zone in (None, i.pinned_az)],
        )
        for zone in zones
    )


def _of_zone(hosts: Iterable[Host], instances: Iterable[Instance]) -> int:
    kinds = Counter((tuple(h.capacity(k) for k in CLASSES), bool(h.traits)) for h in hosts)
    room = np.array([capacity for capacity, _ in kinds], float).T
    special = np.array([trait for _, trait in kinds])
    everything, bound = np.zeros(len(CLASSES)), np.zeros(len(CLASSES))
    for one in instances:
        need = np.array([one.resources[k] for k in CLASSES])
        everything += need
        bound += need * bool(one.extra_specs)
    rows, least = np.vstack([room, room * special]), np.concatenate([everything, bound])
    found = milp(
        np.ones(len(kinds)),
        constraints=LinearConstraint(rows / 1024, least / 1024, np.inf),
        integrality=np.ones(len(kinds)),
        bounds=Bounds(0, np.array(list(kinds.values()), float)),
    )
    if found.mip_dual_bound is None:
        raise RuntimeError(f"no bound was found: {found.message}")
    return ceil(float(found.mip_dual_bound) - 1e-6)


def fewest_moves(cluster: Cluster, freed: int) -> int:
    """To free so many hosts, at least the instances of the emptiest ones move."""
    return sum(sorted(len(cluster.on(h)) for h in cluster.hosts if cluster.on(h))[:freed])


def most_freed(cluster: Cluster, moves: int, fewest: int) -> int:
    """With so many moves, and `fewest` hosts needed in any case, no more hosts become free than this."""
    counts = np.cumsum(sorted(len(cluster.on(h)) for h in cluster.hosts if cluster.on(h)))
    return min(int(np.searchsorted(counts, moves, side="right")), len(counts) - fewest)
