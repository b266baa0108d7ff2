"""Which ports a devcloud has, so that several may start at the same second, and who listens on one."""

from __future__ import annotations

import contextlib
import os
import zlib
from pathlib import Path

from deploy.loopback import is_free

SERVICES = (
    *("mariadb", "rabbitmq", "rabbitmq-peers", "epmd", "memcached"),
    *("keystone", "placement", "glance", "neutron", "nova"),
)
# Sixteen ports side by side for each directory, chosen by its path: two devclouds that start together want
# different ones. They lie below 32768, where no outgoing connection takes one before its service does.
FIRST, WIDTH, BLOCKS = 10240, 16, 1400
_LISTENS = "0A"  # the state of a listening socket in /proc/net/tcp


def choose(root: Path, service: str) -> int | None:
    """A port for a service of the devcloud below `root`; None when all are taken."""
    own, place = zlib.crc32(str(root).encode()) % BLOCKS, SERVICES.index(service)
    candidates = (FIRST + (own + step) % BLOCKS * WIDTH + place for step in range(BLOCKS))
    return next((port for port in candidates if is_free(port)), None)


def listens(leader: int, port: int) -> bool:
    """Whether a process of the session that `leader` leads listens on the port: an answer on it may also be
    a stranger's.
    """
    wanted = _sockets(port)
    return bool(wanted) and any(not wanted.isdisjoint(_open(pid)) for pid in _session(leader))


def _sockets(port: int) -> frozenset[str]:
    """The sockets that listen on a port, as a process's open files name them."""
    found = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        rows = table.read_text().splitlines()[1:] if table.exists() else []
        for row in rows:
            fields = row.split()
            if fields[3] == _LISTENS and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return frozenset(found)


def _session(leader: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if os.getsid(int(entry.name)) == leader:
                    found.append(int(entry.name))
    return found


def _open(pid: int) -> frozenset[str]:
    found = set()
    with contextlib.suppress(OSError):  # it has ended meanwhile
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(entry.readlink()))
    return frozenset(found)
