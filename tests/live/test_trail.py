"""The events of a plan: a trail on the worker's disk, a receiver, and windows that hold a plan up."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from deploy import cli
from deploy.local.stack import Stack
from tests.live.rooms import Rooms
from tests.live.stack import THREE_ROOMS, Live

pytestmark = pytest.mark.usefixtures("nothing_left")


class Receiver(BaseHTTPRequestHandler):
    """Takes batches of CloudEvents, and refuses each first time."""

    taken: ClassVar[list[Any]] = []
    refused = 0

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        batch = json.loads(body)
        first = Receiver.refused == 0
        Receiver.refused += first
        if not first:
            Receiver.taken += batch
        self.send_response(503 if first else 204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A stack whose worker posts events to a receiver of ours, under a policy for the cloud."""
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    directory = tmp_path_factory.mktemp("live")
    (directory / "policy.yaml").write_text(
        "{ballast: v1, kind: Policy, name: calm, allow: [live], protect: {hosts: [north-2]}}"
    )
    stack = Stack(
        directory,
        worker={
            "BALLAST_EVENTS_URL": f"http://127.0.0.1:{server.server_port}/events",
            "BALLAST_POLICIES": str(directory / "policy.yaml"),
        },
    )
    stack.up(["--cloud", str(THREE_ROOMS)], speed=20)
    yield Live(stack)
    stack.down()
    server.shutdown()


def trail(rooms: Rooms, id: str) -> list[Path]:
    folder = rooms.live.stack.directory / "store" / "trail"
    return [f for f in folder.iterdir() if id.replace("/", "%2F") in f.name]


def test_every_change_reaches_the_trail_and_the_receiver(
    rooms: Rooms, capsys: pytest.CaptureFixture[str]
) -> None:
    """The chain is whole, ends where the plan says it ends, and the receiver got it after a refusal."""
    id = rooms.start(rooms.move("web-1", "west-1"), {"id": "n", "type": "nop"}, mode="approve")
    rooms.live.reaches(id, "RECOMMENDED")
    rooms.live.update(id, "skip_action", action="n", by="eve", reason="not needed")
    rooms.live.update(id, "approve", by="ann", reason="go")
    assert rooms.live.closed(id) == "COMPLETED"
    record = rooms.live.query(id, "record")
    (file,) = trail(rooms, id)
    assert cli.run(["trail", str(file), "--head", record["trail"]["head"]]) == 0
    capsys.readouterr()
    events = [json.loads(line) for line in file.read_text().splitlines()]
    assert len({e["id"] for e in events}) == record["trail"]["events"]
    told = [(e["data"].get("action"), e["data"].get("state"), e["data"].get("said")) for e in events]
    assert ("web-1", "ONGOING", None) in told
    assert ("web-1", "SUCCEEDED", None) in told
    assert ("n", "SKIPPED", None) in told
    assert told[-1] == (None, "SUCCEEDED", None)
    assert any(said and "ann by update: approve (go)" in said for _, _, said in told)
    began = next(
        e for e in events if e["data"].get("state") == "ONGOING" and e["type"] == "io.ballast.action"
    )
    assert began["data"]["found"]["host"] == "north-1"
    assert began["data"]["parameters"]["destination"] == "west-1"
    mine = {e["id"] for e in Receiver.taken if e["subject"].startswith(id)}
    assert mine == {e["id"] for e in events}
    assert Receiver.refused == 1


def test_a_change_of_the_trail_is_found(rooms: Rooms, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever alters what was said of a move is found out by its seal."""
    id = rooms.start(rooms.move("web-1", "west-1"))
    assert rooms.live.closed(id) == "COMPLETED"
    (file,) = trail(rooms, id)
    file.write_text(file.read_text().replace('"west-1"', '"west-2"'))
    assert cli.run(["trail", str(file)]) == 1
    assert "was changed after it was sealed" in capsys.readouterr().out


def test_nothing_starts_outside_of_the_windows(rooms: Rooms) -> None:
    """A plan waits for its window, says until when, and goes on when it opens."""
    opens = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    if (opens - datetime.now(UTC)).total_seconds() < 20:  # until it is seen to wait, on a busy machine
        opens += timedelta(minutes=1)
    window = {"start": f"{opens:%H:%M}", "end": f"{opens + timedelta(hours=1):%H:%M}"}
    id = rooms.start({"id": "n", "type": "nop"}, windows=[[window]])
    waits = f"waits for a window: the next window opens at {opens.isoformat()}"

    def why() -> str | None:
        row = rooms.live.query(id).get("actions", {}).get("n", {})  # none while it is being checked
        return str(row["why"]) if "why" in row else None

    rooms.live.until(lambda: why() == waits, "does not wait")
    rooms.live.reaches(id, "SUCCEEDED", within=180)
    assert datetime.now(UTC) >= opens
    assert rooms.live.closed(id) == "COMPLETED"


def test_the_workers_policy_holds_whatever_the_plan_allows(rooms: Rooms) -> None:
    """What it does not allow is refused before approval; what it protects where it would be carried out."""
    id = rooms.start(rooms.move("web-1", "west-1", kind="cold"), allow=["live", "cold"])
    assert rooms.live.closed(id) == "FAILED"
    said = rooms.live.query(id)["sentence"]
    assert "the policy calm does not allow cold; it allows live" in said
    rooms.name += "-protected"
    id = rooms.start(rooms.move("web-1", "north-2"))
    assert rooms.live.closed(id) == "FAILED"
    assert "the policy calm protects north-2" in rooms.live.query(id)["actions"]["web-1"]["why"]
    assert rooms.at_home()
