"""The demo's own servers on a cloud that runs already: a few on each host, each marked with that home."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from openstack.connection import Connection

from deploy.devcloud import guests
from deploy.devcloud.hosts import Host
from deploy.devcloud.processes import DidNotStart
from deploy.devcloud.rest import call
from deploy.local.telling import say

HOST, TASK = "OS-EXT-SRV-ATTR:host", "OS-EXT-STS:task_state"
MARK = "ballast-demo-home"  # the metadata of a server that is the demo's: its value is the host
FLAVORS = ("small", "medium")  # on each host
PATIENCE = 90.0  # seconds for a server to come to rest, or to vanish
Row = dict[str, Any]


class Fleet:
    """The servers marked as the demo's."""

    def __init__(self, nova: Connection, hosts: Sequence[Host]) -> None:
        self._nova, self._hosts = nova, hosts

    def rows(self) -> list[Row]:
        return [row for row in guests.listed(self._nova) if MARK in row["metadata"]]

    def boot(self) -> None:
        """Boot those that are not there."""
        wanted = [guest for host in self._hosts for guest in _on(host)]
        booted = guests.boot(self._nova, wanted, lambda done, of: say(f"{done} of {of} servers are ready"))
        say(f"booted {booted}" if booted else "all were there already")

    def tidy(self) -> None:
        """Delete those that an unfinished demo, or somebody's playing with it, left away from home."""
        self._until(lambda: not any(row[TASK] for row in self.rows()), "do not come to rest")
        strays = {row["id"]: row for row in self.rows() if not _at_home(row)}
        for uuid, row in strays.items():
            say(f"{row['name']} is {row['status']} on {row[HOST]}: deleted, to be booted anew")
            call(self._nova, "compute", "DELETE", f"/servers/{uuid}")
        self._until(lambda: strays.keys().isdisjoint(row["id"] for row in self.rows()), "do not vanish")

    @staticmethod
    def _until(look: Callable[[], bool], complaint: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not look():
            if time.monotonic() > deadline:
                raise DidNotStart(f"servers demo-… of an earlier demo {complaint}; delete them in Nova")
            time.sleep(0.5)


def _at_home(row: Row) -> bool:
    return bool(row[HOST] == row["metadata"][MARK] and row["status"] == "ACTIVE")


def _on(host: Host) -> Iterator[guests.Guest]:
    """The last one of each host asks for its zone, so no zone can be emptied."""
    for number, flavor in enumerate(FLAVORS, start=1):
        name, pinned = f"demo-{host.name}-{number}", number == len(FLAVORS)
        yield guests.Guest(name, flavor, host.name, host.zone, pinned, metadata={MARK: host.name})
