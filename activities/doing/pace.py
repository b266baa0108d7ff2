"""How long a server is expected to be on its way, and what that costs. Pure."""

from __future__ import annotations

from plan_schemas.model import Instance

_BASE, REWRITTEN, _RATE = 6.0, 1.3, 1250.0  # seconds; share of memory sent again; MB per second


def seconds(memory_mb: int) -> float:
    return _BASE + REWRITTEN * memory_mb / _RATE


def cold_costs(one: Instance) -> dict[str, float]:
    """Of a server that is off while it moves. A shared disk is not copied; the model cannot tell it from a
    local one, so this is the most.
    """
    disk = 0 if one.boot_from_volume else one.resources.get("DISK_GB", 0) * 2**30
    takes = seconds(one.resources.get("MEMORY_MB", 0))
    return {"copy_bytes": disk, "downtime_seconds": round(takes, 3) if one.status == "ACTIVE" else 0.0}
