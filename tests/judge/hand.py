"""Plans written by hand, for the tests of the judge."""

from __future__ import annotations

from typing import Any

from tests import judge

Row = dict[str, Any]


def move(id: str, instance: str, source: str, destination: str, kind: str = "live", **more: Any) -> Row:
    return {
        "id": id,
        "type": "migrate",
        "parameters": {"instance": instance, "source": source, "destination": destination, "kind": kind},
        "touches": {"instance": instance, "out": source, "into": destination},
        "reason": f"{instance} belongs on {destination}",
        **more,
    }


def service(id: str, host: str, state: str = "disabled", **more: Any) -> Row:
    return {
        "id": id,
        "type": "change_nova_service_state",
        "parameters": {"host": host, "state": state},
        "touches": {"service": host, "sets": state},
        "reason": f"{host} is to be {state}",
        **more,
    }


def plan(*actions: Row, **more: Any) -> Row:
    return {"ballast": "v1", "kind": "ActionPlan", "name": "hand", "actions": list(actions), **more}


def rules(snapshot: Row, document: Row, audit: Row | None = None) -> set[str]:
    return {v.rule for v in judge.plan(snapshot, document, audit=audit)}


def releasing(*actions: Row, **more: Any) -> Row:
    return plan(*actions, goal="server_consolidation", **more)


# Empties h3 of the world `spare` onto h1 and h2.
OUT = [
    service("s", "h3"),
    move("m1", "i3", "h3", "h1", needs=["s"]),
    move("m2", "i4", "h3", "h2", needs=["s"]),
]
