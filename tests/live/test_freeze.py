"""The kill switch: nothing starts in any plan of a frozen cloud, by message and by our own command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.rooms import Rooms, nop, sleep
from tests.live.sharing import (
    PERMITS,
    attribute,
    becomes,
    beside,
    reason,
    stands_still,
)
from tests.live.stack import Live

pytestmark = pytest.mark.usefixtures("nothing_left", "thawed")


def test_a_freeze_stops_every_plan_within_one_action(rooms: Rooms) -> None:
    """After a freeze nothing starts in any plan, permit or not; after a thaw all goes on."""
    live = rooms.live
    rooms.speed(0.2)
    moves = beside(
        rooms, "moves", rooms.move("web-1", "south-1"), rooms.move("web-2", "south-2", needs=["web-1"])
    )
    rooms.is_moving("web-1")
    naps = beside(rooms, "naps", rooms.move("scratch", "north-1", id="one"), nop("two", needs=["one"]))
    stands_still(rooms, "scratch")
    assert "nothing starts any more" in rooms.answer(
        PERMITS, "freeze", by="eve", reason="smoke in room north"
    )
    late = beside(rooms, "late", nop("three"))
    rooms.speed(40)
    live.action(moves, "web-1", "SUCCEEDED")
    live.action(naps, "one", "SUCCEEDED")
    for plan, action in ((moves, "web-2"), (naps, "two"), (late, "three")):
        assert reason(rooms, plan, action, "frozen") == "frozen by eve: smoke in room north"
        becomes(live, plan, "freeze")
    assert live.query(PERMITS)["state"] == attribute(live, PERMITS, "BallastState") == "FROZEN"
    assert "was frozen by eve" in rooms.answer(PERMITS, "thaw", by="bob", reason="burnt toast")
    assert live.closed(moves) == live.closed(naps) == live.closed(late) == "COMPLETED"
    assert rooms.host("web-2") == "south-2"


def test_a_freeze_holds_the_way_back_too(rooms: Rooms) -> None:
    """An undo waits visibly while the cloud is frozen, and restores the start after the thaw."""
    live = rooms.live
    rooms.speed(2)
    id = rooms.start(
        rooms.move("web-1", "south-1"), sleep("rest", 60, needs=["web-1"]), on_failure="rollback"
    )
    live.action(id, "rest", "ONGOING")
    rooms.answer(PERMITS, "freeze", by="eve", reason="smoke")
    rooms.answer(id, "cancel", by="eve", reason="wrong host", rollback=True, abort=True)
    live.reaches(id, "ROLLING_BACK")
    live.action(id, "rest", "REVERTING")
    live.until(
        lambda: live.query(id)["actions"]["rest"].get("why") == "frozen by eve: smoke", "does not say so"
    )
    assert live.query(id)["actions"]["web-1"]["why"] == "waits for undo-rest"
    assert rooms.host("web-1") == "south-1"
    rooms.speed(40)
    rooms.answer(PERMITS, "thaw", by="eve", reason="over")
    assert live.closed(id) == "CANCELED"
    assert rooms.at_home()


def ballast(live: Live, *words: str) -> subprocess.CompletedProcess[str]:
    """Our own command, as somebody with a shell runs it."""
    command = [str(Path(sys.executable).with_name("ballast")), *words]
    environment = {**os.environ, **live.stack.environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)


def test_ballast_freezes_and_thaws_every_cloud(rooms: Rooms) -> None:
    """`ballast freeze --all` finds the clouds; what starts then waits until `ballast thaw`."""
    live = rooms.live
    assert live.closed(beside(rooms, "before", nop("one"))) == "COMPLETED"
    live.until(lambda: PERMITS in live.cli("workflow", "list").stdout, "the permits are not listed")
    done = ballast(live, "freeze", "--all", "--by", "eve", "--reason", "smoke", "--json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["clouds"]
    assert (row["cloud"], row["answered"]) == ("simcloud", True)
    id = rooms.start(nop("one"))
    assert reason(rooms, id, "one", "frozen") == "frozen by eve: smoke"
    done = ballast(live, "thaw", "--cloud", "simcloud", "--by", "bob")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "simcloud: plans go on; was frozen by eve: smoke\n"
    assert live.closed(id) == "COMPLETED"


def test_a_freeze_waits_for_a_worker_where_there_is_none(rooms: Rooms) -> None:
    """Without a worker the freeze is kept by Temporal: the first worker that comes starts nothing."""
    live = rooms.live
    live.kill_worker()
    try:
        id = rooms.start(nop("one"))
        done = ballast(live, "freeze", "--by", "eve", "--reason", "smoke")
        assert done.returncode == 0, done.stderr
        assert "no worker answered" in done.stdout
    finally:
        live.start_worker()
    assert reason(rooms, id, "one", "frozen") == "frozen by eve: smoke"
    assert ballast(live, "thaw").returncode == 0
    assert live.closed(id) == "COMPLETED"
