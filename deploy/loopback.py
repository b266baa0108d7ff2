"""Ports of loopback: whether one is free, and one for a process that is about to listen."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import random
import socket
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

# Below 10240, where the devclouds' begin, and so far below what the kernel gives to outgoing connections: one
# of those took a port in the second between its choice and its service.
OTHERS = range(3000, 10240)


@contextlib.contextmanager
def choosing() -> Iterator[None]:
    """One of a user's stacks at a time, from the choice of its ports until its processes listen on them."""
    with (Path(tempfile.gettempdir()) / f"ballast-ports-{os.getuid()}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def free_ports(usual: Mapping[str, int]) -> dict[str, int]:
    """A port for each name: its usual one if that is free, else (and with 0) any other. OSError when all are
    taken."""
    others = iter(random.sample(OTHERS, len(OTHERS)))  # two stacks that start together want different ones
    chosen: dict[str, int] = {}
    for name, wanted in usual.items():
        candidates = itertools.chain((wanted,), others)
        port = next((p for p in candidates if p and p not in chosen.values() and is_free(p)), None)
        if port is None:
            raise OSError(f"no port is free on loopback for {name}; stop what listens there")
        chosen[name] = port
    return chosen


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
