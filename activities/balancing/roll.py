"""Who is on which host, and what each takes: read once for all that is reckoned of every instance."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from activities.packing.board import Floats, Ints
from plan_schemas.model import Cluster, Instance


class Row:
    """Instances in one order, with what they take as arrays."""

    def __init__(self, instances: Sequence[Instance]) -> None:
        self.instances = instances
        self.uuids = [i.uuid for i in instances]
        self._takes = [i.resources for i in instances]
        self._amounts: dict[str, Ints] = {}

    def amounts(self, name: str) -> Ints:
        """What each instance takes of a resource class."""
        if name not in self._amounts:
            self._amounts[name] = np.array([takes.get(name, 0) for takes in self._takes], dtype=np.int64)
        return self._amounts[name]


class Roll(Row):
    """All instances that are on a host of the cluster, host by host; `home` has the number of the host."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.hosts = cluster, list(cluster.hosts)
        each = [cluster.on(name) for name in self.hosts]
        super().__init__(list(chain.from_iterable(each)))
        self.lengths: Ints = np.array([*map(len, each)], dtype=np.int64)
        self.home: Ints = np.repeat(np.arange(len(each)), self.lengths)

    def sums(self, values: Floats | Ints) -> Floats:
        """Of each host what its instances have together, one added to the other in their order."""
        found: Floats = np.bincount(self.home, values, len(self.hosts)).astype(np.float64)
        return found
