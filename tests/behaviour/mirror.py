"""The devcloud declared for the simulator, from the devcloud's own modules: the two cannot drift apart."""

from __future__ import annotations

from typing import Any

from deploy.devcloud import hosts, seed

SPEED = 8.0  # simulated seconds per second: the simulator need not wait for anybody
TENANT = "tenant"  # a plain member of the administrators' project: sees the servers, may not migrate them


def declaration(computes: int) -> dict[str, Any]:
    """The same hosts, zones, aggregates and flavors, and moves that take as long."""
    declared = hosts.declared(computes)
    return {
        "name": "like the devcloud",
        "settings": _pace(),
        "users": [{"name": TENANT, "project": "admin", "roles": ["member"]}],
        "hosts": [_host(host) for host in declared],
        "aggregates": [
            {
                "name": "fast",
                "metadata": {"disk": "fast"},
                "hosts": [host.name for host in declared if host.ssd],
            }
        ],
        "flavors": [
            {"name": name, "vcpus": vcpus, "memory_mb": memory, "disk_gb": disk, "extra_specs": specs}
            for name, (vcpus, memory, disk, specs) in seed.FLAVORS.items()
        ],
    }


def _pace() -> dict[str, float]:
    given = hosts.DEFAULT
    return {
        "live_base": given["live_seconds"],
        "live_factor": 1.0,
        "live_rate_mb": 1024 / given["live_seconds_per_gib"],
        "cold_base": given["cold_seconds"],
        "cold_rate_mb": 1024 / given["cold_seconds_per_gib"],
    }


def _host(host: hosts.Host) -> dict[str, Any]:
    return {
        "name": host.name,
        "zone": host.zone,
        "vcpus": host.vcpus,
        "memory_mb": host.memory_mb,
        "disk_gb": host.disk_gb,
        "traits": list(host.traits),
    }
