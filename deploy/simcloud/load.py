"""How busy servers and hosts are: declared, or drawn by the cloud's seed; a function of its time alone."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import MEMORY, RUNNING, VCPU, Host, Instance

DAY = 86_400.0
IDLE_HOST = 0.015  # of its cores, for the host itself
HOST_MEMORY = 2 * 2**30  # bytes, likewise
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Curve:
    """Percent of what the server has: a mean, and a swing around it."""

    mean: float
    swing: float = 0.0
    period: float = DAY
    phase: float = 0.0  # of a turn

    def at(self, second: float) -> float:
        return self.mean + self.swing * math.sin(self._turn(second))

    def over(self, begin: float, end: float) -> float:
        """The mean between two moments."""
        if end <= begin:
            return self.at(end)
        return (self.integral(end) - self.integral(begin)) / (end - begin)

    def integral(self, second: float) -> float:
        """From the start of the cloud's time; never falls."""
        turns = math.cos(self._turn(0)) - math.cos(self._turn(second))
        return self.mean * second + self.swing * self.period / math.tau * turns

    def _turn(self, second: float) -> float:
        return math.tau * (second / self.period + self.phase)


@dataclass(frozen=True, slots=True)
class Load:
    """Of one server."""

    cpu: Curve  # percent of its cores
    ram: float  # percent of its memory


def of(cloud: Cloud, server: Instance) -> Load:
    """What was declared, or a draw that depends on nothing but the cloud's seed and the server."""
    if server.load is not None:
        cpu, ram, swing, period = server.load
        return Load(Curve(cpu, min(swing, cpu, 100 - cpu), period), ram)
    return drawn(cloud.seed, server.uuid)


def drawn(seed: int, uuid: str) -> Load:
    """That of a server of which nothing was declared, in whatever cloud."""
    draw = random.Random(f"{seed}/{uuid}")
    mean = round(100 * draw.betavariate(0.8, 3.2), 2)
    swing = round(min(mean, 100 - mean) * draw.uniform(0, 0.4), 2)
    return Load(Curve(mean, swing, DAY, draw.random()), round(100 * draw.uniform(0.2, 0.8), 2))


def running(cloud: Cloud, host: Host | None = None) -> Iterator[Instance]:
    """The servers that use anything: on a host that lives, and switched on."""
    chosen = cloud.instances if host is None else cloud.on_host[host.name]
    for uuid in chosen:
        server = cloud.instances[uuid]
        if server.power_state == RUNNING and server.host is not None and cloud.hosts[server.host].alive:
            yield server


def memory(cloud: Cloud, server: Instance) -> float:
    """Bytes in use."""
    return of(cloud, server).ram / 100 * server.flavor.memory_mb * MIB


def host_cores(cloud: Cloud, host: Host, begin: float, end: float) -> float:
    """Cores that were busy on the mean."""
    cores = host.inventories[VCPU].total
    busy = sum(of(cloud, s).cpu.over(begin, end) / 100 * s.flavor.vcpus for s in running(cloud, host))
    return min(cores, IDLE_HOST * cores + busy)


def host_memory(cloud: Cloud, host: Host) -> float:
    """Bytes in use."""
    total = host.inventories[MEMORY].total * MIB
    return min(total, HOST_MEMORY + sum(memory(cloud, s) for s in running(cloud, host)))
