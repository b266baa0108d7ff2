"""What waits to be looked at, the best first: most of it never is, so that only what comes back is a heap."""

from __future__ import annotations

from heapq import heappop, heappush

import numpy as np

from activities.balancing.load import Floats
from activities.packing.board import Ints

Entry = tuple[float, int, bool]  # the smaller the better, the instance, whether room is to be made for it


class Waiting:
    """Instances in the order of their values, and those that were put back with others."""

    def __init__(self, values: Floats, instances: Ints) -> None:
        """Of equal values the instance with the smaller number goes first."""
        order = np.lexsort((instances, values))[::-1]
        self._values: list[float] = values[order].tolist()  # the best last
        self._instances: list[int] = instances[order].tolist()
        self._again: list[Entry] = []

    def __bool__(self) -> bool:
        return bool(self._values or self._again)

    def first(self) -> Entry:
        if not self._values:
            return self._again[0]
        fresh = (self._values[-1], self._instances[-1], False)
        return min(fresh, self._again[0]) if self._again else fresh

    def push(self, entry: Entry) -> None:
        heappush(self._again, entry)

    def pop(self) -> Entry:
        found = self.first()
        if self._again and found is self._again[0]:
            return heappop(self._again)
        self._values.pop()
        self._instances.pop()
        return found
