"""Clouds to measure decisions on: many hosts of three kinds, flavors as in public clouds, and their use.

The same arguments give the same cloud. `fill` is the share of a host's memory that is allocated, drawn for
each host; the mix of flavors is tilted to small or large ones until `per_host` of them make that fill.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.random import Generator, default_rng

from plan_schemas.frozen import EMPTY, FrozenDict
from plan_schemas.model import Aggregate, Cluster, Host, Instance, Inventory, ServerGroup, build
from plan_schemas.usage import Usage

KINDS = ((32, 192), (48, 384), (64, 512))  # cores, GiB
RATIO = 4.0  # vcpus a core
FLAVORS = (  # vcpus, GiB, how often in a mix of all clouds
    (1, 1, 0.13),
    (1, 2, 0.16),
    (2, 2, 0.09),
    (2, 4, 0.17),
    (2, 8, 0.11),
    (4, 8, 0.11),
    (4, 16, 0.09),
    (8, 16, 0.05),
    (8, 32, 0.05),
    (16, 32, 0.015),
    (16, 64, 0.015),
    (32, 64, 0.005),
    (32, 128, 0.005),
)
PATIENCE = 5  # of a host with flavors that are too large for its rest
ZONES = ("az1", "az2", "az3")
TRAIT = "CUSTOM_FAST_DISK"
TRAIT_HOSTS, TRAIT_INSTANCES, TRIPLED = 0.25, 0.10, 0.10
AT = "2026-01-01T00:00:00Z"

Numbers = np.ndarray


def cloud(
    hosts: int,
    per_host: int = 15,
    seed: int = 0,
    constrained: bool = False,
    fill: tuple[float, float] = (0.35, 0.75),
) -> Cluster:
    """About hosts x per_host instances; `constrained`: pinned zones, a trait and anti-affinity triples."""
    dice = default_rng([seed, hosts, per_host, constrained])
    kinds = dice.permutation(hosts) % len(KINDS)
    zones = dice.permutation(hosts) % len(ZONES) if constrained else None
    traits = dice.random(hosts) < TRAIT_HOSTS if constrained else np.zeros(hosts, bool)
    at, flavors = _filled(dice, kinds, dice.uniform(*fill, hosts), per_host)
    names = [f"host-{i:0{len(str(hosts - 1))}d}" for i in range(hosts)]
    uuids = [_uuid(n) for n in dice.permutation(len(at)).tolist()]
    # Only a host with the trait holds instances that require it, so there the share is so much greater.
    bound = traits[at] & (dice.random(len(at)) < TRAIT_INSTANCES / TRAIT_HOSTS)
    triples = list(_triples(dice, at, zones)) if zones is not None else []
    groups = [
        ServerGroup(f"group-{n}", f"group-{n}", "anti-affinity", tuple(sorted(uuids[i] for i in three)))
        for n, three in enumerate(triples)
    ]
    group_of = {i: f"group-{n}" for n, three in enumerate(triples) for i in three}
    needs = [FrozenDict({"MEMORY_MB": gib * 1024, "VCPU": cpus}) for cpus, gib, _ in FLAVORS]
    wants = FrozenDict({f"trait:{TRAIT}": "required"})
    instances = [
        Instance(
            uuids[i],
            f"vm-{i}",
            names[host],
            flavor=f"f{FLAVORS[flavor][0]}.{FLAVORS[flavor][1]}",
            resources=needs[flavor],
            extra_specs=wants if bound[i] else EMPTY,
            pinned_az=None if zones is None else ZONES[zones[host]],
            server_group=group_of.get(i),
        )
        for i, (host, flavor) in enumerate(zip(at.tolist(), flavors.tolist()))
    ]
    offered = [_inventory(*kind) for kind in KINDS]
    machines = [
        Host(
            name,
            _uuid(10**9 + i),
            str(i + 1),
            zone="nova" if zones is None else ZONES[zones[i]],
            inventory=offered[kinds[i]],
            traits=(TRAIT,) if traits[i] else (),
        )
        for i, name in enumerate(names)
    ]
    return build("bench", AT, machines, instances, _zones(machines) if constrained else (), groups)


def usage(cluster: Cluster, seed: int = 0) -> Usage:
    """Use of vcpus ~ Beta(0.8, 3.2), of memory between a third and nearly all; hosts bear what theirs use."""
    dice = default_rng([seed, len(cluster.instances)])
    instances = list(cluster.instances.values())
    cpu = np.round(100 * dice.beta(0.8, 3.2, len(instances)), 3)
    ram = np.round(dice.uniform(0.3, 0.95, len(instances)) * [i.resources["MEMORY_MB"] for i in instances])
    row = {name: n for n, name in enumerate(cluster.hosts)}
    at = np.array([row[str(i.host)] for i in instances], int)
    cores = np.array([h.inventory["VCPU"].total for h in cluster.hosts.values()])
    vcpus = cpu * [i.resources["VCPU"] for i in instances]
    host_cpu = np.minimum(100.0, np.round(np.bincount(at, vcpus, len(row)) / cores, 3))
    host_ram = np.bincount(at, ram, len(row))
    values = {
        "host_cpu_usage": FrozenDict(zip(row, host_cpu.tolist())),
        "host_ram_usage": FrozenDict(zip(row, host_ram.tolist())),
        "instance_cpu_usage": FrozenDict(zip(cluster.instances, cpu.tolist())),
        "instance_ram_usage": FrozenDict(zip(cluster.instances, ram.tolist())),
    }
    return Usage(FrozenDict(values), AT, "bench")


def _inventory(cores: int, gib: int) -> FrozenDict:
    return FrozenDict({"MEMORY_MB": Inventory(gib * 1024), "VCPU": Inventory(cores, allocation_ratio=RATIO)})


def _uuid(n: int) -> str:
    return f"00000000-0000-4000-8000-{n:012x}"


def _filled(dice: Generator, kinds: Numbers, fill: Numbers, per_host: int) -> tuple[Numbers, Numbers]:
    """The host and the flavor of each instance, near to every host's fill and `per_host` on average."""
    room = np.array([(cores * RATIO, gib) for cores, gib in KINDS])[kinds]
    wanted = fill * room[:, 1]
    chances = dice.random((len(kinds), 6 * per_host + 20))
    mean = float(wanted.mean()) / per_host
    drawn, taken = _drawn(chances, room, wanted, mean)
    for _ in range(4):  # a host ends with what is small enough for its rest: the mix starts from larger ones
        mean *= float(taken.sum()) / len(kinds) / per_host
        drawn, taken = _drawn(chances, room, wanted, mean)
    host, column = np.nonzero(taken)
    return host, drawn[host, column]


