"""Servers on chosen hosts of the devcloud: booted side by side, known by name, so that twice is once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from openstack.connection import Connection

from deploy.devcloud.processes import DidNotStart
from deploy.devcloud.rest import call, ensure

AT_ONCE = 24  # servers that are being built; more only wait in queues, where they may time out
PATIENCE = 120.0  # seconds without any server becoming ready
Row = dict[str, Any]


@dataclass(frozen=True)
class Guest:
    """A server to be: `pinned` asks for its host's zone by name, so that it never leaves that zone."""

    name: str
    flavor: str
    host: str
    zone: str
    pinned: bool = False
    group: tuple[str, str] | None = None  # name and policy of its server group
    metadata: Mapping[str, str] = field(default_factory=dict)


def listed(connection: Connection, status: str = "", *, detail: bool = True) -> Iterator[Row]:
    """Every server of the cloud, or of one status; without details Nova is much faster."""
    marker, only = "", f"&status={status}" if status else ""
    while True:
        path = f"/servers{'/detail' if detail else ''}?all_tenants=true&limit=1000{only}{marker}"
        rows = call(connection, "compute", "GET", path)["servers"]
        yield from rows
        if not rows:
            return
        marker = f"&marker={rows[-1]['id']}"


def boot(connection: Connection, wanted: Sequence[Guest], said: Callable[[int, int], None]) -> int:
    """Boot those whose name is not there and wait for all; answers how many it booted.

    `said` hears how many of how many are ready. Raises DidNotStart with the fault of one that fails.
    """
    known = _names(connection)
    waiting = [guest for guest in wanted if guest.name not in known]
    missing, bodies = len(waiting), _Bodies(connection)
    news, ready = time.monotonic(), -1
    while True:
        building = _building(connection, {guest.name for guest in wanted})
        if len(wanted) - len(waiting) - building != ready:
            news, ready = time.monotonic(), len(wanted) - len(waiting) - building
            said(ready, len(wanted))
        if ready == len(wanted) and _all_active(connection, wanted):
            return missing
        if time.monotonic() - news > PATIENCE:
            raise DidNotStart(f"{building} servers do not become ready; look into the log of nova-scheduler")
        batch, waiting = waiting[: max(0, AT_ONCE - building)], waiting[max(0, AT_ONCE - building) :]
        for guest in batch:
            call(connection, "compute", "POST", "/servers", bodies.of(guest))
        time.sleep(0.5)


def _all_active(connection: Connection, wanted: Sequence[Guest]) -> bool:
    """By name: a server that changes its table in Nova is for a moment in neither of the short lists."""
    return _names(connection, "ACTIVE").issuperset(guest.name for guest in wanted)


def _names(connection: Connection, status: str = "") -> set[str]:
    return {row["name"] for row in listed(connection, status, detail=False)}


def _building(connection: Connection, names: set[str]) -> int:
    """How many of these are not ready yet. Raises DidNotStart for one that never will be."""
    for row in listed(connection, "ERROR"):
        if row["name"] in names:
            fault = row.get("fault", {}).get("message", "without a word")
            raise DidNotStart(f"server {row['name']} could not be built: {fault}; delete it and try again")
    return len(names & _names(connection, "BUILD"))


class _Bodies:
    """Requests to boot, with what they name looked up once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        flavors = call(connection, "compute", "GET", "/flavors")["flavors"]
        self._flavors = {row["name"]: row["id"] for row in flavors}
        images = call(connection, "image", "GET", "/images?name=tiny")["images"]
        self._image = images[0]["id"]
        self._groups: dict[str, str] = {}

    def of(self, guest: Guest) -> Row:
        server: Row = {
            "name": guest.name,
            "flavorRef": self._flavors[guest.flavor],
            "imageRef": self._image,
            "networks": "none",
            "host": guest.host,
            "metadata": dict(guest.metadata),
        }
        if guest.pinned:
            server["availability_zone"] = guest.zone
        body: Row = {"server": server}
        if guest.group is not None:
            body["os:scheduler_hints"] = {"group": self._group(*guest.group)}
        return body

    def _group(self, name: str, policy: str) -> str:
        if name not in self._groups:
            wanted = {"name": name, "policy": policy}
            made = ensure(self._connection, "compute", "/os-server-groups", "server_group", wanted)
            self._groups[name] = made["id"]
        return self._groups[name]
