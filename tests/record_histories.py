"""Golden histories: `python -m tests.record_histories` records them anew into tests/histories/.

Each shape of a life is brought about on the real stack; tests/when/test_replay.py replays what was recorded.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.killing import SHORT
from tests.live.rooms import Document, Rooms, close, sleep, states
from tests.live.stack import Live, bring_up

HISTORIES = Path(__file__).with_name("histories")
CLOUD = Path(__file__).parents[1] / "deploy" / "simcloud" / "clouds" / "three-rooms.yaml"
SHAPES: dict[str, Callable[[Rooms], list[str]]] = {}


def shape(function: Callable[[Rooms], list[str]]) -> Callable[[Rooms], list[str]]:
    """A way in which things can go; it answers the ids of the workflows that lived through it."""
    SHAPES[function.__name__] = function
    return function


def _two_moves(rooms: Rooms) -> tuple[Document, Document]:
    return rooms.move("web-1", "south-1"), rooms.move("web-2", "west-1", needs=["web-1"])


def _ended(rooms: Rooms, id: str, expected: str) -> str:
    found = rooms.live.closed(id)
    assert found == expected, f"{id} is {found}, wanted {expected}"
    return id


def _audit(rooms: Rooms) -> str:
    """An audit whose plan waits for a review."""
    id = f"audit/{rooms.name}"
    rooms.live.start("Audit", id, rooms.audit("north-2", mode="approve"))
    rooms.live.until(
        lambda: _told(rooms.live, f"plan/{id}").get("state") == "RECOMMENDED", f"{id} makes no plan"
    )
    return id


def _told(live: Live, id: str) -> Document:
    done = live.cli("workflow", "query", "-w", id, "--type", "status", "-o", "json")
    return dict(json.loads(done.stdout)["queryResult"][0]) if done.returncode == 0 else {}


def _came_to(rooms: Rooms, id: str, **expected: str) -> str:
    """Each action's state, with the cause of a skip: else the recording would not be what it is called."""
    found = states(rooms.live.query(id))
    assert {action.replace("-", "_"): state for action, state in found.items()} == expected, found
    return id


# -- the shapes ---------------------------------------------------------------------------------------------


@shape
def success(rooms: Rooms) -> list[str]:
    """Two moves side by side, live and cold, behind a service change."""
    live = rooms.move("web-1", "south-1", needs=["close"])
    cold = rooms.move("web-2", "west-1", kind="cold", needs=["close"])
    rest = sleep("rest", 0.2, needs=["close"])
    allow = ["live", "cold", "service"]
    return [_ended(rooms, rooms.start(close("north-1"), live, cold, rest, allow=allow), "COMPLETED")]


@shape
def audit_with_plan(rooms: Rooms) -> list[str]:
    id = _audit(rooms)
    rooms.answer(f"plan/{id}", "approve", by="eve", reason="looks good")
    return [_ended(rooms, id, "COMPLETED"), f"plan/{id}"]


@shape
def review_rejected(rooms: Rooms) -> list[str]:
    id = _audit(rooms)
    assert rooms.live.signal(f"plan/{id}", "approve", '{"nonsense": 1}').returncode == 0
    rooms.answer(f"plan/{id}", "reject", by="eve", reason="not today")
    return [_ended(rooms, id, "COMPLETED"), f"plan/{id}"]


@shape
def skip(rooms: Rooms) -> list[str]:
    """One that waits is left out with what needs it, and one that runs is aborted and left out."""
    rooms.speed(2)
    first, second = _two_moves(rooms)
    third = rooms.move("scratch", "north-1")
    id = rooms.start(first, second, third)
    rooms.is_moving("web-1")
    rooms.answer(id, "skip_action", action="web-2", by="eve", reason="not now")
    rooms.is_moving("scratch")
    rooms.answer(id, "skip_action", action="scratch", by="eve", reason="not this one")
    rooms.answer(id, "pause", by="eve", reason="a moment")
    rooms.answer(id, "resume", by="eve", reason="go on")
    _ended(rooms, id, "COMPLETED")
    return [_came_to(rooms, id, web_1="SUCCEEDED", web_2="SKIPPED(person)", scratch="SKIPPED(person)")]


@shape
def failure_and_compensation(rooms: Rooms) -> list[str]:
    rooms.late_failure("web-2")
    id = _ended(rooms, rooms.start(*_two_moves(rooms), on_failure="rollback"), "FAILED")
    return [_came_to(rooms, id, web_1="REVERTED", web_2="FAILED")]


@shape
def failure_and_stop(rooms: Rooms) -> list[str]:
    rooms.late_failure("web-1")
    id = _ended(rooms, rooms.start(*_two_moves(rooms), on_failure="stop"), "FAILED")
    return [_came_to(rooms, id, web_1="FAILED", web_2="BLOCKED")]


@shape
def drift(rooms: Rooms) -> list[str]:
    """Somebody else moves the second server while the first one moves."""
    rooms.speed(2)
    id = rooms.start(*_two_moves(rooms))
    rooms.is_moving("web-1")
    rooms.put("web-2", "north-2")
    rooms.speed(40)
    _ended(rooms, id, "COMPLETED")
    return [_came_to(rooms, id, web_1="SUCCEEDED", web_2="SKIPPED(drift)")]


