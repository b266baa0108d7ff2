"""The cluster model: frozen values for hosts, instances and what binds them, with capacity arithmetic.

Amounts are keyed by Placement resource class (VCPU, MEMORY_MB, DISK_GB, CUSTOM_…) and are whole numbers in
that class's own unit. Hosts are named by their Nova service host, everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from plan_schemas.frozen import EMPTY, FrozenDict, digest, thaw

Amounts = Mapping[str, int]  # resource class -> amount


@dataclass(frozen=True, slots=True)
class Inventory:
    """One resource class of a provider, as Placement counts it."""

    total: int
    reserved: int = 0
    allocation_ratio: float = 1.0
    max_unit: int | None = None  # the most that one consumer may have; None for no limit

    @property
    def capacity(self) -> int:
        """What may be allocated: (total - reserved) x ratio, rounded down."""
        return int((self.total - self.reserved) * self.allocation_ratio)


@dataclass(frozen=True, slots=True)
class Provider:
    """A nested resource provider below a host (a NUMA node, a GPU, …); kept, never flattened."""

    uuid: str
    name: str
    parent: str
    inventory: Mapping[str, Inventory] = EMPTY
    traits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Host:
    """A compute host: its nova-compute service and its root resource provider."""

    name: str
    uuid: str  # of the resource provider (= the hypervisor id since Nova 2.53)
    service: str  # id of the nova-compute service
    status: str = "enabled"  # enabled | disabled
    state: str = "up"  # up | down
    disabled_reason: str | None = None
    zone: str = "nova"
    hypervisor_type: str = "QEMU"
    inventory: Mapping[str, Inventory] = EMPTY
    traits: tuple[str, ...] = ()
    providers: tuple[Provider, ...] = ()
    # Allocated here beyond what the listed instances explain: moves in flight, orphans. Counted as used.
    claimed: Amounts = EMPTY
    # Why the numbers of this host cannot be trusted; such a host is neither source nor destination.
    uncertain: str | None = None

    def capacity(self, resource_class: str) -> int:
        inventory = self.inventory.get(resource_class)
        return inventory.capacity if inventory else 0


@dataclass(frozen=True, slots=True)
class Instance:
    """A server, with everything that decides where it may run."""

    uuid: str
    name: str
    host: str | None  # None: not on any host (shelved offloaded, building, in error before scheduling)
    project: str = ""
    status: str = "ACTIVE"  # Nova's API status
    task_state: str | None = None
    power_state: int = 1  # Nova's number: 1 running, 4 shut down
    locked: bool = False
    flavor: str = ""
    resources: Amounts = EMPTY  # what one such instance allocates in Placement
    extra_specs: Mapping[str, str] = EMPTY
    metadata: Mapping[str, str] = EMPTY
    tags: tuple[str, ...] = ()
    created: str = ""
    pinned_az: str | None = None
    scheduler_hints: Mapping[str, Any] = EMPTY
    image_properties: Mapping[str, Any] = EMPTY
    server_group: str | None = None
    volumes: tuple[str, ...] = ()
    boot_from_volume: bool = False


@dataclass(frozen=True, slots=True)
class Flavor:
    """A size on offer. A server keeps its own as it was booted, whatever becomes of the one on offer."""

    id: str
    name: str  # Nova lets no two have the same
    vcpus: int
    ram: int  # MiB
    disk: int  # GiB
    ephemeral: int = 0  # GiB
    swap: int = 0  # MiB
    extra_specs: Mapping[str, str] = EMPTY


@dataclass(frozen=True, slots=True)
class Aggregate:
    id: str
    name: str
    hosts: tuple[str, ...] = ()
    metadata: Mapping[str, str] = EMPTY


@dataclass(frozen=True, slots=True)
class ServerGroup:
    """A Nova server group; members that no longer exist are dropped by the collector."""

    uuid: str
    name: str
    policy: str  # affinity | anti-affinity | soft-affinity | soft-anti-affinity
    members: tuple[str, ...] = ()
    max_server_per_host: int = 1  # anti-affinity only


def plus(a: Amounts, b: Amounts) -> FrozenDict:
    return FrozenDict({k: a.get(k, 0) + b.get(k, 0) for k in sorted({*a, *b})})


def total(amounts: Iterable[Amounts]) -> FrozenDict:
    out: dict[str, int] = {}
    for one in amounts:
        for k, v in one.items():
            out[k] = out.get(k, 0) + v
    return FrozenDict(sorted(out.items()))


@dataclass(frozen=True)
class Cluster:
    """An immutable picture of one cloud at one time.

    `hosts`, `instances`, `aggregates`, `groups` and `flavors` are keyed by name or uuid and sorted by it, so
    that every walk over them has one order. Raises KeyError for an unknown host or instance.
    """

    cloud: str
    collected_at: str  # RFC 3339, UTC
    hosts: Mapping[str, Host]
    instances: Mapping[str, Instance]
    aggregates: Mapping[str, Aggregate] = EMPTY
    groups: Mapping[str, ServerGroup] = EMPTY
    microversions: Mapping[str, str] = EMPTY
    notes: tuple[str, ...] = field(default=())  # what the collector saw and explained
    flavors: Mapping[str, Flavor] = EMPTY  # on offer, by name; none where only a part was collected

    @cached_property
    def _by_host(self) -> Mapping[str, tuple[Instance, ...]]:
        out: dict[str, list[Instance]] = {name: [] for name in self.hosts}
        for instance in self.instances.values():
            if instance.host is not None:
                out.setdefault(instance.host, []).append(instance)
        return {name: tuple(found) for name, found in out.items()}

    @cached_property
    def _aggregates_of(self) -> Mapping[str, tuple[Aggregate, ...]]:
        out: dict[str, list[Aggregate]] = {}
        for aggregate in self.aggregates.values():
            for name in aggregate.hosts:
                out.setdefault(name, []).append(aggregate)
        return {name: tuple(found) for name, found in out.items()}

    def on(self, host: str) -> tuple[Instance, ...]:
        """The instances on a host, by uuid."""
        return self._by_host.get(host, ())

    def aggregates_of(self, host: str) -> tuple[Aggregate, ...]:
        return self._aggregates_of.get(host, ())

    def used(self, host: str) -> FrozenDict:
        """Allocated on a host: its instances and whatever else Placement counts there."""
        return total([*(i.resources for i in self.on(host)), self.hosts[host].claimed])

    def free(self, host: str) -> FrozenDict:
        """Capacity less use, per resource class of the host's root provider; negative when overcommitted."""
        used = self.used(host)
        return FrozenDict({k: v.capacity - used.get(k, 0) for k, v in self.hosts[host].inventory.items()})

    def moved(self, instance: str, host: str | None, **changes: Any) -> Cluster:
        """The same cloud with one instance elsewhere (and, if given, other fields changed)."""
        after = replace(self.instances[instance], host=host, **changes)
        return replace(self, instances=FrozenDict({**self.instances, instance: after}))

    def with_host(self, name: str, **changes: Any) -> Cluster:
        """The same cloud with some fields of one host changed."""
        return replace(self, hosts=FrozenDict({**self.hosts, name: replace(self.hosts[name], **changes)}))

    @cached_property
    def fingerprint(self) -> str:
        """Digest of everything but the time of collection and the notes: equal pictures, equal digests."""
        document = to_document(self)
        return digest({k: v for k, v in document.items() if k not in ("collected_at", "notes")})


