"""/metrics/<host>: what the libvirt exporter and the node exporter of a host would tell, as a real Prometheus
scrapes it. Names and labels are those of plan_schemas/datasources/libvirt.yaml."""

from collections.abc import Iterator

from deploy.simcloud import load
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import MEMORY, VCPU, Host
from deploy.simcloud.http import Request, Response

PREFIX = "/metrics"
Row = tuple[str, dict[str, str], float]


def handle(cloud: Cloud, request: Request) -> Response:
    host = cloud.hosts.get(request.path[len(PREFIX) :].strip("/"))
    if host is None or not host.alive:
        return Response(404, {"error": "no such host lives here"})
    return Response(200, text="".join(_line(*row) for row in rows(cloud, host)))


def rows(cloud: Cloud, host: Host) -> Iterator[Row]:
    """Counters are integrals of the load curves since the cloud's time began; they never fall at rest."""
    busy = load.IDLE_HOST * host.inventories[VCPU].total * cloud.now
    for server in load.running(cloud, host):
        domain = {"domain": server.domain}
        used = load.of(cloud, server).cpu.integral(cloud.now) / 100 * server.flavor.vcpus
        busy += used
        yield "libvirt_domain_info_meta", {**domain, "uuid": server.uuid, "instance_name": server.name}, 1.0
        yield "libvirt_domain_info_cpu_time_seconds_total", domain, used
        yield "libvirt_domain_info_virtual_cpus", domain, float(server.flavor.vcpus)
        yield "libvirt_domain_memory_stats_rss_bytes", domain, load.memory(cloud, server)
    cores, total = host.inventories[VCPU].total, host.inventories[MEMORY].total * load.MIB
    for core in range(cores):
        idle = cloud.now - busy / cores
        yield "node_cpu_seconds_total", {"cpu": str(core), "mode": "idle"}, idle
        yield "node_cpu_seconds_total", {"cpu": str(core), "mode": "user"}, busy / cores
    yield "node_memory_MemTotal_bytes", {}, float(total)
    yield "node_memory_MemAvailable_bytes", {}, total - load.host_memory(cloud, host)


def _line(name: str, labels: dict[str, str], value: float) -> str:
    told = ",".join(f'{k}="{_escaped(v)}"' for k, v in labels.items())
    return f"{name}{{{told}}} {value!r}\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
