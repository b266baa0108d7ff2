"""The hosts of the devcloud: what they are, by their number alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.devcloud.processes import DidNotStart

KINDS = (  # vCPU, GiB of memory, GB of disk
    (16, 64, 500),
    (32, 128, 1000),
    (64, 256, 2000),
)
ZONES = ("az-1", "az-2")
DEFAULT = {
    "live_seconds": 1.0,
    "live_seconds_per_gib": 0.5,
    "cold_seconds": 1.0,
    "cold_seconds_per_gib": 0.1,
}


@dataclass(frozen=True)
class Host:
    name: str
    zone: str
    vcpus: int
    memory_mb: int
    disk_gb: int
    traits: tuple[str, ...]

    @property
    def ssd(self) -> bool:
        return "CUSTOM_SSD" in self.traits


def declared(count: int) -> tuple[Host, ...]:
    """Sizes come round in threes and zones in twos, so that each zone has every size; half have an SSD."""
    return tuple(_host(index) for index in range(count))


def _host(index: int) -> Host:
    vcpus, memory, disk = KINDS[index % len(KINDS)]
    traits = (*(("CUSTOM_SSD",) if index % 4 < 2 else ()), *(("HW_CPU_X86_AVX2",) if vcpus > 16 else ()))
    return Host(
        f"cmp-{index + 1:03d}", ZONES[index % len(ZONES)], vcpus, memory * 1024, disk, tuple(sorted(traits))
    )


def write_knobs(path: Path, hosts: tuple[Host, ...]) -> None:
    """Add the hosts that the knobs file does not have; what someone has set stays."""
    try:
        known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    except ValueError as problem:
        raise DidNotStart(
            f"{path} is no JSON ({problem}); mend it, or remove it for the usual knobs"
        ) from problem
    wanted = {
        host.name: {
            "vcpus": host.vcpus,
            "memory_mb": host.memory_mb,
            "disk_gb": host.disk_gb,
            "traits": list(host.traits),
        }
        for host in hosts
    }
    document = {
        "default": known.get("default", DEFAULT),
        "hosts": {**wanted, **known.get("hosts", {})},
        "servers": known.get("servers", {}),
    }
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(document, indent=2) + "\n")
    draft.replace(path)
