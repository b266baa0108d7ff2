"""What tests of plans that share a cloud ask of it: the permits, what waits for what, what moved at once."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.live.rooms import Rooms
from tests.live.stack import Live

PERMITS = "permits/simcloud"
STILL = 0.001  # simulated seconds per second: nothing that moves arrives


def attribute(live: Live, id: str, name: str) -> str:
    """What a search finds a workflow by; an attribute that is not set is nothing."""
    found = live.describe(id)["workflowExecutionInfo"].get("searchAttributes", {}).get("indexedFields", {})
    return str(json.loads(base64.b64decode(found[name]["data"]))) if name in found else ""


def becomes(live: Live, id: str, what: str) -> None:
    """A search finds the plan by what it waits for, a few seconds later at most."""
    said = f"{id} is not found by waiting for {what}"
    live.until(lambda: attribute(live, id, "BallastWaitingFor") == what, said)


def beside(rooms: Rooms, name: str, *actions: dict[str, Any], **execution: Any) -> str:
    """Start another plan; answers its id."""
    return Rooms(rooms.live, f"{rooms.name}-{name}", rooms.uuids, rooms.home).start(*actions, **execution)


def reason(rooms: Rooms, id: str, action: str, words: str) -> str:
    """Wait until a pending action says that it waits for this."""

    def look() -> str:
        row = rooms.live.query(id).get("actions", {}).get(action, {})  # none while it is being checked
        return str(row["why"]) if words in row.get("why", "") and row["state"] == "PENDING" else ""

    return str(rooms.live.until(look, f"{action} of {id} does not wait for {words!r}"))


def stands_still(rooms: Rooms, server: str) -> None:
    """A server is on its way, and does not arrive before the test lets time go on."""
    rooms.is_moving(server)
    rooms.speed(STILL)


def most_at_once(live: Live, since: float) -> tuple[int, int]:
    """The most migrations that left one host at once, and that entered one, from the records' own times."""
    out: dict[str, list[tuple[float, int]]] = {}
    into: dict[str, list[tuple[float, int]]] = {}
    for row in live.sim("state")["migrations"]:
        if row["created"] >= since and row["dest"] is not None:
            for side, host in ((out, row["source"]), (into, row["dest"])):
                side.setdefault(host, []).extend([(row["created"], 1), (row["updated"], -1)])
    return peak(out), peak(into)


def peak(sides: dict[str, list[tuple[float, int]]]) -> int:
    highest = 0
    for rows in sides.values():
        running = 0
        for _, step in sorted(rows):
            running += step
            highest = max(highest, running)
    return highest
