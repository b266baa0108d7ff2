"""The cloud as arrays: what each host has free, what each instance needs, and which hosts its rules allow."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from activities.rules import checks
from plan_schemas.audit import Rules
from plan_schemas.model import Cluster, Host, Instance

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
_CAPACITY, _ANTI_AFFINITY = 1, 2  # in `codes_known`


class Board:
    """Places instances on hosts and takes them back, in arrays; the rules themselves are those of checks.

    An instance that is placed counts on its new host and, as while it moves, still on its old one: space that
    leaves is never given out again here. Hosts and instances are numbers, as in `hosts` and `uuids`.
    """

    def __init__(self, cluster: Cluster, rules: Rules, movable: Iterable[str]) -> None:
        self.cluster, self.rules = cluster, rules
        self.ledger = checks.Occupancy(cluster)
        self.hosts = list(cluster.hosts)
        self.number = {name: i for i, name in enumerate(self.hosts)}
        self.classes = sorted({k for h in cluster.hosts.values() for k in h.inventory})
        self.uuids = list(movable)
        self.instances = [cluster.instances[u] for u in self.uuids]
        self.lacks = _lacks(cluster, self.classes)
        self._capacity = self._capacities()
        self.used = self._used()  # before anything is placed
        own = np.where(self.lacks, 0, self.used)
        self.free = np.asfortranarray(self._capacity.astype(np.int64) - own)  # walked by class
        self.need = self._columns([i.resources for i in self.instances])
        self._needed = self.need.sum(axis=0)
        self._whole = not self.lacks.any()
        self.home = np.array([self.number[i.host or ""] for i in self.instances], dtype=np.int64)
        # Classes that a shared provider gives to some of the instances.
        self.shared = np.flatnonzero(((self.need > 0) & self.lacks[self.home]).any(axis=0)).tolist()
        self.placed: dict[int, int] = {}
        self.alike = self._hosts_alike()
        self.masks, self.mask_of = self._masks()
        self.codes_known = ["", "capacity", "anti_affinity"]
        self._codes: dict[int, Ints] = {}
        self.open: Mask = np.ones(len(self.hosts), dtype=bool)  # hosts that may take instances now
        self.weight: Floats = np.ones(len(self.classes))
        self._members: dict[str, Counter[int]] = defaultdict(Counter)
        for one in cluster.instances.values():
            if one.server_group and one.host in self.number:
                self._members[one.server_group][self.number[one.host]] += 1
        self.weigh(np.ones(len(self.hosts), dtype=bool))

    def _columns(self, amounts: Sequence[Mapping[str, Any]]) -> Ints:
        """One row for each of these, class by class."""
        found = np.zeros((len(amounts), len(self.classes)), dtype=np.int64)
        for n, name in enumerate(self.classes):
            found[:, n] = [each.get(name, 0) for each in amounts]
        return found

    def _capacities(self) -> Floats:
        every = self.cluster.hosts.values()
        whole = self._columns([{k: v.capacity for k, v in h.inventory.items()} for h in every])
        return whole.astype(np.float64)

    def _used(self) -> Ints:
        """What instances and whatever else Placement counts take, also of what is a shared provider's."""
        used = self._columns([h.claimed for h in self.cluster.hosts.values()])
        there = [i for i in self.cluster.instances.values() if i.host in self.number]
        at = np.array([self.number[i.host or ""] for i in there], dtype=np.int64)
        np.add.at(used, at, self._columns([i.resources for i in there]))
        return used

    def _hosts_alike(self) -> list[list[int]]:
        """Hosts that no standing rule tells apart."""
        kinds: dict[Any, list[int]] = {}
        for i, host in enumerate(self.cluster.hosts.values()):
            kinds.setdefault(host_key(self.cluster, self.rules, host), []).append(i)
        return list(kinds.values())

    def _masks(self) -> tuple[Mask, Ints]:
        """Per distinct set of wishes the hosts that satisfy it; instances and hosts that are alike share."""
        keyed = _wish_key(self.cluster)
        masks: list[Mask] = []
        known: dict[Any, int] = {}
        of = np.zeros(len(self.instances), dtype=np.int64)
        for i, one in enumerate(self.instances):
            key = keyed(one)
            if key not in known:
                known[key] = len(masks)
                masks.append(self._mask(one))
            of[i] = known[key]
        return np.array(masks, dtype=bool).reshape(len(masks), len(self.hosts)), of

    def _mask(self, one: Instance) -> Mask:
        mask = np.zeros(len(self.hosts), dtype=bool)
        for alike in self.alike:
            there = self.cluster.hosts[self.hosts[alike[0]]]
            mask[alike] = not checks.standing_refusals(self.cluster, one, there, self.rules)
        return mask

    def weigh(self, among: Mask) -> None:
        """Weigh each resource class by how scarce it is on these hosts: use over capacity, per unit of it."""
        whole = np.maximum(self._capacity[among].sum(axis=0), 1.0)
        scarcity = np.clip(self._needed / whole, 0.02, None)
        self.host_size = float(scarcity.sum())  # of a host of the mean capacity, in the unit of `size`
        self.weight = scarcity / np.maximum(whole / max(int(among.sum()), 1), 1.0)

    def size(self, i: int) -> float:
        """How much of what is scarce an instance takes."""
        return float(self.need[i] @ self.weight)

    def sizes(self) -> Floats:
        """The same of all instances."""
        _, first = np.unique(self.instance_kinds, return_index=True)
        each: Floats = np.array([self.size(i) for i in first.tolist()], dtype=np.float64)
        return each[self.instance_kinds]

    @cached_property
    def instance_kinds(self) -> Ints:
        """A number for each instance, equal for those that fit alike but for company; in the order of what
        they need.
        """
        shared = self.lacks[:, self.shared][self.home]
        columns = [*self.need.T, self.mask_of, *shared.T]
        order = np.lexsort(columns[::-1])
        other = np.zeros(len(order), dtype=bool)  # than the one before
        for column in columns:
            here = column[order]
            other[1:] |= here[1:] != here[:-1]
        found = np.empty(len(order), dtype=np.int64)
        found[order] = np.cumsum(other)
        return found

    def fits(self, i: int) -> Mask:
        """The open hosts that could take the instance now."""
        mask: Mask = self.open & self.masks[self.mask_of[i]]
        mask[self.home[i]] = False
        need = self.need[i]
        for column in np.flatnonzero(need).tolist():
            room = self.free[:, column] >= need[column]
            mask &= room | self.spared(i, column) if column in self.shared else room
        for host in self._full_for(self.instances[i].server_group):
            mask[host] = False
        return mask

    def has_room(self, i: int, host: int) -> bool:
        """As `fits` says of room, of one host."""
        for column, amount in enumerate(self.need[i].tolist()):
            if amount > self.free.item(host, column) and amount:
                spared = column in self.shared and self.lacks[[host, self.home[i]], column].all()
                if not spared:
                    return False
        return True

    def spared(self, i: int, column: int) -> Mask:
        """The hosts that need not have this class themselves: a shared provider gives it, as at home."""
        found: Mask = self.lacks[:, column] & self.lacks[self.home[i], column]
        return found

    def short(self, i: int) -> Ints:
        """What each host lacks for the instance, [hosts, classes]."""
        lacking: Ints = np.maximum(self.need[i] - self.free, 0)
        for column in self.shared:
            lacking[self.spared(i, column), column] = 0
        return lacking

    def would_fit(self, i: int, hosts: Ints) -> bool:
        """Whether one of the hosts had room for the instance if it were open."""
        room = ~self.short(i)[hosts].any(axis=1) if len(hosts) else np.zeros(0, dtype=bool)
        return bool((self.masks[self.mask_of[i], hosts] & room).any())

    def codes(self, i: int, hosts: Ints) -> Ints:
        """Per host, open or not, what first keeps the instance from it now: a number in `codes_known`."""
        kind = int(self.mask_of[i])
        if kind not in self._codes:
            self._codes[kind] = self._standing(self.instances[i])
        full = self._full_for(self.instances[i].server_group)
        apart = [h for other in self.ledger.apart(self.uuids[i]) for h in self.ledger.where(other)]
        full += [self.number[h] for h in apart if h in self.number]
        now = np.zeros(len(self.hosts), dtype=np.int64)
        now[full] = _ANTI_AFFINITY
        now[self.short(i)[:, self.need[i] > 0].any(axis=1)] = _CAPACITY
        standing = self._codes[kind]
        found: Ints = np.where(standing > 0, standing, now)[hosts]
        return found

    def _standing(self, one: Instance) -> Ints:
        codes = np.zeros(len(self.hosts), dtype=np.int64)
        for alike in self.alike:
            there = self.cluster.hosts[self.hosts[alike[0]]]
            if refused := checks.standing_refusals(self.cluster, one, there, self.rules):
                if refused[0].code not in self.codes_known:
                    self.codes_known.append(refused[0].code)
                codes[alike] = self.codes_known.index(refused[0].code)
        return codes

    def _full_for(self, group: str | None) -> list[int]:
        found = self.cluster.groups.get(group) if group else None
        if found is None or found.policy != "anti-affinity":
            return []
        return [h for h, n in self._members[found.uuid].items() if n >= found.max_server_per_host]

    def prefers(self, i: int) -> bool:
        """Whether company matters to it beyond what the rules say."""
        group = self.cluster.groups.get(self.instances[i].server_group or "")
        return group is not None and group.policy == "soft-anti-affinity"

    def _preferred(self, i: int, hosts: Ints) -> list[Ints]:
        """These hosts; those that a soft anti-affinity speaks against by themselves, for when no other takes
        the instance."""
        parts = [hosts]
        if self.prefers(i):
            members = self._members[self.instances[i].server_group or ""]
            apart = np.array([not members[host] for host in hosts.tolist()], dtype=bool)
            parts = [hosts[apart], hosts[~apart]]
        return [part for part in parts if len(part)]

    def tight(self, i: int, hosts: Ints) -> Floats:
        """Score of each host for the instance, greatest first: what is left is used up evenly."""
        left = self.free[hosts] * self.weight
        score: Floats = (left @ (self.need[i] * self.weight)) / np.maximum((left * left).sum(axis=1), 1e-12)
        return score

    def even(self, i: int, hosts: Ints) -> Floats:
        """Score of each host for the instance, greatest first: the scarcest class keeps most room."""
        score: Floats = ((self.free[hosts] - self.need[i]) * self.weight).min(axis=1)
        return score

    def best(self, i: int, score: Callable[[int, Ints], Floats]) -> int | None:
        """The best host that takes the instance by the arrays and by checks; None when there is none."""
        for hosts in self._preferred(i, np.flatnonzero(self.fits(i))):
            order = np.argsort(-score(i, hosts), kind="stable")
            for host in hosts[order].tolist():
                if self.passes(i, host):
                    return int(host)
        return None

    def takes(self, i: int, host: int) -> bool:
        """Whether this host takes the instance now, by the arrays and by checks."""
        return bool(self.fits(i)[host]) and self.passes(i, host)

    def passes(self, i: int, host: int) -> bool:
        """Whether all rules let the instance onto this host now; those that stand were asked for `masks`."""
        there = self.cluster.hosts[self.hosts[host]]
        return bool(self.masks[self.mask_of[i], host]) and not checks.crowded(
            self.cluster, self.ledger, self.instances[i], there
        )

    def place(self, i: int, host: int) -> None:
        self._book(i, host, -1)
        self.ledger.add(self.uuids[i], self.hosts[host])
        self.placed[i] = host

    def take_back(self, i: int) -> int:
        """Undo a placement; the host that it was on."""
        host = self.placed.pop(i)
        self._book(i, host, +1)
        self.ledger.remove(self.uuids[i], self.hosts[host])
        return host

    def _book(self, i: int, host: int, sign: int) -> None:
        need = self.need[i] if self._whole else np.where(self.lacks[host], 0, self.need[i])
        self.free[host] += need if sign > 0 else -need
        if group := self.instances[i].server_group:
            self._members[group][host] -= sign


