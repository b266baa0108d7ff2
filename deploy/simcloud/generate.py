"""Clouds of any size by a seed, realistic enough to plan on and legal by the cloud's own scheduler."""

import random
from dataclasses import dataclass

from deploy.simcloud import build, fleet
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import MEMORY, VCPU, Flavor, Host, Instance
from deploy.simcloud.settings import Settings

TRAIT = "CUSTOM_NVME"
# cores, memory in GiB, disk in GB; the share of each kind of host
KINDS = (("s", 32, 192, 4000, 0.4), ("m", 48, 384, 8000, 0.35), ("l", 64, 512, 12000, 0.25))
# name, cores, memory in GiB, disk in GB, weight
FLAVORS = (
    ("m1.small", 2, 4, 20, 5),
    ("m1.medium", 4, 8, 40, 7),
    ("m1.large", 8, 16, 80, 5),
    ("m1.xlarge", 16, 32, 160, 1),
    ("r1.large", 4, 32, 40, 2),
    ("r1.xlarge", 8, 64, 80, 1),
)
ROLES = ("web", "api", "db", "cache", "worker", "queue", "search", "batch", "ci", "mail")
PROJECTS = ("shop", "billing", "research", "media", "platform", "intranet", "analytics", "sandbox")


@dataclass(frozen=True)
class Mix:
    """How much of everything; shares of hosts or of servers."""

    zones: int = 3
    fill: tuple[float, float] = (0.35, 0.75)
    vms_per_host: int = 15
    trait_hosts: float = 0.25
    trait_vms: float = 0.10
    groups: float = 0.10
    pinned: float = 0.15
    locked: float = 0.02
    stopped: float = 0.06
    from_volume: float = 0.20
    disabled: float = 0.02
    down: float = 0.01
    cells: int = 1


@dataclass
class _Making:
    """The cloud being made, with the dice and the small tables every step needs."""

    cloud: Cloud
    mix: Mix
    draw: random.Random
    flavors: list[Flavor]
    special: dict[str, Flavor]
    weights: list[int]


def generate(
    hosts: int,
    seed: int,
    *,
    zones: int = 3,
    fill: tuple[float, float] = (0.35, 0.75),
    mix: Mix | None = None,
    settings: Settings | None = None,
    service_roles: tuple[str, ...] = ("admin",),
) -> Cloud:
    """A cloud of so many hosts; the same arguments make the same cloud to the last id."""
    mix = mix or Mix(zones=zones, fill=fill)
    cloud = Cloud(f"generated-{hosts}-{seed}", seed=seed, settings=settings, service_roles=service_roles)
    making = _Making(cloud, mix, random.Random(seed + 1), *_add_flavors(cloud))
    for project in PROJECTS:
        cloud.identity.add_project(project)
    _add_hosts(making, hosts)
    for host in list(cloud.hosts.values()):
        _fill(making, host)
    _add_groups(making)
    _break_some_hosts(making)
    return cloud


def _add_flavors(cloud: Cloud) -> tuple[list[Flavor], dict[str, Flavor], list[int]]:
    plain, special = [], {}
    for name, vcpus, memory_gb, disk_gb, _ in FLAVORS:
        plain.append(build.add_flavor(cloud, name, vcpus, memory_gb * 1024, disk_gb))
        special[name] = build.add_flavor(
            cloud,
            name + ".nvme",
            vcpus,
            memory_gb * 1024,
            disk_gb,
            extra_specs={f"trait:{TRAIT}": "required"},
        )
    return plain, special, [row[4] for row in FLAVORS]


def _add_hosts(making: _Making, count: int) -> None:
    """Zones by turns, so that each has its share of every kind."""
    cloud, mix, draw = making.cloud, making.mix, making.draw
    racks: dict[str, list[str]] = {}
    for index in range(count):
        zone = f"az{index % mix.zones + 1}"
        kind, vcpus, memory_gb, disk_gb, _ = draw.choices(KINDS, [row[4] for row in KINDS])[0]
        # The first host of a cloud has the trait, or small clouds could not carry servers that need it.
        special = index == 0 or draw.random() < mix.trait_hosts
        host = build.add_host(
            cloud,
            f"{zone}-cmp-{index // mix.zones + 1:04d}",
            vcpus=vcpus,
            memory_mb=memory_gb * 1024,
            disk_gb=disk_gb,
            reserved_memory_mb=8192,
            zone=zone,
            cell=f"cell{index % mix.cells + 1}",
            traits={TRAIT} if special else set(),
        )
        racks.setdefault(f"kind-{kind}", []).append(host.name)
        racks.setdefault(f"{zone}-rack-{index // mix.zones // 20 + 1:02d}", []).append(host.name)
    build.add_zones(cloud)
    for name, members in sorted(racks.items()):
        key = "rack" if "rack" in name else "kind"
        cloud.add_aggregate(name, {key: name}, members)


