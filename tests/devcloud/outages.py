"""What breaks in a data centre: a service dies, the message bus is away, a token is thrown away."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time

from deploy.devcloud import debian, services
from deploy.devcloud.layout import Layout
from deploy.devcloud.processes import stop
from deploy.devcloud.rights import OPERATOR
from tests.behaviour.clouds import Cloud


def kill(control: Layout, name: str) -> None:
    """kill -9 of one of the control plane's processes, and its end."""
    process = control.process(name)
    pid = process.pid
    assert pid is not None, f"{name} does not run"
    os.killpg(pid, signal.SIGKILL)
    while process.pid is not None:
        time.sleep(0.05)


def start_api(control: Layout, name: str) -> None:
    services.start_api(control, name)
    services.await_api(control, name)


def stop_bus(control: Layout) -> None:
    stop([control.process("rabbitmq")])


def start_bus(control: Layout) -> None:
    debian.start(control)


def await_reports(cloud: Cloud) -> None:
    """Until every nova-compute has reported anew: before, Nova may hold one for dead that is not."""
    before = _reports(cloud)
    cloud.until(lambda: all(before[h] < at for h, at in _reports(cloud).items()), "no report of a host")


def _reports(cloud: Cloud) -> dict[str, str]:
    rows = cloud.get("/os-services?binary=nova-compute")["services"]
    return {row["host"]: str(row["updated_at"]) for row in rows}


def revoke_tokens(control: Layout, cloud: Cloud) -> None:
    """Keystone forgets every token of the user that Ballast is: his password is set, to what it was.

    The caches go as well, for a token that a service has just checked would be believed for minutes.
    """
    (user,) = cloud.get(f"/users?name={OPERATOR}", service="identity")["users"]
    change = {"user": {"password": control.secret}}
    answer = cloud.request("PATCH", f"/users/{user['id']}", change, service="identity")
    assert answer.status == 200, answer
    with socket.create_connection(("127.0.0.1", control.ports["memcached"]), timeout=5) as wire:
        wire.sendall(b"flush_all\r\n")
        assert wire.recv(16) == b"OK\r\n"


def kill_compute(control: Layout, host: str) -> None:
    kill(control, control.compute(host).name)


def start_computes(control: Layout, cloud: Cloud, *hosts: str) -> None:
    """Start them again and wait until Nova sees them."""
    services.start_computes(control, hosts)
    for host in hosts:
        cloud.until(lambda host=host: cloud.service(host)["state"] == "up", f"{host} does not come up")  # type: ignore[misc]


def mend_books(control: Layout) -> str:
    """What Ballast tells an operator to run when Placement's books are wrong; answers what that said."""
    told = []
    for words in (("audit", "--delete", "--verbose"), ("heal_allocations",)):
        command = [control.command("nova-manage"), "--config-file", str(control.etc / "nova.conf")]
        done = subprocess.run(
            [*command, "placement", *words],
            env=control.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        told.append(done.stdout + done.stderr)
    return "".join(told)
