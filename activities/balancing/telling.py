"""What a move does to the loads of its two hosts, as a change with its numbers."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from activities.balancing.floor import Floor, Scene
from activities.balancing.load import Kind
from activities.rules import checks
from activities.words import beside
from plan_schemas.frozen import FrozenDict
from plan_schemas.plan import Change, Refusal

_SHOWN = 3  # hosts passed over that a move names
_LOOKED = 6  # of the coolest hosts


class Telling:
    """Follows the loads through moves in order."""

    def __init__(self, floor: Floor, threshold: float = 0.0) -> None:
        """The floor as it is before the first move, and the percentage that loads are held against."""
        self.floor, self.threshold = floor, threshold
        self.level: list[list[float]] = floor.level.T.tolist()  # per kind
        usable = np.flatnonzero(floor.usable).tolist()
        self.coolest = sorted([(sum(self._bears(h)), h) for h in usable])  # the usable hosts

    def change(self, i: int, host: int, why: str, **more: Any) -> Change:
        """The next move, with the loads of both hosts before and after in percent."""
        floor, one = self.floor, self.floor.instances[i]
        home = floor.homes[i]
        before = [self._bears(home), self._bears(host)]
        after = [self._with(i, home, -1), self._with(i, host, +1)]
        source, there = floor.hosts[home], floor.hosts[host]
        loads = "; ".join(
            f"{k.word} of {source} {self._percent(before[0][n])} -> {self._percent(after[0][n])},"
            f" of {there} {self._percent(before[1][n])} -> {self._percent(after[1][n])}"
            for n, k in enumerate(floor.kinds)
        )
        numbers = {
            k.word.lower(): FrozenDict(
                {
                    "source_before": _number(before[0][n]),
                    "source_after": _number(after[0][n]),
                    "destination_before": _number(before[1][n]),
                    "destination_after": _number(after[1][n]),
                }
            )
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
            FrozenDict({**numbers, **more}),
            tuple(self._passed(i, host)),
        )

    def _with(self, i: int, host: int, sign: int) -> list[float]:
        """What a host bears once the instance has come or gone."""
        before = self._bears(host)
        for level, loads, offers in zip(self.level, self.floor.loads, self.floor.offers):
            level[host] += sign * (loads[i] / offers[host])
        after = self._bears(host)
        del self.coolest[bisect_left(self.coolest, (sum(before), host))]
        insort(self.coolest, (sum(after), host))
        return after

    def _bears(self, host: int) -> list[float]:
        return [level[host] for level in self.level]

    def _percent(self, share: float) -> str:
        return f"{beside(100 * share, self.threshold)} %"

    def _passed(self, i: int, host: int) -> Iterator[Refusal]:
        """The coolest hosts that were not taken, with the rule that is against each as things end."""
        floor, shown = self.floor, 0
        for _, other in self.coolest[:_LOOKED]:
            if shown == _SHOWN or other == host:
                return
            if other != floor.homes[i] and (found := floor.against(i, other)):
                shown += 1
                yield found


def not_used(seen: Scene, hosts: Iterable[str]) -> Iterator[Refusal]:
    """Closed hosts, among which nothing is moved, each with the rule."""
    for name in hosts:
        refusal = seen.closed[name]
        yield Refusal(refusal.code, name, f"{refusal.text}: nothing leaves it and nothing comes")


def words(kinds: Sequence[Kind]) -> str:
    return " and ".join(k.word for k in kinds)


def _number(share: float) -> float:
    return round(100 * share, 2)
