"""Hosts with their load and their room as arrays, on which instances move one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from activities.balancing import load
from activities.balancing.load import Floats, Kind
from activities.balancing.roll import Roll, Row
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
    usage: Usage
    roll: Roll
    loads: tuple[Floats, ...]  # per kind, of the instances on the roll
    whole: tuple[Floats, ...]  # per kind, of every host what it really has
    levels: tuple[dict[str, float], ...]  # per kind, by host
    passing: frozenset[str] = frozenset()  # hosts whose load has not lasted for as long as it must
    holds: dict[Any, bool] = field(default_factory=dict)  # what `stays` was told
    rows: dict[int, Floats] = field(default_factory=dict)  # what `largest` found, per kind

    @cached_property
    def closed(self) -> dict[str, Refusal]:
        """The hosts that no rule lets give or take, with the first that is against each."""
        asked = ((h.name, checks.host_refusals(h, self.rules)) for h in self.cluster.hosts.values())
        return {name: found[0] for name, found in asked if found}

    @cached_property
    def measured(self) -> tuple[Mapping[str, float], ...]:
        return tuple(self.usage.of(kind.metric) for kind in self.kinds)

    @cached_property
    def usable(self) -> Mask:
        """The hosts that may give and take."""
        known = [all(name in row for row in self.levels) for name in self.roll.hosts]
        return np.array([k and n not in self.closed for n, k in zip(self.roll.hosts, known)], dtype=bool)

    def hosts(self) -> list[str]:
        """The same by name."""
        return [self.roll.hosts[n] for n in np.flatnonzero(self.usable).tolist()]

    def unmeasured(self, one: Instance) -> bool:
        """Whether it runs and nobody knows what it uses; one that is off uses nothing."""
        if one.status in checks.LIVE_STATES:
            for row in self.measured:
                if one.uuid not in row:
                    return True
        return False

    def largest(self, kind: int, hosts: Sequence[str]) -> Floats:
        """What the instances of each host use, the largest first, also of those that may not go."""
        if kind not in self.rows:
            lengths = self.roll.lengths
            every: Floats = np.zeros((len(lengths), max(1, int(lengths.max(initial=0)))))
            every[np.arange(every.shape[1]) < lengths[:, None]] = -self.loads[kind]
            every.sort(axis=1)
            self.rows[kind] = np.negative(every, out=every)
        found = self.rows[kind]
        if len(hosts) < len(found):
            number = {name: n for n, name in enumerate(self.roll.hosts)}
            found = found[[number[name] for name in hosts]]
        return found

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
        return [i.uuid for name in hosts for i in self.cluster.on(name) if not self.stays(i)]

    def stays(self, one: Instance) -> bool:
        """Whether something holds it; of those on a host in whom nothing differs that could, one is asked."""
        group = self.cluster.groups.get(one.server_group) if one.server_group else None
        together = group is not None and group.policy == "affinity"
        if together or one.scheduler_hints or one.uuid in self.rules.frozen_instances:
            return self.held(one) is not None
        said, takes = "", one.resources
        if one.extra_specs or one.image_properties or one.metadata:
            said = str((one.extra_specs, one.image_properties, one.metadata))
        names = tuple(takes) if all(takes.values()) else tuple([name for name, n in takes.items() if n])
        key = (one.host, one.status, one.locked, one.task_state, names, said)
        if key not in self.holds:
            self.holds[key] = bool(checks.immovable(self.cluster, one.uuid, self.rules))
        return self.holds[key] or self.unmeasured(one)


def scene(cluster: Cluster, rules: Rules, usage: Usage, kinds: Sequence[Kind]) -> Scene:
    roll = Roll(cluster)
    loads = tuple(load.by_instance(k, roll, usage) for k in kinds)
    whole = tuple(load.capacities(k, cluster) for k in kinds)
    levels = tuple(
        load.levels(roll, uses, load.own(k, roll, usage, uses, there), there)
        for k, uses, there in zip(kinds, loads, whole)
    )
    return Scene(cluster, rules, tuple(kinds), usage, roll, loads, whole, levels)


def _by_kind(rows: Sequence[Sequence[float] | Floats]) -> Floats:
    found: Floats = np.ascontiguousarray(np.array(rows, dtype=np.float64).T)
    return found


class Floor(Board):
    """A board on which a move is over before the next begins: what leaves makes room and takes its load.

    `level[host, kind]` is the load as a share of what the host really has, `load[instance, kind]` is
    absolute. An instance moves once at most.
    """

    def __init__(self, seen: Scene, movable: Iterable[str]) -> None:
        self.seen, self.kinds = seen, seen.kinds
        super().__init__(seen.cluster, seen.rules, movable)
        self.touched: list[int] = []  # hosts whose level has changed, in turn
        self._asked: dict[int, bool] = {}  # by instance: whether it may go
        self._lone: dict[int, bool] = {}  # by instance: what `alone` says
        self.capacity: Floats = np.maximum(_by_kind(seen.whole), 1e-9)
        self.level: Floats = _by_kind([[row.get(name, 0.0) for name in self.hosts] for row in seen.levels])
        row = Row(self.instances)
        self.load: Floats = _by_kind([load.by_instance(k, row, seen.usage) for k in seen.kinds])
        # The same as lists, per kind: of one host or instance they tell sooner than arrays.
        self.offers: list[list[float]] = self.capacity.T.tolist()
        self.loads: list[list[float]] = self.load.T.tolist()
        self.homes: list[int] = self.home.tolist()
        self.at: Ints = np.full(len(self.uuids), -1)  # the host that it has moved to
        self.usable: Mask = seen.usable.copy()
        self.open = self.usable
        self.passing: Mask = np.array([name in seen.passing for name in self.hosts], dtype=bool)
        self.on: dict[int, list[int]] = {h: [] for h in range(len(self.hosts))}
        for i, host in enumerate(self.home.tolist()):
            self.on[host].append(i)

    def _used(self) -> Ints:
        """As of any board, from what has been read of all instances."""
        used, roll = self._columns([h.claimed for h in self.cluster.hosts.values()]), self.seen.roll
        for n, name in enumerate(self.classes):
            used[:, n] += roll.sums(roll.amounts(name)).astype(np.int64)
        found: Ints = np.where(self.lacks, 0, used)
        return found

    def may_go(self, i: int) -> bool:
        """Whether nothing holds the instance on its host."""
        if i not in self._asked:
            self._asked[i] = not self.seen.stays(self.instances[i])
        return self._asked[i]

    def clear(self) -> None:
        """Undo all moves."""
        for i in reversed(list(self.placed)):
            self.back(i)

    def move(self, i: int, host: int) -> None:
        """Let it leave its home for this host."""
        home = self.homes[i]
        self.place(i, host)
        self.at[i] = host
        self._book(i, home, +1)
        self.ledger.remove(self.uuids[i], self.hosts[home])
        self._bear(i, home, host)

    def back(self, i: int) -> int:
        """Undo its move; the host that it was on. Whether it still fits at home is for the caller to know."""
        home = self.homes[i]
        self._book(i, home, -1)
        self.ledger.add(self.uuids[i], self.hosts[home])
        host = self.take_back(i)
        self.at[i] = -1
        self._bear(i, host, home)
        return host

    def _bear(self, i: int, source: int, there: int) -> None:
        level = self.level
        for kind, (loads, offers) in enumerate(zip(self.loads, self.offers)):
            level[there, kind] = level.item(there, kind) + loads[i] / offers[there]
            level[source, kind] = level.item(source, kind) - loads[i] / offers[source]
        self.touched += (source, there)

    def fits_home(self, i: int) -> bool:
        """Whether its home still has the room that it left, so that its move can be undone."""
        return bool((self.free[self.home[i]] >= self.need[i]).all())

    def ranked(self, i: int, where: Mask, score: Callable[[int, Ints], Floats]) -> Iterator[int]:
        """The hosts among these that take the instance now, the greatest score first."""
        for hosts in self._preferred(i, np.flatnonzero(self.fits(i) & where)):
            taken = False
            for host in self._welcoming(i, hosts, score):
                taken = True
                yield host
            if taken:
                return

    def _welcoming(self, i: int, hosts: Ints, score: Callable[[int, Ints], Floats]) -> Iterator[int]:
        left, alone = score(i, hosts).copy(), self.alone(i)
        for _ in range(len(hosts)):  # the first is nearly always the one: sorting all would cost more
            best = int(left.argmax())
            left[best] = -np.inf
            there = self.cluster.hosts[self.hosts[int(hosts[best])]]  # of those that its wishes allow
            if alone or not checks.unwelcome(self.cluster, self.ledger, self.instances[i], there):
                yield int(hosts[best])

    def receives(self, i: int, host: int) -> bool:
        """Whether a usable host that its wishes allow takes it now: as `ranked` finds of all hosts."""
        if host == self.homes[i] or not self.has_room(i, host):
            return False
        there = self.cluster.hosts[self.hosts[host]]
        return self.alone(i) or not (
            host in self._full_for(self.instances[i].server_group)
            or checks.unwelcome(self.cluster, self.ledger, self.instances[i], there)
        )

    def alone(self, i: int) -> bool:
        """Whether nobody's company is for or against it anywhere: then room is all that hosts must have."""
        if i not in self._lone:
            self._lone[i] = not self.instances[i].server_group and not self.ledger.apart(self.uuids[i])
        return self._lone[i]

    def takes(self, i: int, host: int) -> bool:
        """As by `fits` and all rules, asked of one host alone."""
        if host == self.homes[i] or not (self.open[host] and self.masks[self.mask_of[i], host]):
            return False  # the mask knows all standing rules
        there = self.cluster.hosts[self.hosts[host]]
        return self.has_room(i, host) and (
            self.alone(i) or not checks.unwelcome(self.cluster, self.ledger, self.instances[i], there)
        )

    def against(self, i: int, host: int) -> Refusal | None:
        """The first rule that keeps the instance from the host as things stand."""
        name, one = self.hosts[host], self.instances[i]
        there = self.cluster.hosts[name]
        if self.masks[self.mask_of[i], host]:
            return checks.crowding(self.cluster, self.ledger, one, there)
        return self.seen.closed.get(name) or checks.standing_refusal(self.cluster, one, there)