def _drawn(chances: Numbers, room: Numbers, wanted: Numbers, mean: float) -> tuple[Numbers, Numbers]:
    """The flavors offered to each host, and which of them it takes: what its fill leaves room for."""
    sizes = np.array([(cpus, gib) for cpus, gib, _ in FLAVORS], float)
    drawn = np.searchsorted(_tilted(sizes[:, 1], mean).cumsum(), chances).clip(max=len(FLAVORS) - 1)
    taken = np.zeros(chances.shape, bool)
    held, refused = np.zeros_like(room), np.zeros(len(room), int)
    for n in range(chances.shape[1]):
        after = held + sizes[drawn[:, n]]
        fits = (after[:, 1] <= wanted) & (after <= room).all(axis=1)
        taken[:, n] = fits & (refused < PATIENCE)
        held = np.where(taken[:, n, None], after, held)
        refused += ~taken[:, n]
    return drawn, taken


def _tilted(sizes: Numbers, mean: float) -> Numbers:
    """The mix, re-weighted by a power of the flavor's memory until the mean instance has so much of it."""
    mix = np.array([share for _, _, share in FLAVORS])
    low, high = -4.0, 4.0
    for _ in range(60):
        middle = (low + high) / 2
        weights = mix * sizes**middle
        weights /= weights.sum()
        low, high = (middle, high) if weights @ sizes < mean else (low, middle)
    return weights


def _triples(dice: Generator, at: Numbers, zones: Numbers) -> Iterator[tuple[int, ...]]:
    """Three instances of one zone on three hosts each, until a tenth of all are in one."""
    for zone in range(len(ZONES)):
        here = dice.permutation(np.nonzero(zones[at] == zone)[0])
        threes = here[: len(here) // 3 * 3].reshape(-1, 3)
        hosts = np.sort(at[threes], axis=1)
        apart = threes[(hosts[:, 0] != hosts[:, 1]) & (hosts[:, 1] != hosts[:, 2])]
        yield from map(tuple, apart[: round(TRIPLED * len(here) / 3)].tolist())


def _zones(hosts: Sequence[Host]) -> list[Aggregate]:
    return [
        Aggregate(
            str(n + 1),
            zone,
            tuple(h.name for h in hosts if h.zone == zone),
            FrozenDict({"availability_zone": zone}),
        )
        for n, zone in enumerate(ZONES)
    ]
