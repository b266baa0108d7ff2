"""What several plans share on one cloud, on a real Temporal server and the simulated cloud."""

from __future__ import annotations

import base64
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local.stack import Stack
from tests.live.rooms import Rooms, close, nop, sleep, states
from tests.live.stack import Live

pytestmark = pytest.mark.usefixtures("nothing_left", "thawed")

PERMITS = "permits/simcloud"
STILL = 0.001  # simulated seconds per second: nothing that moves arrives


@pytest.fixture
def thawed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test that failed left frozen must not stop the next one."""
    yield
    if "rooms" in request.fixturenames:
        live = request.getfixturevalue("live")
        if live.query(PERMITS)["state"] == "FROZEN":
            live.update(PERMITS, "thaw", by="test", reason="the test is over")


def attribute(live: Live, id: str, name: str) -> str:
    """What a search finds a workflow by; an attribute that is not set is nothing."""
    found = live.describe(id)["workflowExecutionInfo"].get("searchAttributes", {}).get("indexedFields", {})
    return str(json.loads(base64.b64decode(found[name]["data"]))) if name in found else ""


def becomes(live: Live, id: str, what: str) -> None:
    """A search finds the plan by what it waits for, a few seconds later at most."""
    said = f"{id} is not found by waiting for {what}"
    live.until(lambda: attribute(live, id, "BallastWaitingFor") == what, 20, said)


def beside(rooms: Rooms, name: str, *actions: dict[str, Any], **execution: Any) -> str:
    """Start another plan; answers its id."""
    return Rooms(rooms.live, f"{rooms.name}-{name}", rooms.uuids, rooms.home).start(*actions, **execution)


def reason(rooms: Rooms, id: str, action: str, words: str) -> str:
    """Wait until a pending action says that it waits for this."""

    def look() -> str:
        row = rooms.live.query(id).get("actions", {}).get(action, {})  # none while it is being checked
        return str(row["why"]) if words in row.get("why", "") and row["state"] == "PENDING" else ""

    return str(rooms.live.until(look, 20, f"{action} of {id} does not wait for {words!r}"))


def stands_still(rooms: Rooms, server: str) -> None:
    """A server is on its way, and does not arrive before the test lets time go on."""
    rooms.is_moving(server)
    rooms.speed(STILL)


def two_that_want_one_host(rooms: Rooms) -> tuple[str, str]:
    """One plan moves a server off a host, and another one waits for the same slot."""
    rooms.speed(2)
    first = beside(rooms, "first", rooms.move("web-1", "south-1"))
    stands_still(rooms, "web-1")
    second = beside(rooms, "second", rooms.move("web-2", "south-2"), nop("free"))
    said = reason(rooms, second, "web-2", "host/north-1/out")
    assert said == f"host/north-1/out: 1 of 1 taken, by {first} (web-1)"
    return first, second


def test_a_second_plan_waits_for_the_slots_of_the_first(rooms: Rooms) -> None:
    """The other plan's action says which slot it waits for and who has it, and runs when it is free."""
    first, second = two_that_want_one_host(rooms)
    live = rooms.live
    assert states(live.query(second))["free"] == "SUCCEEDED", "what needs no slot does not wait"
    becomes(live, second, "permits")
    told = live.query(PERMITS)
    assert [row["plan"] for row in told["holders"]] == [first]
    assert [(row["plan"], row["action"]) for row in told["waiting"]] == [(second, "web-2")]
    assert "host/north-1/out: 1 of 1 taken" in rooms.page(PERMITS)
    rooms.speed(40)
    assert live.closed(first) == live.closed(second) == "COMPLETED"
    assert attribute(live, second, "BallastWaitingFor") == ""
    assert rooms.host("web-2") == "south-2"


