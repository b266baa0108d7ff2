"""What is known of a server before and after an action: in the model and in the cloud, in the same words."""

from __future__ import annotations

from typing import Any

from activities.door import Door, Gone
from activities.observe.nova import Server
from plan_schemas.model import Cluster


def in_model(cluster: Cluster, instance: str) -> dict[str, Any]:
    """Raises KeyError for an instance that is not there."""
    one = cluster.instances[instance]
    return {
        "host": one.host,
        "status": one.status,
        "task_state": one.task_state,
        "locked": one.locked,
        "flavor": one.flavor,
    }


def in_cloud(door: Door, instance: str) -> dict[str, Any] | None:
    """None when it is gone."""
    try:
        return of(door.server(instance))
    except Gone:
        return None


def of(server: Server) -> dict[str, Any]:
    return {
        "host": server.host,
        "status": server.status,
        "task_state": server.task_state,
        "locked": server.locked,
        "flavor": server.flavor.original_name if server.flavor else "",
    }
