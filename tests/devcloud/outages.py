"""What breaks in a data centre: a service dies, the message bus is away, a token is thrown away."""

from __future__ import annotations

import os
import signal
import socket
import time

from deploy.devcloud import debian, services
from deploy.devcloud.layout import Layout
from deploy.devcloud.processes import stop
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


def revoke_tokens(control: Layout, cloud: Cloud) -> None:
    """Keystone forgets every token of the user that Ballast is: his password is set, to what it was.

    The caches go as well, for a token that a service has just checked would be believed for minutes.
    """
    user = cloud.admin.current_user_id
    change = {"user": {"password": control.secret}}
    answer = cloud.request("PATCH", f"/users/{user}", change, service="identity")
    assert answer.status == 200, answer
    with socket.create_connection(("127.0.0.1", control.ports["memcached"]), timeout=5) as wire:
        wire.sendall(b"flush_all\r\n")
        assert wire.recv(16) == b"OK\r\n"
