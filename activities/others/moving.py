"""What still moves in a cloud: asked of Nova when a plan ended without a word of what it had under way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from temporalio import activity

from activities.act import told_to_temporal
from activities.doing.pulse import steady
from activities.door import Door, Gone
from activities.observe import listing, nova

# Every state of a move that the cloud works at. One that is `finished` waits for a person's word.
UNDER_WAY = (
    *("accepted", "queued", "preparing", "pre-migrating", "migrating", "running", "post-migrating"),
    *("confirming", "reverting"),
)
# Nova writes how far a live migration has come into its record every few seconds.
SILENT = timedelta(minutes=10)


class Moving:
    """Activities over the door to a cloud. They only read."""

    def __init__(self, open_door: Callable[[str], Door]) -> None:
        self._open_door = open_door

    def all(self) -> Sequence[Callable[..., Any]]:
        return [self.moving]

    @activity.defn(name="cloud.moving")
    def moving(self, cloud: str, instances: list[str], everything: bool) -> dict[str, Any]:
        """Which of these instances are not at rest; with `everything` also all moves of our own user."""
        with told_to_temporal(), steady():
            door = self._open_door(cloud)
            return {
                "moving": [uuid for uuid in instances if not at_rest(door, uuid)],
                "moves": under_way(door) if everything else [],
            }


def at_rest(door: Door, uuid: str) -> bool:
    """Whether nothing is being done with a server. One that is gone rests."""
    try:
        server = door.server(uuid)
        if server.task_state is not None:
            return False
        moves = door.migrations(uuid)
        return not any(goes_on(move, server, door.reader.clock()) for move in moves)
    except Gone:
        return True


def goes_on(move: nova.Migration, server: nova.Server, now: datetime | None) -> bool:
    """Whether the cloud works at a move of a server without a task, by the cloud's own clock. The record of a
    nova-compute that died stays open for ever: the server has arrived or was evacuated, so that it is on its
    source no more, or is still there, and nobody writes into the record."""
    if move.status in ("confirming", "reverting"):
        return True
    written = move.updated or move.created
    silent = now is not None and now - written > SILENT
    return move.status in UNDER_WAY and move.source in (None, server.host) and not silent


def under_way(door: Door) -> list[dict[str, str]]:
    """Every move that our own user asked for and the cloud works at."""
    found = []
    for status in UNDER_WAY:
        path = f"/os-migrations?status={status}"
        rows = nova.shown_moves(listing.pages(door.reader, path, nova.Migrations, "2.80", key="uuid"))
        for move in rows:
            if move.user == door.user:
                found.append({"instance": move.instance, "out": move.source or "", "in": move.dest or ""})
    return found
