"""Whether Nova shows us every project, or only our own without saying so."""

from __future__ import annotations

from collections.abc import Iterable

from activities.door import Gone, Reader
from activities.observe import nova
from activities.observe.frame import PLAIN
from activities.observe.reading import Reading, listed
from activities.rights import hidden


def require(reader: Reader, readings: Iterable[Reading], version: str) -> None:
    """Raises Denied when servers that are listed cannot be looked at: then their projects' server groups are
    hidden as well. One server of each of two projects is asked for, of which one at least is not ours.
    """
    chosen: dict[str, tuple[Reading, nova.Server]] = {}
    for one in readings:
        for server in one.servers:
            if len(chosen) < 2 and not server.partial:
                chosen.setdefault(server.project, (one, server))
    for one, server in chosen.values():
        try:
            reader.get("compute", f"/servers/{server.id}", PLAIN)
        except Gone:
            if server.id in {row.id for row in listed(reader, one.place, version)}:
                raise hidden(
                    "servers and server groups of other projects than our own", "context_is_admin"
                ) from None
