"""A walk over all hosts while the cloud goes on living, and what changed behind its back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import quote

from activities.door import Gone, Reader
from activities.observe import account, listing, nova, reading
from activities.observe.account import Account
from activities.observe.frame import Frame
from activities.observe.listing import Gaps
from activities.observe.reading import Reading

THREADS = 16
SKEW = timedelta(seconds=10)  # between the clocks of Nova's own processes
# Servers that may be on no host. A finished listing by host cannot see them.
_HOSTLESS = ("BUILD", "SHELVED_OFFLOADED", "ERROR")

Heartbeat = Callable[[Mapping[str, int | str]], None]


@dataclass
class Sweep:
    """What has been read so far; every look at a host is newer than the one before."""

    reader: Reader
    frame: Frame
    gaps: Gaps
    began: datetime  # in the cloud's time, less the skew
    heartbeat: Heartbeat
    readings: dict[str, Reading] = field(default_factory=dict)
    # Servers without a host, and those that changed since the walk began, wherever they are now.
    news: Mapping[str, nova.Server] = field(default_factory=dict)
    # What the look before the last one found odd, by host.
    doubted: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def version(self) -> str:
        return self.frame.microversions["compute/servers"]

    def look(self, names: frozenset[str] | None = None) -> None:
        """Read hosts side by side. Raises Incomplete when one of them cannot be read in full."""
        places = self.frame.places
        read = {
            name: partial(reading.first, self.reader, places[name], self.version)
            if name not in self.readings
            else partial(reading.again, self.reader, self.readings[name], self.version)
            for name in sorted(places if names is None else names)
        }
        phase = "hosts" if names is None else "hosts again"
        found = listing.gather(
            {f"host {name}": task for name, task in read.items()},
            THREADS,
            self.gaps,
            lambda done: self.heartbeat({"phase": phase, "done": done, "of": len(read)}),
        )
        for one in found.values():
            self.readings[one.place.name] = one
            partials = [s.id for s in one.servers if s.partial]
            if partials:
                text = f"host {one.place.name}: {len(partials)} servers with partial records"
                self.gaps.missing.append(f"{text} (their cell does not answer)")
        self.gaps.refuse()

    def listen(self) -> dict[str, nova.Server]:
        """Servers on no host, and all that changed since the walk began: newer than the looks at hosts."""
        since = quote(self.began.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        paths = {
            **{f"servers in {word}": f"/servers/detail?all_tenants=true&status={word}" for word in _HOSTLESS},
            "changed servers": f"/servers/detail?all_tenants=true&changes-since={since}",
        }
        tasks = {
            name: partial(listing.pages, self.reader, path, nova.Servers, self.version)
            for name, path in paths.items()
        }
        found = listing.gather(tasks, THREADS, self.gaps)
        self.gaps.refuse()
        rows: dict[str, nova.Server] = {}
        for name in paths:  # what changed last is the latest word
            for row in found[name]:
                if row.partial and row.status != "DELETED":
                    self.gaps.missing.append(f"server {row.id}: partial record (its cell does not answer)")
                elif name == "changed servers" or row.host is None:
                    rows[row.id] = row
        self.gaps.refuse()
        return rows

    def companions(self, about: str | None) -> dict[str, nova.Server]:
        """Members of the groups of the instances here, or of one of them, that are elsewhere; each is asked
        for alone: Nova takes long to list the projects they belong to, and an action is waiting for this.
        """
        here = {s.id for one in self.readings.values() for s in one.servers}
        which = here if about is None else {about}
        carried = [group for group in self.frame.groups if not which.isdisjoint(group.members)]
        missing = sorted({member for group in carried for member in group.members} - here)
        tasks = {f"server {uuid}": partial(self._one, uuid) for uuid in missing}
        found = listing.gather(tasks, THREADS, self.gaps) if tasks else {}
        self.gaps.refuse()
        return {row.id: row for rows in found.values() for row in rows}

    def _one(self, uuid: str) -> tuple[nova.Server, ...]:
        """One server, or nothing if it has been deleted meanwhile."""
        try:
            answer = self.reader.get("compute", f"/servers/{uuid}", self.version)
        except Gone:
            return ()
        return (nova.OneServer.model_validate_json(answer).row,)

    def seen(self) -> dict[str, tuple[str, int]]:
        """Where each server was seen, by the latest look at any host."""
        out: dict[str, tuple[str, int]] = {}
        for name, one in self.readings.items():
            for server in one.servers:
                if server.id not in out or out[server.id][1] < one.round:
                    out[server.id] = (name, one.round)
        return out

    def known(self) -> dict[str, nova.Server]:
        """The latest sight of every server."""
        rows = {s.id: s for one in sorted(self.readings.values(), key=lambda r: r.round) for s in one.servers}
        return {**rows, **self.news}

    def accounts(self) -> dict[str, Account]:
        """Every host's books, by the latest look at it."""
        known, late = self.known(), self.late()
        out: dict[str, Account] = {}
        for name, one in sorted(self.readings.items()):
            here = tuple(row for row in late if row.host == name)
            out[name] = account.settle(one, known, here)
        return out

    def believed(self) -> dict[str, Account]:
        """The books with only those doubts that two looks in a row have shown; the others were the cloud
        going on while we looked.
        """
        return {
            name: one.believing(self.doubted.get(name, frozenset())) for name, one in self.accounts().items()
        }

    def odd(self) -> frozenset[str]:
        """Hosts to look at again: numbers that disagree, a server seen twice, or one that slipped by."""
        self.doubted = {name: frozenset(one.doubts) for name, one in self.accounts().items() if one.doubts}
        out = {*self.doubted}
        seen = self.seen()
        for name, one in self.readings.items():
            elsewhere = {seen[s.id][0] for s in one.servers} - {name}
            out |= elsewhere | {name} if elsewhere else set()
        out |= {row.host for row in self.late() if row.host is not None}
        return frozenset(out)

    def late(self) -> tuple[nova.Server, ...]:
        """Servers that were there before the walk and were on the way from an unread host to a read one."""
        seen = self.seen()
        return tuple(
            row
            for row in self.news.values()
            if row.id not in seen
            and row.host in self.readings
            and row.created < self.began + SKEW
            and row.status not in ("DELETED", "BUILD")
        )

    def elsewhere(self, *, whole: bool) -> tuple[nova.Server, ...]:
        """Servers of the picture that are on none of the hosts that were read."""
        here = self.seen().keys() | {row.id for row in self.late()}
        rows = [row for row in self.news.values() if row.id not in here and row.status != "DELETED"]
        if whole:
            return tuple(row for row in rows if row.host is None)
        members = {m for g in self.frame.groups for m in g.members if not here.isdisjoint(g.members)}
        return tuple(row for row in rows if row.id in members)