def test_an_action_that_waits_for_its_permit_can_be_skipped(rooms: Rooms) -> None:
    """Skipping it ends the waiting plan at once, and nobody stands in the queue for it any more."""
    first, second = two_that_want_one_host(rooms)
    rooms.answer(second, "skip_action", action="web-2", by="eve", reason="not now")
    assert rooms.live.closed(second) == "COMPLETED"
    assert states(rooms.live.query(second)) == {"web-2": "SKIPPED(person)", "free": "SUCCEEDED"}
    assert rooms.live.query(PERMITS)["waiting"] in (None, [])
    rooms.speed(40)
    assert rooms.live.closed(first) == "COMPLETED"


def test_a_paused_plan_stands_in_nobodys_way(rooms: Rooms) -> None:
    """Pause gives back what is waited for; after resume the action asks again and runs."""
    first, second = two_that_want_one_host(rooms)
    rooms.answer(second, "pause", by="eve", reason="a moment")
    rooms.live.until(lambda: not rooms.live.query(PERMITS)["waiting"], 10, "the wish stays")
    assert rooms.live.query(second)["actions"]["web-2"]["why"] == "waits for resume"
    rooms.speed(40)
    assert rooms.live.closed(first) == "COMPLETED"
    assert states(rooms.live.query(second))["web-2"] == "PENDING"
    rooms.answer(second, "resume", by="eve", reason="go on")
    assert rooms.live.closed(second) == "COMPLETED"
    assert rooms.host("web-2") == "south-2"


def test_what_a_terminated_plan_holds_is_taken_back(rooms: Rooms) -> None:
    """Nova goes on with what a terminated plan asked for: its slots stay taken, and the status says so, until
    Nova has the server at rest."""
    first, second = two_that_want_one_host(rooms)
    live, since = rooms.live, rooms.journal()
    assert live.cli("workflow", "terminate", "-w", first).returncode == 0
    live.until(lambda: live.query(PERMITS)["lost"], 90, "the permits do not see that it is dead")
    assert "TERMINATED" in reason(rooms, second, "web-2", "TERMINATED")
    rooms.is_moving("web-1")
    assert rooms.accepted_moves("web-2", since) == 0
    rooms.speed(40)
    assert live.closed(second, within=90) == "COMPLETED"
    told = live.query(PERMITS)
    assert any(f"took back from {first} (TERMINATED" in said for said in told["messages"]), told["messages"]
    assert not told["lost"]


def test_permits_that_were_terminated_are_opened_again(rooms: Rooms) -> None:
    """Running plans open them anew and say what they hold, and a slot is not granted twice meanwhile."""
    first, second = two_that_want_one_host(rooms)
    live, since = rooms.live, rooms.journal()
    run = live.describe(PERMITS)["workflowExecutionInfo"]["execution"]["runId"]
    assert live.cli("workflow", "terminate", "-w", PERMITS).returncode == 0
    third = beside(rooms, "third", rooms.move("web-3", "west-1"))
    live.until(
        lambda: live.describe(PERMITS)["workflowExecutionInfo"]["execution"]["runId"] != run,
        30,
        "none opened",
    )
    live.reaches(PERMITS, "OPEN", within=30)
    assert [row["plan"] for row in live.query(PERMITS)["holders"]] == [first]
    reason(rooms, third, "web-3", "host/north-1/out")
    rooms.speed(40)
    assert live.closed(first) == live.closed(second) == live.closed(third) == "COMPLETED"
    assert [rooms.accepted_moves(name, since) for name in ("web-1", "web-2", "web-3")] == [0, 1, 1]
    assert most_at_once(rooms.live, since=0.0)[0] <= 1


def test_permits_that_are_opened_anew_know_what_a_terminated_plan_left_moving(rooms: Rooms) -> None:
    """Those that knew are terminated too. A plan that waits hears nothing, opens others, and waits until Nova
    has the server at rest."""
    first, second = two_that_want_one_host(rooms)
    live, since = rooms.live, rooms.journal()
    for id in (first, PERMITS):
        assert live.cli("workflow", "terminate", "-w", id).returncode == 0
    live.until(lambda: any(first in one for one in live.query(PERMITS)["lost"] or []), 60, "nobody is missed")
    live.until(lambda: live.query(PERMITS)["holders"], 90, "what moves is not held")
    assert rooms.server("web-1")["task_state"] == "migrating"
    assert rooms.accepted_moves("web-2", since) == 0
    rooms.speed(40)
    assert live.closed(second, within=120) == "COMPLETED"
    assert rooms.accepted_moves("web-2", since) == 1
    assert not live.query(PERMITS)["lost"]


