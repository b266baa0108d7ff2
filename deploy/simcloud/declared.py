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
         project: demo, metadata: {}, tags: [], from_volume: false, live_seconds: 2, count: 1}
    faults: {api: [...], migration: [...]}    # fields of faults.ApiFault, MigrationFault; instance: or a name
    down_cells: [cell2]

or `generate: {hosts: 12, seed: 7}` in place of hosts, flavors, groups and servers.
"""

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deploy.simcloud import build
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import Quota
from deploy.simcloud.faults import ApiFault, MigrationFault
from deploy.simcloud.generate import generate
from deploy.simcloud.ids import named_hex
from deploy.simcloud.settings import Settings


class Invalid(Exception):
    """The declaration says something that cannot be."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Host(_Strict):
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


class _Aggregate(_Strict):
    name: str
    metadata: dict[str, str] = Field(default_factory=dict)
    hosts: list[str] = Field(default_factory=list)


class _Flavor(_Strict):
    name: str
    vcpus: int
    memory_mb: int
    disk_gb: int = 20
    ephemeral_gb: int = 0
    swap_mb: int = 0
    extra_specs: dict[str, str] = Field(default_factory=dict)


class _Group(_Strict):
    name: str
    policy: Literal["affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"]
    max_server_per_host: int | None = None
    project: str = "demo"


class _Server(_Strict):
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
    live_seconds: float | None = None
    cold_seconds: float | None = None


class _User(_Strict):
    name: str
    project: str = "admin"
    roles: list[str] = Field(default_factory=lambda: ["member"])


class _Quota(_Strict):
    instances: int = -1
    cores: int = -1
    ram: int = -1


class _Generate(_Strict):
    hosts: int = Field(ge=1)
    seed: int = 0
    zones: int = Field(default=3, ge=1)
    fill: tuple[float, float] = (0.35, 0.75)


class _Faults(_Strict):
    api: list[ApiFault] = Field(default_factory=list)
    migration: list[MigrationFault] = Field(default_factory=list)


class Declaration(_Strict):
    """The whole file."""

    name: str = "declared"
    seed: int = 0
    settings: dict[str, float] = Field(default_factory=dict)
    service_roles: list[str] = Field(default_factory=lambda: ["admin"])
    users: list[_User] = Field(default_factory=list)
    quotas: dict[str, _Quota] = Field(default_factory=dict)
    hosts: list[_Host] = Field(default_factory=list)
    aggregates: list[_Aggregate] = Field(default_factory=list)
    flavors: list[_Flavor] = Field(default_factory=list)
    groups: list[_Group] = Field(default_factory=list)
    servers: list[_Server] = Field(default_factory=list)
    generate: _Generate | None = None
    down_cells: list[str] = Field(default_factory=list)
    faults: _Faults = Field(default_factory=_Faults)


def load(path: Path) -> Cloud:
    """The cloud of a file."""
    try:
        return declare(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except (OSError, yaml.YAMLError, Invalid) as problem:
        text = " ".join(str(problem).split())
        raise Invalid(f"{path}: {text}") from problem


def declare(document: Any) -> Cloud:
    """The cloud of a parsed document."""
    try:
        declaration = Declaration.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise Invalid(f"{where}: {first['msg']}") from error
    cloud = _begin(declaration)
    for user in declaration.users:
        cloud.identity.add_user(user.name, project=user.project, roles=tuple(user.roles))
    _add_hosts(cloud, declaration)
    _add_servers(cloud, declaration)
    for project, quota in declaration.quotas.items():
        cloud.quotas[cloud.identity.add_project(project)] = Quota(quota.instances, quota.cores, quota.ram)
    _add_faults(cloud, declaration.faults)
    for cell in declaration.down_cells:
        _known("down_cells", cell, "cell", cell, {host.cell for host in cloud.hosts.values()})
        cloud.down_cells.add(cell)
    return cloud


def _begin(declaration: Declaration) -> Cloud:
    settings, roles = _settings(declaration.settings), tuple(declaration.service_roles)
    wanted = declaration.generate
    if wanted is None:
        return Cloud(declaration.name, seed=declaration.seed, settings=settings, service_roles=roles)
    if declaration.hosts or declaration.servers or declaration.groups or declaration.flavors:
        raise Invalid("generate: leave out hosts, flavors, groups and servers, which are generated")
    return generate(
        wanted.hosts,
        wanted.seed,
        zones=wanted.zones,
        fill=wanted.fill,
        settings=settings,
        service_roles=roles,
    )


def _settings(given: dict[str, float]) -> Settings:
    settings = Settings()
    for name, value in given.items():
        if not hasattr(settings, name):
            raise Invalid(f"settings.{name}: no such setting")
        setattr(settings, name, type(getattr(settings, name))(value))
    return settings


def _names(name: str, count: int | None) -> list[str]:
    return [name] if count is None else [f"{name}-{index}" for index in range(1, count + 1)]


def _add_hosts(cloud: Cloud, declaration: Declaration) -> None:
    for row in declaration.hosts:
        fields = row.model_dump(exclude={"name", "count"})
        for name in _names(row.name, row.count):
            if name in cloud.hosts:
                raise Invalid(f"hosts: two are named {name}")
            build.add_host(cloud, name, reported_down=not row.alive, **fields)
    if declaration.hosts:
        build.add_zones(cloud)
    for aggregate in declaration.aggregates:
        for host in aggregate.hosts:
            _known("aggregates", aggregate.name, "host", host, cloud.hosts)
        cloud.add_aggregate(aggregate.name, aggregate.metadata, aggregate.hosts)


def _add_servers(cloud: Cloud, declaration: Declaration) -> None:
    for row in declaration.flavors:
        build.add_flavor(cloud, **row.model_dump())
    groups = {
        group.name: build.add_group(
            cloud,
            group.name,
            group.policy,
            project=group.project,
            max_server_per_host=group.max_server_per_host,
        )
        for group in declaration.groups
    }
    for server in declaration.servers:
        _known("servers", server.name, "host", server.host, cloud.hosts)
        _known("servers", server.name, "flavor", server.flavor, cloud.flavors)
        if server.group is not None:
            _known("servers", server.name, "group", server.group, groups)
        fields = server.model_dump(exclude={"name", "count", "flavor", "host", "group"})
        for name in _names(server.name, server.count):
            group = groups[server.group].uuid if server.group is not None else None
            volumes = [cloud.ids.uuid()] if server.from_volume else []
            image = "" if server.from_volume else named_hex("image", "cirros")
            flavor = cloud.flavors[server.flavor]
            build.add_server(
                cloud, name, flavor, server.host, group=group, volumes=volumes, image=image, **fields
            )


def _known(kind: str, name: str, field: str, wanted: str, table: Any) -> None:
    if wanted not in table:
        raise Invalid(f"{kind}.{name}.{field}: there is no {field} named {wanted}")


def _add_faults(cloud: Cloud, faults: _Faults) -> None:
    uuids = {instance.name: instance.uuid for instance in cloud.instances.values()}
    planted: list[ApiFault | MigrationFault] = [*faults.api, *faults.migration]
    for fault in planted:
        if fault.instance is not None:
            fault.instance = uuids.get(fault.instance, fault.instance)
        cloud.faults.plant(fault)
