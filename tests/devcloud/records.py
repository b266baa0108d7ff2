"""What Nova itself has written down about the moves of a plan: os-migrations and os-instance-actions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from openstack.connection import Connection

from deploy.devcloud.rest import call
from tests.judge.timeline import Stay

Row = dict[str, Any]
ASKED = {"live": "live-migration", "cold": "migrate"}  # by kind: the word of os-instance-actions
TYPES = {"live": "live-migration", "cold": "migration"}  # the word of os-migrations
GOOD = ("completed", "confirmed")
THREADS = 8


def migrations(nova: Connection) -> dict[int, Row]:
    """All migration records of the cloud by their id."""
    found: dict[int, Row] = {}
    marker = ""
    while True:
        path = f"/os-migrations?limit=1000{marker}"
        rows = call(nova, "compute", "GET", path)["migrations"]
        found |= {row["id"]: row for row in rows}
        if not rows:
            return found
        marker = f"&marker={rows[-1]['uuid']}"


def requests(nova: Connection, servers: Iterable[str], since: datetime) -> dict[str, list[Row]]:
    """What was asked of each server since a moment, by os-instance-actions."""

    def of(server: str) -> tuple[str, list[Row]]:
        rows = call(nova, "compute", "GET", f"/servers/{server}/os-instance-actions")["instanceActions"]
        return server, [row for row in rows if moment(row["start_time"]) >= since.replace(microsecond=0)]

    with ThreadPoolExecutor(THREADS) as pool:
        return dict(pool.map(of, servers))


def moment(text: str) -> datetime:
    """Nova's time, which is UTC and does not say so."""
    return datetime.fromisoformat(text + "+00:00")


def doubled_or_missing(
    moves: Iterable[Row], migrations: Iterable[Row], requests: Mapping[str, list[Row]]
) -> list[str]:
    """Each action of the plan has exactly one migration, as planned and completed, and was asked for once."""
    by_server: dict[str, list[Row]] = {}
    for row in migrations:
        by_server.setdefault(row["instance_uuid"], []).append(row)
    wrong = []
    for action in moves:
        p = action["parameters"]
        records = by_server.pop(p["instance"], [])
        said = [
            (m["migration_type"], m["source_compute"], m["dest_compute"], m["status"] in GOOD)
            for m in records
        ]
        if said != [(TYPES[p["kind"]], p["source"], p["destination"], True)]:
            wrong.append(f"{action['id']}: its migrations are {said or 'none'}")
        asked = [row["action"] for row in requests[p["instance"]] if row["action"] in ASKED.values()]
        if asked != [ASKED[p["kind"]]]:
            wrong.append(f"{action['id']}: asked of Nova: {', '.join(asked) or 'nothing'}")
    return wrong + [f"{server}: moved, and no action says so" for server in sorted(by_server)]


def stays(migrations: Iterable[Row]) -> list[Stay]:
    """Where each server held a place besides the one it started on, and when."""
    return [
        Stay(
            m["instance_uuid"],
            m["source_compute"],
            m["dest_compute"],
            moment(m["created_at"]).timestamp(),
            moment(m["updated_at"]).timestamp(),
            m["status"] in GOOD,
        )
        for m in migrations
    ]
