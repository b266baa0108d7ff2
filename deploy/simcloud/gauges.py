"""The series that the cloud's Prometheus has (plan_schemas/datasources/gauges.yaml), with planted faults."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from deploy.simcloud import load
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import VCPU
from deploy.simcloud.faults import MetricFault

SCRAPED = 15.0  # seconds between samples
Value = Callable[[float, float], float]  # mean between two moments
Told = tuple[str, dict[str, str], Value, float]  # of whom, labels, and since when


@dataclass
class Series:
    name: str
    labels: dict[str, str]
    value: Value
    newest: float  # the moment of the newest sample


def series(cloud: Cloud, name: str, now: float) -> Iterator[Series]:
    """All of one name that had been scraped by then, the faults being those of today."""
    make = _KINDS.get(name)
    if make is None:
        return
    newest = now - now % SCRAPED
    faults = [f for f in cloud.faults.metric if f.metric in (None, name)]
    for subject, labels, value, born in make(cloud):
        if newest < born:
            continue
        one = Series(name, labels, value, newest)
        struck = [f for f in faults if f.subjects is None or {subject, *labels.values()} & set(f.subjects)]
        yield from _spoilt(one, struck)


def _spoilt(one: Series, faults: list[MetricFault]) -> Iterator[Series]:
    for fault in faults:
        plain = one.value
        match fault.effect:
            case "missing":
                return
            case "stale":
                one.newest -= fault.seconds
            case "not_a_number":
                one.value = lambda *_: math.nan
            case "times":
                one.value = lambda a, b, plain=plain, times=fault.times: plain(a, b) * times  # type: ignore[misc]
            case "duplicate":
                yield Series(one.name, {**one.labels, "replica": "b"}, plain, one.newest)
            case "unknown":
                yield Series(one.name, {k: f"not-{v}" for k, v in one.labels.items()}, plain, one.newest)
    yield one


def _instance_cpu(cloud: Cloud) -> Iterator[Told]:
    for server in load.running(cloud):
        yield server.name, {"uuid": server.uuid}, load.of(cloud, server).cpu.over, server.launched or 0.0


def _instance_ram(cloud: Cloud) -> Iterator[Told]:
    for server in load.running(cloud):
        used = load.memory(cloud, server)
        yield server.name, {"uuid": server.uuid}, lambda *_, used=used: used, server.launched or 0.0


def _host_cpu(cloud: Cloud) -> Iterator[Told]:
    for host in cloud.hosts.values():
        if host.alive:
            cores = host.inventories[VCPU].total

            def percent(begin: float, end: float, host=host, cores=cores) -> float:  # type: ignore[no-untyped-def]
                return float(100 * load.host_cores(cloud, host, begin, end) / cores)

            yield host.name, {"host": host.name}, percent, 0.0


def _host_ram(cloud: Cloud) -> Iterator[Told]:
    for host in cloud.hosts.values():
        if host.alive:
            used = load.host_memory(cloud, host)
            yield host.name, {"host": host.name}, lambda *_, used=used: used, 0.0


_KINDS = {
    "instance_cpu_usage_percent": _instance_cpu,
    "instance_ram_usage_bytes": _instance_ram,
    "host_cpu_usage_percent": _host_cpu,
    "host_ram_usage_bytes": _host_ram,
}
