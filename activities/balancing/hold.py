"""Whether a load has lasted: what the instances of now used in each window of the last while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from activities.balancing import load
from activities.balancing.load import Floats, Kind
from activities.balancing.roll import Roll
from plan_schemas.usage import Usage

_LEAST = 1e-9  # of a host that offers nothing


@dataclass(frozen=True)
class Past:
    """The load of each host window by window, as a share of what it really has, the last one up to now."""

    levels: Floats  # [host, window]
    capacity: Floats  # [host]
    window: float  # seconds

    def ago(self, n: int) -> str:
        """When a window was."""
        begin = (self.levels.shape[1] - n) * self.window
        return f"in the {self.window:g} s that began {begin:g} s ago"

    def below(self, threshold: float) -> dict[int, str]:
        """The hosts that were below the threshold in some window, with how far, and when that was last."""
        found = {}
        below = self.levels < threshold
        for host in np.flatnonzero(below.any(axis=1)).tolist():
            n = int(np.flatnonzero(below[host])[-1])
            found[host] = f"at {100 * self.levels[host, n]:.1f} % {self.ago(n)}"
        return found

    def least_deviation(self) -> tuple[float, str]:
        """The least that the hosts' deviation was in any window, and when that was."""
        whole = self.capacity[:, None]
        mean = (self.levels * whole).sum(axis=0) / np.maximum(whole.sum(axis=0), _LEAST)
        deviations = np.sqrt(((self.levels - mean) ** 2).sum(axis=0) / max(len(whole), 1))
        n = int(np.argmin(deviations))
        return float(deviations[n]), self.ago(n)


def past(kind: Kind, roll: Roll, usage: Usage, hosts: Sequence[str]) -> Past:
    """What a metric's course says of these hosts: of the instances that are there now, wherever they were.

    What has no course, such as an instance that is off, counts as now; and so does what hosts use beyond
    their instances.
    """
    course, now = usage.courses[kind.metric], usage.of(kind.metric)
    width = max(map(len, course.values.values()), default=1)
    whole = load.capacities(kind, roll.cluster)
    beyond = load.own(kind, roll, usage, load.by_instance(kind, roll, usage), whole)
    capacity = np.array([load.capacity(kind, roll.cluster.hosts[name]) for name in hosts], dtype=np.float64)
    levels = np.zeros((len(hosts), width))
    levels += np.array([beyond.get(name, 0.0) for name in hosts], dtype=np.float64)[:, None]
    for n, name in enumerate(hosts):
        for one in roll.cluster.on(name):
            values = course.values.get(one.uuid)
            if values is None:
                levels[n] += load.used(kind, one.resources, now.get(one.uuid, 0.0))
            else:
                levels[n] += load.used(kind, one.resources, 1.0) * np.array(values)
    levels /= np.maximum(capacity, _LEAST)[:, None]
    return Past(levels, capacity, course.window)
