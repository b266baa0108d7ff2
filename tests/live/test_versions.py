"""Two builds of a worker: a plan ends on the one that began it, and the permits go over to the new one."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator

import pytest

from deploy.local.stack import Stack, stop
from tests.live.rooms import Rooms, close, nop, one_line, sleep, states
from tests.live.stack import THREE_ROOMS, Live


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A stack whose worker is build 1, which nobody made current yet."""
    stack = Stack(
        tmp_path_factory.mktemp("versions"),
        worker={"BALLAST_BUILD_ID": "1", "BALLAST_REJECT_UNKNOWN_TYPES": ""},
    )
    stack.up(["--cloud", str(THREE_ROOMS)], speed=40)
    yield Live(stack)
    stop(stack.directory / "second.pid")
    stack.down()


def start_build_2(live: Live) -> None:
    settings = {**live.stack.worker, "BALLAST_BUILD_ID": "2"}
    live.stack.spawn("second", [sys.executable, "-m", "deploy.cli", "worker"], settings)
    logged(live, "second", "no workflow starts on this build before")


def logged(live: Live, worker: str, words: str) -> None:
    log = live.stack.directory / f"{worker}.log"
    live.until(lambda: words in log.read_text(), f"{worker}.log does not say: {words}")


def make_current(live: Live, build: str) -> None:
    """As the worker's log says."""
    words = f"worker deployment set-current-version --deployment-name ballast --build-id {build}"
    live.until(lambda: live.cli(*words.split(), "--yes").returncode == 0, f"build {build} is unknown")


def build_of(live: Live, id: str) -> str:
    return str(live.describe(id)["workflowExecutionInfo"]["versioningInfo"]["deploymentVersion"]["buildId"])


def test_a_plan_in_flight_stays_with_its_build_while_another_takes_over(rooms: Rooms) -> None:
    """Nothing starts before a build is current; then plans stay, new ones and the permits move on."""
    live, name = rooms.live, rooms.name
    logged(live, "worker", "temporal worker deployment set-current-version --deployment-name ballast")
    rooms.name = f"{name}-old"
    old = rooms.start(close("south-2"), sleep("s", 600), nop("after", after=["s"]))
    assert "WorkflowTaskStarted" not in live.cli("workflow", "show", "-w", old).stdout
    make_current(live, "1")
    live.action(old, "s", "ONGOING")
    start_build_2(live)
    make_current(live, "2")
    rooms.name = f"{name}-new"
    new = rooms.start(close("south-1", id="other"))
    assert live.closed(new) == "COMPLETED"
    assert build_of(live, new) == "2"
    rooms.answer(old, "skip_action", action="s", by="eve", reason="seen enough")
    assert live.closed(old) == "COMPLETED"
    assert states(live.query(old)) == {"close": "SUCCEEDED", "s": "SKIPPED(person)", "after": "SUCCEEDED"}
    assert build_of(live, old) == "1"
    live.until(lambda: build_of(live, f"permits/{live.stack.cloud}") == "2", "the permits stay with build 1")
    live.start("Nosuch", "nosuch", "a: 1\n")
    assert live.closed("nosuch") == "FAILED"
    logged(live, "worker", "another build is current")
    for worker in ("worker", "second"):
        assert "Failed activation" not in (live.stack.directory / f"{worker}.log").read_text()


@pytest.mark.long  # Temporal itself waits half a minute for a worker that could answer
def test_a_plan_of_a_build_that_is_gone_is_rolled_back_by_its_kept_record(rooms: Rooms) -> None:
    """Its own build alone could be asked; where the record is not kept either, the refusal names that."""
    live, ids, name = rooms.live, [], rooms.name
    for number, host in enumerate(("south-2", "south-1")):
        rooms.name = f"{name}-{number}"
        ids.append(rooms.start(close(host)))
        assert live.closed(ids[-1]) == "COMPLETED"
        assert build_of(live, ids[-1]) == "2"
    make_current(live, "1")
    stop(live.stack.directory / "second.pid")
    assert live.closed(rooms.roll_back(ids[0]), within=120) == "COMPLETED"
    assert rooms.service("south-2") == ("enabled", None)
    shutil.rmtree(live.stack.directory / "store" / "records")
    asked = rooms.roll_back(ids[1])
    assert live.closed(asked, within=120) == "FAILED"
    said = one_line(str(live.query(asked)["sentence"]))
    assert f"no worker of build 2, on which {ids[1]} ran" in said
    assert "BALLAST_BUILD_ID=2" in said
