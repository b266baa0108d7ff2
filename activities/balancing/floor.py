"""Hosts with their load and their room as arrays, on which instances move one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from activities.balancing import load
from activities.balancing.load import Floats, Kind
from activities.packing.board import Board, Ints, Mask
from activities.rules import checks
from plan_schemas.audit import Rules
from plan_schemas.model import Cluster, Instance
from plan_schemas.plan import Refusal
from plan_schemas.usage import Usage


@dataclass(frozen=True)
class Scene:
    """What every host and every instance uses, before it is decided who may move."""

    cluster: Cluster
    rules: Rules
    kinds: tuple[Kind, ...]
    loads: tuple[dict[str, float], ...]  # per kind, by instance
    each: tuple[dict[str, list[float]], ...]  # per kind, by host, of its instances
    levels: tuple[dict[str, float], ...]  # per kind, by host
    passing: frozenset[str] = frozenset()  # hosts whose load has not lasted for as long as it must

    def hosts(self) -> list[str]:
        """The hosts that may give and take."""
        some = self.cluster.hosts.values()
        known = [h for h in some if all(h.name in row for row in self.levels)]
        return [h.name for h in known if not checks.host_refusals(h, self.rules)]

    def unmeasured(self, one: Instance) -> bool:
        """Whether it runs and nobody knows what it uses; one that is off uses nothing."""
        return one.status in checks.LIVE_STATES and any(one.uuid not in row for row in self.loads)

    def largest(self, kind: int, hosts: Sequence[str]) -> Floats:
        """What the instances of each host use, the largest first, also of those that may not go."""
        each = [self.each[kind][name] for name in hosts]
        width = max(1, *map(len, each)) if each else 1
        flat = np.array([load for own in each for load in own])
        found: Floats = np.zeros((len(each), width))
        found[np.arange(width) < np.array([len(own) for own in each]).reshape(-1, 1)] = flat
        return -np.sort(-found, axis=1)

    def held(self, one: Instance) -> Refusal | None:
        """Why it does not move."""
        if found := checks.immovable(self.cluster, one.uuid, self.rules):
            return found[0]
        if self.unmeasured(one):
            return Refusal("unmeasured", one.uuid, f"nothing is known of what {one.name} uses")
        return None

    def guests(self, host: str) -> list[str]:
        """Those that nothing plain keeps there; whether all rules let one go is asked when it matters."""
        kept, on = self.rules.frozen_instances, self.cluster.on(host)
        return [i.uuid for i in on if not i.locked and i.task_state is None and i.uuid not in kept]

    def movable(self, hosts: Iterable[str]) -> list[str]:
        return [i.uuid for name in hosts for i in self.cluster.on(name) if self.held(i) is None]


def scene(cluster: Cluster, rules: Rules, usage: Usage, kinds: Sequence[Kind]) -> Scene:
    loads = tuple(load.by_instance(k, cluster, usage) for k in kinds)
    each = tuple(load.by_host(cluster, found) for found in loads)
    levels = tuple(
        load.levels(k, cluster, here, load.own(k, cluster, usage, here)) for k, here in zip(kinds, each)
    )
    return Scene(cluster, rules, tuple(kinds), loads, each, levels)


def _by_kind(rows: Sequence[Sequence[float]]) -> Floats:
    found: Floats = np.ascontiguousarray(np.array(rows, dtype=np.float64).T)
    return found


class Floor(Board):
    """A board on which a move is over before the next begins: what leaves makes room and takes its load.

    `level[host, kind]` is the load as a share of what the host really has, `load[instance, kind]` is
    absolute. An instance moves once at most.
    """

    def __init__(self, seen: Scene, movable: Iterable[str]) -> None:
        super().__init__(seen.cluster, seen.rules, movable)
        self.seen, self.kinds = seen, seen.kinds
        self.touched: list[int] = []  # hosts whose level has changed, in turn
        self._asked: dict[int, bool] = {}  # by instance: whether it may go
        every = seen.cluster.hosts.values()
        offers = [[load.capacity(k, h) for h in every] for k in seen.kinds]
        self.capacity: Floats = np.maximum(_by_kind(offers), 1e-9)
        self.level: Floats = _by_kind([[row.get(name, 0.0) for name in self.hosts] for row in seen.levels])
        self.load: Floats = _by_kind([[row.get(u, 0.0) for u in self.uuids] for row in seen.loads])
        self.at: Ints = np.full(len(self.uuids), -1)  # the host that it has moved to
        self.usable: Mask = np.zeros(len(self.hosts), dtype=bool)
        self.usable[[self.number[n] for n in seen.hosts()]] = True
        self.open = self.usable
        self.passing: Mask = np.array([name in seen.passing for name in self.hosts], dtype=bool)
        self.on: dict[int, list[int]] = {h: [] for h in range(len(self.hosts))}
        for i, host in enumerate(self.home.tolist()):
            self.on[host].append(i)

    def may_go(self, i: int) -> bool:
        """Whether nothing holds the instance on its host."""
        if i not in self._asked:
            self._asked[i] = self.seen.held(self.instances[i]) is None
        return self._asked[i]

    def clear(self) -> None:
        """Undo all moves."""
        for i in reversed(list(self.placed)):
            self.back(i)

    def move(self, i: int, host: int) -> None:
        """Let it leave its home for this host."""
        home = int(self.home[i])
        self.place(i, host)
        self.at[i] = host
        self._book(i, home, +1)
        self.ledger.remove(self.uuids[i], self.hosts[home])
        self.level[host] += self.load[i] / self.capacity[host]
        self.level[home] -= self.load[i] / self.capacity[home]
        self.touched += (home, host)

    def back(self, i: int) -> int:
        """Undo its move; the host that it was on. Whether it still fits at home is for the caller to know."""
        home = int(self.home[i])
        self._book(i, home, -1)
        self.ledger.add(self.uuids[i], self.hosts[home])
        host = self.take_back(i)
        self.at[i] = -1
        self.level[host] -= self.load[i] / self.capacity[host]
        self.level[home] += self.load[i] / self.capacity[home]
        self.touched += (home, host)
        return host

    def fits_home(self, i: int) -> bool:
        """Whether its home still has the room that it left, so that its move can be undone."""
        return bool((self.free[self.home[i]] >= self.need[i]).all())

    def ranked(self, i: int, where: Mask, score: Callable[[int, Ints], Floats]) -> Iterator[int]:
        """The hosts among these that take the instance now, the greatest score first."""
        hosts = self._preferred(i, np.flatnonzero(self.fits(i) & where))
        left, alone = score(i, hosts).copy() if len(hosts) else np.zeros(0), self._alone(i)
        for _ in range(len(hosts)):  # the first is nearly always the one: sorting all would cost more
            best = int(left.argmax())
            left[best] = -np.inf
            there = self.cluster.hosts[self.hosts[int(hosts[best])]]  # of those that its wishes allow
            if alone or not checks.crowded(self.cluster, self.ledger, self.instances[i], there):
                yield int(hosts[best])

    def receives(self, i: int, host: int) -> bool:
        """Whether a usable host that its wishes allow takes it now: as `ranked` finds of all hosts."""
        if host == self.home[i] or not self.has_room(i, host):
            return False
        there = self.cluster.hosts[self.hosts[host]]
        return self._alone(i) or not (
            host in self._full_for(self.instances[i].server_group)
            or checks.crowded(self.cluster, self.ledger, self.instances[i], there)
        )

    def _alone(self, i: int) -> bool:
        """Whether nobody's company is for or against it anywhere: then room is all that hosts must have."""
        return not self.instances[i].server_group and not self.ledger.apart(self.uuids[i])

    def takes(self, i: int, host: int) -> bool:
        """As by `fits` and all rules, asked of one host alone."""
        if host == self.home[i] or not (self.open[host] and self.masks[self.mask_of[i], host]):
            return False  # the mask knows all standing rules
        return not checks.crowded(
            self.cluster, self.ledger, self.instances[i], self.cluster.hosts[self.hosts[host]]
        )

    def against(self, i: int, host: int) -> Refusal | None:
        """The first rule that keeps the instance from the host as things stand."""
        there = self.cluster.hosts[self.hosts[host]]
        return checks.refusal(self.cluster, self.ledger, self.instances[i], there, self.rules)