def _plain(value: Any) -> dict[str, Any]:
    """The fields that differ from their defaults, so that a snapshot says only what is particular."""
    out: dict[str, Any] = {}
    for name, spec in value.__dataclass_fields__.items():
        item = getattr(value, name)
        if item == spec.default:
            continue
        out[name] = _jsonable(item)
    return out


def _jsonable(item: Any) -> Any:
    if hasattr(item, "__dataclass_fields__"):
        return _plain(item)
    if isinstance(item, Mapping):
        return {k: _jsonable(v) for k, v in item.items()}
    if isinstance(item, tuple):
        return [_jsonable(v) for v in item]
    return thaw(item)


def to_document(cluster: Cluster) -> dict[str, Any]:
    """The Snapshot document of a cluster (see documents/snapshot.yaml)."""
    flavors = [_plain(f) for f in cluster.flavors.values()]
    return {
        "ballast": "v1",
        "kind": "Snapshot",
        "cloud": cluster.cloud,
        "collected_at": cluster.collected_at,
        "microversions": dict(cluster.microversions),
        "hosts": [_plain(h) for h in cluster.hosts.values()],
        "instances": [_plain(i) for i in cluster.instances.values()],
        "aggregates": [_plain(a) for a in cluster.aggregates.values()],
        "groups": [_plain(g) for g in cluster.groups.values()],
        **({"flavors": flavors} if flavors else {}),
        "notes": list(cluster.notes),
    }