def _fill(making: _Making, host: Host) -> None:
    """Servers until memory or cores reach this host's share of the fill range."""
    cloud, mix, draw = making.cloud, making.mix, making.draw
    share = draw.uniform(*mix.fill)
    for _ in range(mix.vms_per_host):
        flavor = draw.choices(making.flavors, making.weights)[0]
        if TRAIT in host.traits and draw.random() < mix.trait_vms / max(mix.trait_hosts, 0.01):
            flavor = making.special[flavor.name]
        used = cloud.books.used(host.name)
        after_memory = used.get(MEMORY, 0) + flavor.memory_mb
        after_cores = used.get(VCPU, 0) + flavor.vcpus
        if after_memory > share * host.inventories[MEMORY].capacity:
            continue
        if after_cores > share * host.inventories[VCPU].capacity:
            continue
        _add_server(making, host, flavor)


def _add_server(making: _Making, host: Host, flavor: Flavor) -> Instance:
    cloud, mix, draw = making.cloud, making.mix, making.draw
    project = draw.choice(PROJECTS)
    from_volume = draw.random() < mix.from_volume
    metadata = {"lifecycle:livemigratable": "False"} if draw.random() < 0.02 else {}
    return build.add_server(
        cloud,
        f"{project}-{draw.choice(ROLES)}-{cloud.numbers.get('instance', 0) + 1:05d}",
        flavor,
        host.name,
        project=project,
        age=draw.uniform(3600, 3600 * 24 * 400),
        stopped=draw.random() < mix.stopped,
        locked=draw.random() < mix.locked,
        pinned_zone=host.zone if draw.random() < mix.pinned else None,
        image="" if from_volume else "5d1c1f0e-8f0e-4a6c-9a5b-1f6f0c2f7a11",
        from_volume=from_volume,
        volumes=[cloud.ids.uuid()] if from_volume else [],
        metadata=metadata,
        tags=["backup"] if draw.random() < 0.1 else [],
    )


def _add_groups(making: _Making) -> None:
    """Anti-affinity triples from servers of one project that happen to be apart already."""
    cloud, draw = making.cloud, making.draw
    wanted = int(len(cloud.instances) * making.mix.groups / 3)
    by_project: dict[str, list[Instance]] = {}
    for instance in cloud.instances.values():
        by_project.setdefault(instance.project_id, []).append(instance)
    names = {key: name for name, key in cloud.identity.projects.items()}
    for pool in by_project.values():
        draw.shuffle(pool)
    for index in range(wanted):
        project = draw.choice(sorted(by_project))
        triple = _apart(by_project[project])
        if len(triple) < 3:
            continue
        group = build.add_group(
            cloud, f"{names[project]}-ha-{index + 1}", "anti-affinity", project=names[project]
        )
        for instance in triple:
            instance.group, instance.hints = group.uuid, {"group": group.uuid}
            group.members.append(instance.uuid)


def _apart(pool: list[Instance]) -> list[Instance]:
    """Take three servers on three hosts from the end of the pool."""
    triple: list[Instance] = []
    for _ in range(min(8, len(pool))):
        instance = pool.pop()
        if all(instance.host != other.host for other in triple):
            triple.append(instance)
        if len(triple) == 3:
            break
    return triple


def _break_some_hosts(making: _Making) -> None:
    """A few hosts are disabled or dead, as in every real cloud; never the first, which small clouds need."""
    cloud, mix, draw = making.cloud, making.mix, making.draw
    for host in list(cloud.hosts.values())[1:]:
        dice = draw.random()
        if dice < mix.disabled:
            fleet.set_status(cloud, host, enabled=False, reason="firmware update")
        elif dice < mix.disabled + mix.down:
            host.alive, host.reported_down = False, True