def test_a_freeze_stops_every_plan_within_one_action(rooms: Rooms) -> None:
    """After a freeze nothing starts in any plan, permit or not; after a thaw all goes on."""
    live = rooms.live
    rooms.speed(2)
    moves = beside(
        rooms, "moves", rooms.move("web-1", "south-1"), rooms.move("web-2", "south-2", needs=["web-1"])
    )
    stands_still(rooms, "web-1")
    naps = beside(rooms, "naps", sleep("one", 3), nop("two", needs=["one"]))
    live.action(naps, "one", "ONGOING")
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
    assert live.query(id)["actions"]["rest"]["why"] == "frozen by eve: smoke"
    assert live.query(id)["actions"]["web-1"]["why"] == "waits for undo-rest"
    assert rooms.host("web-1") == "south-1"
    rooms.speed(40)
    rooms.answer(PERMITS, "thaw", by="eve", reason="over")
    assert live.closed(id) == "CANCELED"
    assert rooms.at_home()


# -- the kill switch of the command line --------------------------------------------------------------------


def ballast(live: Live, *words: str) -> subprocess.CompletedProcess[str]:
    """Our own command, as somebody with a shell runs it."""
    command = [str(Path(sys.executable).with_name("ballast")), *words]
    environment = {**os.environ, **live.stack.environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


def test_ballast_freezes_and_thaws_every_cloud(rooms: Rooms) -> None:
    """`ballast freeze --all` finds the clouds; what starts then waits until `ballast thaw`."""
    live = rooms.live
    assert live.closed(beside(rooms, "before", nop("one"))) == "COMPLETED"
    live.until(lambda: PERMITS in live.cli("workflow", "list").stdout, 10, "the permits are not listed")
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


def test_nonsense_at_the_permits_is_recorded(rooms: Rooms) -> None:
    """A malformed exchange and an unknown signal change nothing, and people see them."""
    assert rooms.live.closed(rooms.start(close("south-2"))) == "COMPLETED"
    assert rooms.live.signal(PERMITS, "exchange", '{"plan": 7}').returncode == 0
    assert rooms.live.signal(PERMITS, "dance", "{}").returncode == 0
    assert rooms.live.signal(rooms.start(sleep("rest", 8)), "permits", '{"granted": "all"}').returncode == 0
    for id, name in (
        (PERMITS, "exchange"),
        (f"plan/{rooms.name}", "permits"),
        (f"plan/{rooms.name}", "attempt"),
    ):
        words = ("workflow", "signal", "-w", id, "--name", name)
        assert rooms.live.cli(*words).returncode == 0
        for encoding in ("binary/plain", "json/protobuf", "binary/null"):
            meta = ("--input", "{}", "--input-meta", f"encoding={encoding}")
            assert rooms.live.cli(*words, *meta).returncode == 0
        assert len(rooms.live.query(id)["rejected_messages"]) >= 4, "one of them hangs it, or is lost"
    said = " ".join(rooms.live.query(PERMITS)["rejected_messages"])
    assert "plan: Input should be a valid string" in said
    assert "signal 'dance' is unknown; known: freeze, thaw" in said
    assert (
        "granted: Input should be a valid" in rooms.live.query(f"plan/{rooms.name}")["rejected_messages"][0]
    )
    assert "by: is missing" in rooms.refusal(PERMITS, "freeze", {})
    assert rooms.live.closed(f"plan/{rooms.name}") == "COMPLETED"


# -- many plans ---------------------------------------------------------------------------------------------

HOSTS, SERVERS = ("y-1", "y-2", "y-3", "z-1", "z-2"), 40
BUDGETS = """
ballast: v1
kind: Policy
name: calm
budgets:
  - {per: zone, count: 2}
  - {per: cloud, percent: 8}
  - {per: cloud, count: 1000, within: 1h}
"""


def most_at_once(live: Live, since: float) -> tuple[int, int]:
    """The most migrations that left one host at once, and that entered one, from the records' own times."""
    out: dict[str, list[tuple[float, int]]] = {}
    into: dict[str, list[tuple[float, int]]] = {}
    for row in live.sim("state")["migrations"]:
        if row["created"] >= since and row["dest"] is not None:
            for side, host in ((out, row["source"]), (into, row["dest"])):
                side.setdefault(host, []).extend([(row["created"], 1), (row["updated"], -1)])
    return _peak(out), _peak(into)


def most_in_a_zone(live: Live, zones: str = "") -> int:
    """The most migrations at once that touched one zone, or any of these."""
    spans: dict[str, list[tuple[float, int]]] = {}
    for row in live.sim("state")["migrations"]:
        for zone in {zones or row["source"][0], zones or row["dest"][0]}:
            spans.setdefault(zone, []).extend([(row["created"], 1), (row["updated"], -1)])
    return _peak(spans)


def _peak(sides: dict[str, list[tuple[float, int]]]) -> int:
    highest = 0
    for rows in sides.values():
        running = 0
        for _, step in sorted(rows):
            running += step
            highest = max(highest, running)
    return highest


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    directory = tmp_path_factory.mktemp("crowd")
    cloud = {
        "name": "crowd",
        "seed": 3,
        "hosts": [{"name": zone, "count": sum(h[0] == zone for h in HOSTS), "zone": zone} for zone in "yz"],
        "flavors": [{"name": "small", "vcpus": 1, "memory_mb": 1024, "disk_gb": 5}],
        "servers": [
            {"name": f"vm{n}", "flavor": "small", "host": HOSTS[n % len(HOSTS)]} for n in range(SERVERS)
        ],
    }
    path = directory / "crowd.yaml"
    path.write_text(yaml.safe_dump(cloud))
    (directory / "policy.yaml").write_text(BUDGETS)
    stack = Stack(directory, worker={"BALLAST_POLICIES": str(directory / "policy.yaml")})
    stack.up(["--cloud", str(path)], speed=20.0)
    yield Live(stack)
    stack.down()


def test_ten_plans_never_exceed_the_slots_of_a_host(crowd: Live) -> None:
    """Ten plans at once over the same five hosts: nowhere more than one migration out and two in, and never
    more at once than the budgets of zone and cloud let through, by the cloud's own records."""
    start = Rooms(crowd, "start")
    start.remember()
    servers, r = sorted(start.uuids), random.Random(7)
    r.shuffle(servers)
    ids = []
    for n in range(10):
        rooms = Rooms(crowd, f"crowd-{n}", start.uuids, start.home)
        moves = []
        for server in servers[4 * n : 4 * n + 4]:
            home = rooms.home[rooms.uuids[server]]
            to = r.choice([host for host in HOSTS if host != home])
            moves.append(rooms.move(server, to))
        ids.append(rooms.start(*moves))
    assert {id: crowd.closed(id, within=240) for id in ids} == dict.fromkeys(ids, "COMPLETED")
    assert {str(s) for id in ids for s in states(crowd.query(id)).values()} == {"SUCCEEDED"}
    assert len(crowd.moves()) == SERVERS
    out, into = most_at_once(crowd, since=0.0)
    assert out == 1
    assert 1 <= into <= 2
    assert most_in_a_zone(crowd) == 2
    assert most_in_a_zone(crowd, "yz") <= SERVERS * 8 // 100
    told = crowd.query(PERMITS)
    assert not told["holders"], json.dumps(told)
    assert not told["waiting"]
    (hourly,) = told["budgets"].items()
    assert hourly == (
        "budget of cloud simcloud in 3600 s of policy calm",
        {"used": SERVERS, "limit": 1000, "waiting": 0, "within_seconds": 3600.0},
    )
