"""/metrics/<host>: what the exporters of a host would tell, as a real Prometheus scrapes it."""

from deploy.simcloud import exposition, load
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import MEMORY, VCPU, Host
from deploy.simcloud.exposition import Guest, Machine
from deploy.simcloud.http import Request, Response

PREFIX = "/metrics"


def handle(cloud: Cloud, request: Request) -> Response:
    host = cloud.hosts.get(request.path[len(PREFIX) :].strip("/"))
    if host is None or not host.alive:
        return Response(404, {"error": "no such host lives here"})
    return Response(200, text=exposition.text(machine(cloud, host), cloud.now))


def machine(cloud: Cloud, host: Host) -> Machine:
    guests = tuple(
        Guest(
            server.uuid,
            server.name,
            server.domain,
            server.flavor.vcpus,
            load.of(cloud, server).cpu,
            load.memory(cloud, server),
        )
        for server in load.running(cloud, host)
    )
    offered = host.inventories
    return Machine(offered[VCPU].total, float(offered[MEMORY].total * load.MIB), guests)
