"""What the libvirt exporter and the node exporter of one host tell of it and its guests, as text that a real
Prometheus scrapes. Names and labels are those of plan_schemas/datasources/libvirt.yaml."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from deploy.simcloud.load import HOST_MEMORY, IDLE_HOST, Curve

Row = tuple[str, dict[str, str], float]


@dataclass(frozen=True, slots=True)
class Guest:
    """One that runs."""

    uuid: str
    name: str
    domain: str
    vcpus: int
    cpu: Curve  # percent of its vcpus
    memory: float  # bytes in use

    def cores(self, begin: float, end: float) -> float:
        return self.cpu.over(begin, end) / 100 * self.vcpus


@dataclass(frozen=True, slots=True)
class Machine:
    """A host with whom it carries."""

    cores: int
    memory: float  # bytes
    guests: tuple[Guest, ...]

    def busy(self, begin: float, end: float) -> float:
        """Cores that were busy on the mean: those of its guests, and a few for itself."""
        return min(self.cores, IDLE_HOST * self.cores + sum(g.cores(begin, end) for g in self.guests))

    def used(self) -> float:
        """Bytes in use, likewise."""
        return min(self.memory, HOST_MEMORY + sum(g.memory for g in self.guests))


def text(machine: Machine, now: float) -> str:
    return "".join(_line(*row) for row in rows(machine, now))


def rows(machine: Machine, now: float) -> Iterator[Row]:
    """Counters are integrals of the load curves since time began; they never fall at rest."""
    busy = IDLE_HOST * machine.cores * now
    for guest in machine.guests:
        domain = {"domain": guest.domain}
        used = guest.cpu.integral(now) / 100 * guest.vcpus
        busy += used
        yield "libvirt_domain_info_meta", {**domain, "uuid": guest.uuid, "instance_name": guest.name}, 1.0
        yield "libvirt_domain_info_cpu_time_seconds_total", domain, used
        yield "libvirt_domain_info_virtual_cpus", domain, float(guest.vcpus)
        yield "libvirt_domain_memory_stats_rss_bytes", domain, guest.memory
    for core in range(machine.cores):
        yield "node_cpu_seconds_total", {"cpu": str(core), "mode": "idle"}, now - busy / machine.cores
        yield "node_cpu_seconds_total", {"cpu": str(core), "mode": "user"}, busy / machine.cores
    yield "node_memory_MemTotal_bytes", {}, machine.memory
    yield "node_memory_MemAvailable_bytes", {}, machine.memory - machine.used()


def truth(machines: Iterable[tuple[str, Machine]], begin: float, end: float) -> dict[str, dict[str, float]]:
    """What is used of every subject over a time, by the names and in the units of plan_schemas/metrics."""
    known = dict(machines)
    guests = [guest for machine in known.values() for guest in machine.guests]
    return {
        "instance_cpu_usage": {g.uuid: g.cpu.over(begin, end) for g in guests},
        "instance_ram_usage": {g.uuid: g.memory / 2**20 for g in guests},
        "host_cpu_usage": {name: 100 * m.busy(begin, end) / m.cores for name, m in known.items()},
        "host_ram_usage": {name: m.used() / 2**20 for name, m in known.items()},
    }


def _line(name: str, labels: dict[str, str], value: float) -> str:
    told = ",".join(f'{k}="{_escaped(v)}"' for k, v in labels.items())
    return f"{name}{{{told}}} {value!r}\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
