"""What is measured of a random cloud: some hosts hot, some idle, and every number one that can be believed.

It hangs on the cloud alone, so that a case is still a cloud and an audit: what an instance uses is told by
its uuid, and how hot a host is by its name and by how many instances there are.
"""

from __future__ import annotations

from typing import Any
from zlib import crc32

from activities.metrics import subjects
from plan_schemas.catalog import load
from plan_schemas.frozen import FrozenDict, freeze
from plan_schemas.model import Cluster, Host, Instance, to_document
from plan_schemas.usage import Course, Usage
from plan_schemas.usage import to_document as of_usage

WINDOW, WINDOWS = 300.0, 6  # of what is told of the last while
SPIKES = (0, 0, 0, 1, 4)  # so many windows ago all that a host bears began
HEATS = (0.02, 0.08, 0.08, 0.15, 0.5)  # share of what the instances of a host may use


def used(cluster: Cluster) -> Usage:
    """Every metric of the catalogue, of all that can be measured."""
    heats = {h: HEATS[_draw(h, len(cluster.instances)) % len(HEATS)] for h in cluster.hosts}
    values = {
        name: {s: _value(name, s, cluster, heats) for s in sorted(subjects.measured(metric, cluster))}
        for name, metric in load().metrics.items()
    }
    courses = {name: _course(of, cluster) for name, of in values.items() if name.startswith("instance_")}
    return Usage(freeze(values), at=cluster.collected_at, source="random", courses=FrozenDict(courses))


def measured(cluster: Cluster) -> dict[str, Any]:
    """The Snapshot document with what is used."""
    return {**to_document(cluster), "usage": of_usage(used(cluster))}


def _course(values: dict[str, float], cluster: Cluster) -> Course:
    """What was used all the time, but for hosts whose load began a while ago."""
    courses = {}
    for uuid, value in values.items():
        idle = WINDOWS - (SPIKES[_draw(str(cluster.instances[uuid].host), 7) % len(SPIKES)] or WINDOWS)
        courses[uuid] = (*[value / 10] * idle, *[value] * (WINDOWS - idle))
    return Course(WINDOW, FrozenDict(courses))


def _value(metric: str, subject: str, cluster: Cluster, heats: dict[str, float]) -> float:
    """By what the instances use of their vcpus and memory, which a host bears on its cores and memory."""
    share, name = metric.startswith("instance_"), "VCPU" if metric.endswith("cpu_usage") else "MEMORY_MB"
    if share:
        one = cluster.instances[subject]
        part = _part(one, name, heats)
        return round(100 * part, 2) if name == "VCPU" else round(part * one.resources.get(name, 0), 1)
    host = cluster.hosts[subject]
    has = _has(host, name)
    held = sum(_part(i, name, heats) * i.resources.get(name, 0) for i in cluster.on(subject))
    bears = min(held, has)
    return round(100 * bears / has, 2) if name == "VCPU" and has else round(bears, 1)


def _part(one: Instance, name: str, heats: dict[str, float]) -> float:
    """Of what it was given; what is switched off uses nothing."""
    if one.power_state != 1:
        return 0.0
    return min(1.0, heats.get(str(one.host), 0.3) * (0.4 + _draw(one.uuid, len(name)) % 100 / 80))


def _has(host: Host, name: str) -> float:
    return float(host.inventory[name].total) if name in host.inventory else 0.0


def _draw(word: str, salt: int) -> int:
    return crc32(f"{word}/{salt}".encode()) >> 4