@shape
def cancel_with_rollback(rooms: Rooms) -> list[str]:
    rooms.speed(2)
    id = rooms.start(*_two_moves(rooms))
    rooms.is_moving("web-1")
    rooms.answer(id, "cancel", reason="never mind", rollback=True)
    rooms.speed(40)
    _ended(rooms, id, "CANCELED")
    return [_came_to(rooms, id, web_1="REVERTED", web_2="CANCELLED")]


@shape
def cancel_by_temporal(rooms: Rooms) -> list[str]:
    """Temporal's own cancel of an audit ends its plan by the plan's policy."""
    id = _audit(rooms)
    rooms.speed(2)
    rooms.answer(f"plan/{id}", "approve", by="eve", reason="looks good")
    rooms.is_moving("scratch")
    assert rooms.live.cli("workflow", "cancel", "-w", id).returncode == 0
    rooms.speed(40)
    return [_ended(rooms, id, "CANCELED"), _ended(rooms, f"plan/{id}", "CANCELED")]


@shape
def rollback(rooms: Rooms) -> list[str]:
    plan = _ended(rooms, rooms.start(*_two_moves(rooms)), "COMPLETED")
    return [_ended(rooms, rooms.roll_back(plan), "COMPLETED"), f"plan/rollback/{plan}"]


@shape
def rollback_refused(rooms: Rooms) -> list[str]:
    plan = _ended(rooms, rooms.start(*_two_moves(rooms)), "COMPLETED")
    rooms.put("web-1", "north-2")
    return [_ended(rooms, rooms.roll_back(plan), "FAILED")]


@shape
def crash_and_resume(rooms: Rooms) -> list[str]:
    """The worker dies by kill -9 while a server moves; another one takes up."""
    rooms.speed(2)
    id = f"plan/{rooms.name}"
    rooms.live.start("ActionPlan", id, {**rooms.plan(*_two_moves(rooms)), "types": {"migrate": SHORT}})
    rooms.is_moving("web-1")
    rooms.live.kill_worker()
    rooms.speed(40)
    rooms.live.start_worker()
    _ended(rooms, id, "COMPLETED")
    return [_came_to(rooms, id, web_1="SUCCEEDED", web_2="SUCCEEDED")]


@shape
def freeze(rooms: Rooms) -> list[str]:
    """The permits are opened by a plan that does not find them, and frozen in the middle of it."""
    permits = f"permits/{rooms.live.stack.cloud}"
    rooms.live.cli("workflow", "terminate", "-w", permits)  # those of the shapes before, if there were any
    rooms.speed(2)
    id = rooms.start(*_two_moves(rooms))
    rooms.is_moving("web-1")
    rooms.answer(permits, "freeze", by="eve", reason="smoke in room north")
    rooms.speed(40)
    rooms.live.action(id, "web-1", "SUCCEEDED")
    rooms.answer(permits, "thaw", by="eve", reason="burnt toast")
    _ended(rooms, id, "COMPLETED")
    return [_came_to(rooms, id, web_1="SUCCEEDED", web_2="SUCCEEDED"), permits]


@shape
def refused_document(rooms: Rooms) -> list[str]:
    """A plan that needs what it does not have, and an audit of a strategy that does not exist."""
    wrong = rooms.start(rooms.move("web-1", "south-1", needs=["nobody"]))
    audit = {"ballast": "v1", "kind": "Audit", "name": "x", "cloud": "simcloud", "strategy": "astrology"}
    rooms.live.start("Audit", f"audit/{rooms.name}", audit)
    return [_ended(rooms, wrong, "FAILED"), _ended(rooms, f"audit/{rooms.name}", "FAILED")]


# -- recording ----------------------------------------------------------------------------------------------


def anonymous(text: str) -> str:
    """Without the name of the machine, its process ids and its paths."""
    text = re.sub(r'"stackTrace": "(?:[^"\\]|\\.)*"', '"stackTrace": ""', text)
    text = re.sub(rf"\d+@{re.escape(socket.gethostname())}", "1@worker", text)
    for payload in re.findall(r'"data": "([A-Za-z0-9+/=]+)"', text):
        assert b"/tmp/" not in base64.b64decode(payload), base64.b64decode(payload)
    return text.replace(socket.gethostname(), "worker")


def record(live: Live, start: Rooms, name: str) -> Iterator[Path]:
    """Live through one shape and write down the history of each workflow in it."""
    rooms = Rooms(live, name, start.uuids, start.home)
    rooms.restore()
    for id in SHAPES[name](rooms):
        done = live.cli("workflow", "show", "-w", id, "-o", "json")
        assert done.returncode == 0, done.stderr
        kind = id.removesuffix(name).replace("/", "-").strip("-")
        path = HISTORIES / f"{name}.{kind}.json"
        path.write_text(anonymous(done.stdout))
        yield path


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.record_histories", description=__doc__)
    parser.add_argument("shapes", nargs="*", metavar="SHAPE", help=f"of {', '.join(SHAPES)}; all without")
    wanted = parser.parse_args().shapes or list(SHAPES)
    HISTORIES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="histories-") as directory:
        live = bring_up(Path(directory), CLOUD)
        try:
            start = Rooms(live, "start")
            start.remember()
            for name in wanted:
                for old in HISTORIES.glob(f"{name}.*.json"):
                    old.unlink()
                for path in record(live, start, name):
                    print(f"{path.name:<44} {path.stat().st_size / 1024:6.0f} KiB", flush=True)
        finally:
            live.stack.down()


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)