def _lacks(cluster: Cluster, classes: list[str]) -> Mask:
    """Where a host has nothing of a class itself, [hosts, classes]; a shared provider may give it."""
    rows = [[k not in h.inventory for k in classes] for h in cluster.hosts.values()]
    return np.array(rows, dtype=bool).reshape(len(rows), len(classes))


def host_key(cluster: Cluster, rules: Rules, host: Host) -> Any:
    """Equal for hosts that the rules cannot tell apart."""
    around = tuple(a.id for a in cluster.aggregates_of(host.name))
    usable = tuple(r.code for r in checks.host_refusals(host, rules))
    nested = tuple(t for p in host.providers for t in p.traits)
    units = tuple((k, v.max_unit) for k, v in host.inventory.items())
    return (usable, host.zone, host.hypervisor_type, host.traits, nested, around, units)


def _wish_key(cluster: Cluster) -> Callable[[Instance], Any]:
    """A function that is equal for instances that no rule tells apart but by room and company."""
    kept = {p for a in cluster.aggregates.values() for p in checks.tenants(a.metadata)}
    asked = {k for a in cluster.aggregates.values() for k in a.metadata}
    units = _smallest_units(cluster)

    def key(one: Instance) -> Any:
        of_image = [(k, str(v)) for k, v in one.image_properties.items() if k[:5] == "trait" or k in asked]
        source = cluster.hosts.get(one.host or "")
        kind = source.hypervisor_type if source is not None else ""
        project = one.project if one.project in kept else ""
        large = tuple([(k, v) for k, v in one.resources.items() if v > units.get(k, v)]) if units else ()
        asks = tuple(sorted(one.extra_specs.items())) if one.extra_specs else ()
        return (one.pinned_az, asks, tuple(sorted(of_image)), kind, project, large)

    return key


def _smallest_units(cluster: Cluster) -> dict[str, int]:
    """Per resource class the least that any host gives to one instance; smaller needs pass everywhere."""
    found: dict[str, int] = {}
    for host in cluster.hosts.values():
        for name, offered in host.inventory.items():
            if offered.max_unit is not None:
                found[name] = min(offered.max_unit, found.get(name, offered.max_unit))
    return found
