"""What policies let several plans change together: budgets per group of a cloud, and hosts kept in reserve.

A share is one such budget or reserve as it applies to one group; its name says so to people, and is the same
in every plan that has a part in it.
"""

from __future__ import annotations

from dataclasses import dataclass

BUDGET, RESERVE = "budget of ", "reserve of "


@dataclass(frozen=True, slots=True)
class Share:
    """How many may have a part at once, or begin within so many seconds."""

    limit: int
    seconds: float = 0.0  # 0: at once


@dataclass(frozen=True, slots=True)
class Budget:
    """So many moves, or this percentage of its instances, in each group of a kind."""

    per: str  # host | aggregate | zone | project | server_group | cloud
    count: int | None = None
    percent: float | None = None
    within: float = 0.0  # seconds in which so many may begin; 0: so many at once
    names: tuple[str, ...] = ()  # of the groups; empty: each of them

    def limit(self, instances: int) -> int:
        """Of a group with so many instances. A percentage is rounded down, but one move is always let
        through: what must not move at all is protected, not budgeted."""
        limits = [] if self.count is None else [self.count]
        if self.percent is not None:
            limits.append(max(1, int(instances * self.percent / 100)))
        return min(limits)

    def name(self, group: str, policy: str) -> str:
        within = f" in {self.within:g} s" if self.within else ""
        return f"{BUDGET}{self.per} {group}{within} of policy {policy}"


@dataclass(frozen=True, slots=True)
class Reserve:
    """Each group of a kind must be able to lose so many of its hosts."""

    per: str  # aggregate | zone | cloud
    hosts: int
    names: tuple[str, ...] = ()

    def name(self, group: str, policy: str) -> str:
        return f"{RESERVE}{self.per} {group} of policy {policy}"
