"""The whole cloud as JSON, for judges that trust no API."""

from typing import Any

from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import Host, Instance, Migration
from deploy.simcloud.nova_server_view import status


def take(cloud: Cloud) -> dict[str, Any]:
    """Everything but the journal."""
    return {
        "name": cloud.name,
        "now": cloud.now,
        "moment": cloud.moment.isoformat(),
        "speed": cloud.speed,
        "hosts": {host.name: _host(cloud, host) for host in cloud.hosts.values()},
        "instances": {instance.uuid: _instance(instance) for instance in cloud.instances.values()},
        "where": cloud.where(),
        "migrations": [_migration(migration) for migration in cloud.migrations.values()],
        "groups": {
            group.uuid: {"policy": group.policy, "limit": group.limit, "members": list(group.members)}
            for group in cloud.groups.values()
        },
        "aggregates": {
            row.name: {"metadata": row.metadata, "hosts": row.hosts} for row in cloud.aggregates.values()
        },
        "allocations": cloud.books.by_consumer,
        "down_cells": sorted(cloud.down_cells),
        "churn": cloud.churn is not None,
        "faults": len(cloud.faults.api) + len(cloud.faults.migration),
    }


def _host(cloud: Cloud, host: Host) -> dict[str, Any]:
    return {
        "uuid": host.uuid,
        "service_uuid": host.service_uuid,
        "zone": host.zone,
        "cell": host.cell,
        "status": "enabled" if host.enabled else "disabled",
        "disabled_reason": host.disabled_reason,
        "state": "up" if host.up else "down",
        "forced_down": host.forced_down,
        "alive": host.alive,
        "traits": sorted(host.traits),
        "capacity": {name: inventory.capacity for name, inventory in host.inventories.items()},
        "used": dict(cloud.books.used(host.name)),
        "instances": len(cloud.on_host[host.name]),
    }


def _instance(instance: Instance) -> dict[str, Any]:
    return {
        "name": instance.name,
        "host": instance.host,
        "status": status(instance),
        "vm_state": instance.vm_state,
        "task_state": instance.task_state,
        "locked": instance.locked,
        "flavor": instance.flavor.name,
        "resources": instance.resources(),
        "project_id": instance.project_id,
        "group": instance.group,
        "pinned_zone": instance.pinned_zone,
        "metadata": instance.metadata,
        "tags": instance.tags,
    }


def _migration(migration: Migration) -> dict[str, Any]:
    return {
        "uuid": migration.uuid,
        "instance": migration.instance,
        "kind": migration.kind,
        "source": migration.source,
        "dest": migration.dest,
        "status": migration.status,
        "created": migration.created,
        "updated": migration.updated,
    }
