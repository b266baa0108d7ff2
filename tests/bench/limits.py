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
    """Zone by zone the least number of hosts whose kinds hold all, and those with a trait what needs it.

    Both are also at least as many as the most members of one group, all in the zone, that are to be apart.
    """
    pinned = any(i.pinned_az for i in cluster.instances.values())
    zones = sorted({h.zone for h in cluster.hosts.values()}) if pinned else [None]
    return sum(
        _of_zone(
            cluster,
            [h for h in cluster.hosts.values() if zone in (None, h.zone)],
            [i for i in cluster.instances.values() if zone in (None, i.pinned_az)],
        )
        for zone in zones
    )


def _of_zone(cluster: Cluster, hosts: Iterable[Host], instances: Iterable[Instance]) -> int:
    kinds = Counter((tuple(h.capacity(k) for k in CLASSES), bool(h.traits)) for h in hosts)
    room = np.array([capacity for capacity, _ in kinds], float).T
    every, special = np.ones(len(kinds)), np.array([trait for _, trait in kinds], float)
    rows: list[np.ndarray] = []
    least: list[np.ndarray] = []
    for mask, held in ((every, list(instances)), (special, [i for i in instances if i.extra_specs])):
        needs = np.array([[i.resources[k] for k in CLASSES] for i in held], float).reshape(-1, len(CLASSES))
        rows += [room * mask / 1024, mask[None]]
        least += [needs.sum(axis=0) / 1024, np.array([_apart(cluster, held)], float)]
    found = milp(
        np.ones(len(kinds)),
        constraints=LinearConstraint(np.vstack(rows), np.concatenate(least), np.inf),
        integrality=np.ones(len(kinds)),
        bounds=Bounds(0, np.array(list(kinds.values()), float)),
    )
    if found.mip_dual_bound is None:
        raise RuntimeError(f"no bound was found: {found.message}")
    return ceil(float(found.mip_dual_bound) - 1e-6)


def _apart(cluster: Cluster, instances: Iterable[Instance]) -> int:
    """How many hosts it takes for no two of these that are in one group of anti-affinity to share one."""
    groups = Counter(i.server_group for i in instances if i.server_group is not None)
    most = {
        g: cluster.groups[g].max_server_per_host
        for g in groups
        if cluster.groups[g].policy == "anti-affinity"
    }
    return max((ceil(groups[g] / number) for g, number in most.items()), default=0)


def fewest_moves(cluster: Cluster, freed: int) -> int:
    """To free so many hosts, at least the instances of the emptiest ones move."""
    return sum(sorted(len(cluster.on(h)) for h in cluster.hosts if cluster.on(h))[:freed])


def most_freed(cluster: Cluster, moves: int, fewest: int) -> int:
    """With so many moves, and `fewest` hosts needed in any case, no more hosts become free than this."""
    counts = np.cumsum(sorted(len(cluster.on(h)) for h in cluster.hosts if cluster.on(h)))
    return min(int(np.searchsorted(counts, moves, side="right")), len(counts) - fewest)
