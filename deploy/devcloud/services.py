"""The services of the control plane: how each is started and when it serves."""

from __future__ import annotations

import urllib.error
import urllib.request

from deploy.devcloud.layout import INSIDE, Layout
from deploy.devcloud.processes import Process

APIS = {  # process: WSGI module
    "keystone": "keystone.wsgi.api",
    "placement": "placement.wsgi.api",
    "glance": "glance.wsgi.api",
    "neutron": "neutron.wsgi.api",
    "nova-api": "nova.wsgi.osapi_compute",
}
AGENTS = ("nova-conductor", "nova-scheduler")
PATIENCE = 120.0  # seconds to answer, on two busy cores


def port(cloud: Layout, api: str) -> int:
    return cloud.ports["nova" if api == "nova-api" else api]


def serves(cloud: Layout, api: str) -> bool:
    """Whether it answers HTTP; 300 (choose a version) and 401 are answers, a 5xx is none."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port(cloud, api)}/", timeout=5):
            return True
    except urllib.error.HTTPError as answer:
        return answer.code < 500
    except OSError:
        return False


def start_api(cloud: Layout, api: str) -> None:
    process = cloud.process(api)
    if process.pid is None:
        command = [str(cloud.python), str(INSIDE / "serve.py"), APIS[api], str(port(cloud, api))]
        process.start(command, cloud.environment, cloud.root)


def await_api(cloud: Layout, api: str) -> None:
    cloud.process(api).wait(port(cloud, api), lambda: serves(cloud, api), PATIENCE)


def start_agents(cloud: Layout) -> None:
    for name in AGENTS:
        process = cloud.process(name)
        if process.pid is None:
            configuration = str(cloud.etc / "nova.conf")
            process.start(
                [cloud.command(name), "--config-file", configuration], cloud.environment, cloud.root
            )


def start_computes(cloud: Layout, hosts: tuple[str, ...]) -> list[str]:
    """Fork a nova-compute for each host that has none; answers those."""
    missing = [host for host in hosts if cloud.compute(host).pid is None]
    if missing:
        launcher = Process("nova-computes", cloud.run / "nova-computes.pid", cloud.log / "nova-computes.log")
        command = [str(cloud.python), str(INSIDE / "computes.py"), str(cloud.root), *missing]
        launcher.start(command, cloud.environment, cloud.root)
    return missing
