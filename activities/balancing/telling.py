"""What a move does to the loads of its two hosts, as a change with its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from activities.balancing.floor import Floor
from activities.balancing.load import Floats, Kind
from activities.rules import checks
from activities.words import beside
from plan_schemas.frozen import freeze
from plan_schemas.plan import Change, Refusal

_SHOWN = 3  # hosts passed over that a move names
_LOOKED = 6  # of the coolest hosts


class Telling:
    """Follows the loads through moves in order."""

    def __init__(self, floor: Floor, threshold: float = 0.0) -> None:
        """The floor as it is before the first move, and the percentage that loads are held against."""
        self.floor, self.level, self.threshold = floor, floor.level.copy(), threshold
        self.warmth: Floats = np.where(floor.usable, self.level.sum(axis=1), np.inf)

    def change(self, i: int, host: int, why: str, **more: Any) -> Change:
        """The next move, with the loads of both hosts before and after in percent."""
        floor, one = self.floor, self.floor.instances[i]
        home = int(floor.home[i])
        before = self.level[[home, host]].copy()
        self.level[home] -= floor.load[i] / floor.capacity[home]
        self.level[host] += floor.load[i] / floor.capacity[host]
        after = self.level[[home, host]]
        self.warmth[[home, host]] = after.sum(axis=1)
        source, there = floor.hosts[home], floor.hosts[host]
        loads = "; ".join(
            f"{k.word} of {source} {self._percent(before[0, n])} -> {self._percent(after[0, n])},"
            f" of {there} {self._percent(before[1, n])} -> {self._percent(after[1, n])}"
            for n, k in enumerate(floor.kinds)
        )
        numbers = {
            k.word.lower(): {
                "source_before": _number(before[0, n]),
                "source_after": _number(after[0, n]),
                "destination_before": _number(before[1, n]),
                "destination_after": _number(after[1, n]),
            }
            for n, k in enumerate(floor.kinds)
        }
        return Change(
            "migrate",
            {
                "instance": one.uuid,
                "source": source,
                "destination": there,
                "kind": checks.kind_of_move(one, floor.rules),
            },
            f"{why}: {loads}",
            freeze({**numbers, **more}),
            tuple(self._passed(i, host)),
        )

    def _percent(self, share: float) -> str:
        return f"{beside(100 * float(share), self.threshold)} %"

    def _passed(self, i: int, host: int) -> Iterator[Refusal]:
        """The coolest hosts that were not taken, with the rule that is against each as things end."""
        floor, shown = self.floor, 0
        for other in coolest(self.warmth)[:_LOOKED]:
            if shown == _SHOWN or other == host:
                return
            if other != floor.home[i] and (found := floor.against(i, other)):
                shown += 1
                yield found


def coolest(warmth: Floats) -> list[int]:
    """The usable hosts, the least loaded first; those that are not are infinitely warm."""
    if not len(warmth):
        return []
    few = np.argpartition(warmth, min(_LOOKED, len(warmth) - 1))[: _LOOKED + 1]
    return [int(h) for h in sorted(few, key=lambda h: (warmth[h], h)) if warmth[h] < np.inf]


def not_used(seen: Any, hosts: Iterable[str]) -> Iterator[Refusal]:
    """The hosts among which nothing is moved, each with the rule."""
    for name in hosts:
        for refusal in checks.host_refusals(seen.cluster.hosts[name], seen.rules)[:1]:
            yield Refusal(refusal.code, name, f"{refusal.text}: nothing leaves it and nothing comes")


def words(kinds: Sequence[Kind]) -> str:
    return " and ".join(k.word for k in kinds)


def _number(share: float) -> float:
    return round(100 * float(share), 2)
