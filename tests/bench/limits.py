"""What no consolidation can better, reckoned apart from the product: bounds of the bench's clouds.

For load there is none here: the bench takes what plans print and holds it against tests/bench/optimum.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import ceil, inf
from typing import NamedTuple

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, milp

from plan_schemas.model import Cluster, Host, Instance

CLASSES = ("VCPU", "MEMORY_MB")
SMALL = 20  # hosts of a zone, up to which it is reckoned in a tenth of a second which of them can be emptied
NODES = 100  # of that search; what it has proved by then is the bound


class Kind(NamedTuple):
    """What is alike, but for where it is."""

    needs: tuple[int, ...]
    special: bool
    group: str | None


def fewest_hosts(cluster: Cluster) -> int:
    """Zone by zone the least number of hosts whose kinds hold all, and those with a trait what needs it.

    Both are also at least as many as the most members of one group, all in the zone, that are to be apart.
    In a small zone it also counts that each host is emptied as a whole or keeps all that is on it.
    """
    pinned = any(i.pinned_az for i in cluster.instances.values())
    found = 0
    for zone in sorted({h.zone for h in cluster.hosts.values()}) if pinned else [None]:
        hosts = [h for h in cluster.hosts.values() if zone in (None, h.zone)]
        instances = [i for i in cluster.instances.values() if zone in (None, i.pinned_az)]
        least = _of_zone(cluster, hosts, instances)
        found += max(least, _emptied_whole(cluster, hosts, instances)) if len(hosts) <= SMALL else least
    return found


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
    return _proved(found)


def _proved(found: OptimizeResult) -> int:
    if found.mip_dual_bound is None:
        raise RuntimeError(f"no bound was found: {found.message}")
    return ceil(float(found.mip_dual_bound) - 1e-6)


def _apart(cluster: Cluster, instances: Iterable[Instance]) -> int:
    """How many hosts it takes for no two of these that are in one group of anti-affinity to share one."""
    groups = Counter(g for i in instances if (g := _group(cluster, i)) is not None)
    return max((ceil(n / cluster.groups[g].max_server_per_host) for g, n in groups.items()), default=0)


def _group(cluster: Cluster, one: Instance) -> str | None:
    """The group from the others of which it is to be apart."""
    group = cluster.groups[one.server_group] if one.server_group is not None else None
    return group.uuid if group is not None and group.policy == "anti-affinity" else None


def _kind(cluster: Cluster, one: Instance) -> Kind:
    return Kind(tuple(one.resources[k] for k in CLASSES), bool(one.extra_specs), _group(cluster, one))


def _emptied_whole(cluster: Cluster, hosts: list[Host], instances: list[Instance]) -> int:
    """No fewer hosts are left where one keeps all that is on it or loses all, and what arrives has room.

    Columns: whether each host is kept, then how many of each kind are on each host that may hold some.
    """
    own = Counter((_kind(cluster, i), str(i.host)) for i in instances)
    kinds = Counter(_kind(cluster, i) for i in instances)
    places = [(k, n) for k in kinds for n, h in enumerate(hosts) if h.traits or not k.special]
    column = {place: len(hosts) + n for n, place in enumerate(places)}
    rows: list[tuple[dict[int, float], float, float]] = [
        ({column[k, n]: 1.0 for n in range(len(hosts)) if (k, n) in column}, number, number)
        for k, number in kinds.items()
    ]
    for n, host in enumerate(hosts):
        here = {k: column[k, n] for k in kinds if (k, n) in column}
        for c, name in enumerate(CLASSES):
            whole = host.capacity(name)
            rows.append(({n: -1.0} | {at: k.needs[c] / whole for k, at in here.items()}, -inf, 0.0))
        for group in sorted({k.group for k in kinds if k.group is not None}):
            most = cluster.groups[group].max_server_per_host
            rows.append(({n: -most} | {at: 1.0 for k, at in here.items() if k.group == group}, -inf, 0.0))
        rows += [({at: 1.0, n: -float(own[k, host.name])}, 0.0, inf) for k, at in here.items()]
    matrix = np.zeros((len(rows), len(hosts) + len(places)))
    for n, (cells, _, _) in enumerate(rows):
        matrix[n, list(cells)] = list(cells.values())
    found = milp(
        np.repeat([1.0, 0.0], [len(hosts), len(places)]),
        constraints=LinearConstraint(matrix, [low for _, low, _ in rows], [high for _, _, high in rows]),
        integrality=np.ones(matrix.shape[1]),
        bounds=Bounds(0, [1.0] * len(hosts) + [float(kinds[k]) for k, _ in places]),
        options={"node_limit": NODES},
    )
    return _proved(found)


def fewest_moves(cluster: Cluster, freed: int) -> int:
    """To free so many hosts, at least the instances of the emptiest ones move."""
    return sum(sorted(len(cluster.on(h)) for h in cluster.hosts if cluster.on(h))[:freed])


def most_freed(cluster: Cluster, moves: int, fewest: int) -> int:
    """With so many moves, and `fewest` hosts needed in any case, no more hosts become free than this."""
    counts = np.cumsum(sorted(len(cluster.on(h)) for h in cluster.hosts if cluster.on(h)))
    return min(int(np.searchsorted(counts, moves, side="right")), len(counts) - fewest)