def _amounts(row: dict[str, Any]) -> dict[str, Inventory]:
    return FrozenDict({k: Inventory(**v) for k, v in sorted(row.get("inventory", {}).items())})


def _host(row: dict[str, Any]) -> Host:
    providers = tuple(
        Provider(**{**p, "inventory": _amounts(p), "traits": tuple(sorted(p.get("traits", ())))})
        for p in row.get("providers", ())
    )
    return Host(
        **{
            **row,
            "inventory": _amounts(row),
            "traits": tuple(sorted(row.get("traits", ()))),
            "claimed": FrozenDict(row.get("claimed", {})),
            "providers": providers,
        }
    )


_INSTANCE_MAPS = ("resources", "extra_specs", "metadata", "scheduler_hints", "image_properties")


def _instance(row: dict[str, Any]) -> Instance:
    fixed: dict[str, Any] = {k: FrozenDict(row[k]) for k in _INSTANCE_MAPS if k in row}
    fixed |= {k: tuple(sorted(row[k])) for k in ("tags", "volumes") if k in row}
    return Instance(**{"host": None, **row, **fixed})


def build(
    cloud: str,
    collected_at: str,
    hosts: Iterable[Host],
    instances: Iterable[Instance],
    aggregates: Iterable[Aggregate] = (),
    groups: Iterable[ServerGroup] = (),
    microversions: Mapping[str, str] = EMPTY,
    notes: Iterable[str] = (),
    flavors: Iterable[Flavor] = (),
) -> Cluster:
    """A cluster from its parts in any order."""
    return Cluster(
        cloud,
        collected_at,
        FrozenDict({h.name: h for h in sorted(hosts, key=lambda h: h.name)}),
        FrozenDict({i.uuid: i for i in sorted(instances, key=lambda i: i.uuid)}),
        FrozenDict({a.id: a for a in sorted(aggregates, key=lambda a: a.id)}),
        FrozenDict({g.uuid: g for g in sorted(groups, key=lambda g: g.uuid)}),
        FrozenDict(sorted(microversions.items())),
        tuple(sorted(notes)),
        FrozenDict({f.name: f for f in sorted(flavors, key=lambda f: f.name)}),
    )


def from_document(document: Mapping[str, Any]) -> Cluster:
    """The cluster of a Snapshot document that was validated against its schema."""
    return build(
        document["cloud"],
        document["collected_at"],
        [_host(dict(r)) for r in document["hosts"]],
        [_instance(dict(r)) for r in document["instances"]],
        [
            Aggregate(
                r["id"], r["name"], tuple(sorted(r.get("hosts", ()))), FrozenDict(r.get("metadata", {}))
            )
            for r in document.get("aggregates", ())
        ],
        [
            ServerGroup(**{**r, "members": tuple(sorted(r.get("members", ())))})
            for r in document.get("groups", ())
        ],
        document.get("microversions", {}),
        document.get("notes", ()),
        [
            Flavor(**{**r, "extra_specs": FrozenDict(r.get("extra_specs", {}))})
            for r in document.get("flavors", ())
        ],
    )
