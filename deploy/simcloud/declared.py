"""From a declaration to a cloud; whatever does not fit is one sentence that names the place."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from deploy.simcloud import build
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.declaration import Declaration, Faults
from deploy.simcloud.entities import Quota
from deploy.simcloud.faults import ApiFault, MigrationFault
from deploy.simcloud.generate import generate
from deploy.simcloud.ids import named_hex
from deploy.simcloud.settings import Settings


class Invalid(Exception):
    """The declaration says something that cannot be."""


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


def _settings(given: dict[str, float | str]) -> Settings:
    settings = Settings()
    for name, value in given.items():
        if not hasattr(settings, name):
            raise Invalid(f"settings.{name}: no such setting")
        wanted = type(getattr(settings, name))
        try:
            setattr(settings, name, wanted(value))
        except ValueError:
            raise Invalid(f"settings.{name}: {value!r} is no {wanted.__name__}") from None
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
        fields = server.model_dump(exclude={"name", "count", "flavor", "host", "group", "load"})
        if server.load is not None:
            fields["load"] = (server.load.cpu, server.load.ram, server.load.swing, server.load.period)
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


def _add_faults(cloud: Cloud, faults: Faults) -> None:
    uuids = {instance.name: instance.uuid for instance in cloud.instances.values()}
    planted: list[ApiFault | MigrationFault] = [*faults.api, *faults.migration]
    for fault in planted:
        if fault.instance is not None:
            fault.instance = uuids.get(fault.instance, fault.instance)
        cloud.faults.plant(fault)
    for trouble in faults.metric:
        cloud.faults.plant(trouble)
