"""What a solver must know of a cloud, as JSON: raw inventories and rules, nothing that Ballast reckoned."""

from __future__ import annotations

from typing import Any

from plan_schemas.model import Cluster, Host, Instance

Row = dict[str, Any]


def problem(cluster: Cluster) -> Row:
    """Clouds of tests/bench/clouds.py: zones, required traits and anti-affinity are all their rules."""
    return {
        "hosts": [_host(h) for h in cluster.hosts.values()],
        "instances": [_instance(i) for i in cluster.instances.values()],
        "apart": [list(g.members) for g in cluster.groups.values()],
    }


def _host(host: Host) -> Row:
    inventory = {
        name: {"total": one.total, "reserved": one.reserved, "ratio": one.allocation_ratio}
        for name, one in host.inventory.items()
    }
    return {"name": host.name, "zone": host.zone, "traits": list(host.traits), "inventory": inventory}


def _instance(one: Instance) -> Row:
    return {
        "uuid": one.uuid,
        "host": one.host,
        "zone": one.pinned_az,
        "traits": [
            key.removeprefix("trait:") for key, value in one.extra_specs.items() if value == "required"
        ],
        "needs": dict(one.resources),
    }
