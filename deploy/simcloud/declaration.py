"""Clouds declared in YAML, strictly: an unknown key or a name that leads nowhere is an error of one line.

    name: three hosts                  # everything but hosts may be left out
    seed: 7
    settings: {record_delay: 0.3}      # any field of settings.Settings
    service_roles: [admin]             # what the service user "ballast" may do
    users: [{name: ops, project: admin, roles: [reader]}]
    quotas: {demo: {instances: 10, cores: 20, ram: -1}}
    hosts:
      - name: cmp-1
        zone: az1                      # default "nova"
        vcpus: 32                      # and memory_mb, disk_gb, *_ratio, reserved_*
        traits: [CUSTOM_NVME]
        enabled: false                 # with disabled_reason
        alive: false                   # a dead host
        cell: cell1
        live_seconds: 2                # how long moves off this host take; cold_seconds likewise
      - {name: cmp, count: 3}          # cmp-1, cmp-2, cmp-3
    aggregates: [{name: fast, metadata: {ssd: "true"}, hosts: [cmp-1]}]
    flavors: [{name: m1, vcpus: 2, memory_mb: 4096, disk_gb: 20, extra_specs: {"trait:CUSTOM_X": required}}]
    groups: [{name: ha, policy: anti-affinity, max_server_per_host: 1, project: demo}]
    servers:
      - {name: web, flavor: m1, host: cmp-1, group: ha, stopped: false, locked: false, pinned_zone: az1,
         project: demo, metadata: {}, tags: [], from_volume: false, live_seconds: 2, count: 1,
         load: {cpu: 35, ram: 60, swing: 10, period: 3600}}    # percent; drawn by the seed when left out
    faults: {api: [...], migration: [...], metric: [...]}    # fields of faults.ApiFault and so on
    down_cells: [cell2]

or `generate: {hosts: 12, seed: 7}` in place of hosts, flavors, groups and servers.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from deploy.simcloud.faults import ApiFault, MetricFault, MigrationFault


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Host(Strict):
    name: str
    count: int | None = Field(default=None, ge=1)
    zone: str | None = None
    cell: str = "cell1"
    vcpus: int = 32
    memory_mb: int = 196_608
    disk_gb: int = 4000
    vcpu_ratio: float = 4.0
    memory_ratio: float = 1.0
    disk_ratio: float = 1.0
    reserved_vcpus: int = 0
    reserved_memory_mb: int = 512
    reserved_disk_gb: int = 0
    traits: set[str] = Field(default_factory=set)
    enabled: bool = True
    disabled_reason: str | None = None
    alive: bool = True
    forced_down: bool = False
    live_seconds: float | None = None
    cold_seconds: float | None = None


class Aggregate(Strict):
    name: str
    metadata: dict[str, str] = Field(default_factory=dict)
    hosts: list[str] = Field(default_factory=list)


class Flavor(Strict):
    name: str
    vcpus: int
    memory_mb: int
    disk_gb: int = 20
    ephemeral_gb: int = 0
    swap_mb: int = 0
    extra_specs: dict[str, str] = Field(default_factory=dict)


class Group(Strict):
    name: str
    policy: Literal["affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"]
    max_server_per_host: int | None = None
    project: str = "demo"


class Load(Strict):
    cpu: float = Field(ge=0, le=100)
    ram: float = Field(default=50.0, ge=0, le=100)
    swing: float = Field(default=0.0, ge=0, le=50)
    period: float = Field(default=86_400.0, gt=0)


class Server(Strict):
    name: str
    flavor: str
    host: str
    count: int | None = Field(default=None, ge=1)
    project: str = "demo"
    group: str | None = None
    stopped: bool = False
    locked: bool = False
    pinned_zone: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    tags: list[str] = Field(default_factory=list)
    from_volume: bool = False
    load: Load | None = None
    live_seconds: float | None = None
    cold_seconds: float | None = None


class User(Strict):
    name: str
    project: str = "admin"
    roles: list[str] = Field(default_factory=lambda: ["member"])


class Quota(Strict):
    instances: int = -1
    cores: int = -1
    ram: int = -1


class Generate(Strict):
    hosts: int = Field(ge=1)
    seed: int = 0
    zones: int = Field(default=3, ge=1)
    fill: tuple[float, float] = (0.35, 0.75)


class Faults(Strict):
    api: list[ApiFault] = Field(default_factory=list)
    migration: list[MigrationFault] = Field(default_factory=list)
    metric: list[MetricFault] = Field(default_factory=list)


class Declaration(Strict):
    """The whole file."""

    name: str = "declared"
    seed: int = 0
    settings: dict[str, float | str] = Field(default_factory=dict)
    service_roles: list[str] = Field(default_factory=lambda: ["admin"])
    users: list[User] = Field(default_factory=list)
    quotas: dict[str, Quota] = Field(default_factory=dict)
    hosts: list[Host] = Field(default_factory=list)
    aggregates: list[Aggregate] = Field(default_factory=list)
    flavors: list[Flavor] = Field(default_factory=list)
    groups: list[Group] = Field(default_factory=list)
    servers: list[Server] = Field(default_factory=list)
    generate: Generate | None = None
    down_cells: list[str] = Field(default_factory=list)
    faults: Faults = Field(default_factory=Faults)
