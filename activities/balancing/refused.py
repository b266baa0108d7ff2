"""Who found no host as things are: what needs and bears no less does not ask them all again."""

from __future__ import annotations

from activities.balancing.floor import Floor

Entry = tuple[list[int], float, tuple[int, ...]]  # what it needs and bears, and the hosts that were not asked


class Refused:
    """Forgets all of it as soon as anything moves."""

    def __init__(self, floor: Floor) -> None:
        self.floor, self._told = floor, len(floor.touched)
        self._known: dict[int, list[Entry]] = {}  # by set of wishes

    def add(self, i: int, but: int) -> None:
        """No host takes it, this one aside. Of no use where company, or who shares, may have been why."""
        floor = self.floor
        self._follow()
        if floor.alone(i) and not floor.shared:
            entry = (floor.need[i].tolist(), floor.loads[0][i], (floor.homes[i], but))
            self._known.setdefault(floor.mask_of.item(i), []).append(entry)

    def only(self, i: int) -> tuple[int, ...] | None:
        """The hosts that alone may take it, for all that is known; None if any may."""
        self._follow()
        known = self._known.get(self.floor.mask_of.item(i))
        if known:
            need, load = self.floor.need[i].tolist(), self.floor.loads[0][i]
            for less, bears, others in known:
                if load >= bears and all(a >= b for a, b in zip(need, less)):
                    return others
        return None

    def _follow(self) -> None:
        if self._told != len(self.floor.touched):
            self._told = len(self.floor.touched)
            self._known.clear()
