"""What live tests share, and what a session shows of its random clouds and plans at its end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import distribution
from tests.live.rooms import Rooms
from tests.live.stack import THREE_ROOMS, Live, bring_up

# What is green here is green everywhere: the same examples each time, however slow the machine. Others
# are drawn by `make explore`.
CALM: Any = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("explore", **CALM)
settings.register_profile("same", derandomize=True, **CALM)
settings.load_profile("same")
REAL_ONLY = Path(__file__).with_name("devcloud")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("ballast")
    group.addoption(
        "--cloud",
        choices=("simulator", "devcloud"),
        default="simulator",
        help="what tests/behaviour runs against; tests/devcloud is collected with devcloud only",
    )
    group.addoption(
        "--devcloud-directory",
        default="var/test-devcloud",
        help="where the devcloud lies that tests use; it is started unless it runs",
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What only makes sense on the real cloud is not even collected without it."""
    real = config.getoption("--cloud") == "devcloud"
    return True if collection_path == REAL_ONLY and not real else None


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A process of a session that runs in several has ended: what it counted is added up."""
    if told := getattr(node, "workeroutput", {}).get("distribution"):
        distribution.add(told)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["distribution"] = distribution.counted()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    told = list(distribution.lines())
    if told:
        terminalreporter.section("clouds and plans")
        for line in told:
            terminalreporter.write_line(line)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A whole stack on the cloud `three-rooms`, one for all tests of a module."""
    running = bring_up(tmp_path_factory.mktemp("live"), THREE_ROOMS)
    yield running
    running.stack.down()


@pytest.fixture(scope="module")
def start_of_rooms(live: Live) -> Rooms:
    """What the cloud of a module's stack was like at its start."""
    start = Rooms(live, "start")
    start.remember()
    return start


@pytest.fixture
def rooms(live: Live, start_of_rooms: Rooms, request: pytest.FixtureRequest) -> Rooms:
    """The cloud `three-rooms` as it was at the start, for one test."""
    own = Rooms(live, request.node.name, start_of_rooms.uuids, start_of_rooms.home)
    own.restore()
    return own


@pytest.fixture(scope="module")
def nothing_left(live: Live) -> Iterator[None]:
    """After all of a module's tests nothing runs any more but the permits, with nobody at them, and no
    workflow was tried again and again."""
    yield

    def running() -> list[str]:
        query = 'ExecutionStatus="Running" AND WorkflowType!="Permits"'
        done = live.cli("workflow", "list", "--query", query, "-o", "json")
        return [row["execution"]["workflowId"] for row in json.loads(done.stdout or "[]")]

    live.until(lambda: not running(), "something is left running")  # visibility follows after a moment
    permits = f"permits/{live.stack.cloud}"
    if live.cli("workflow", "describe", "-w", permits).returncode == 0:

        def empty() -> bool:  # of whoever was terminated they learn when they look for him
            told = live.query(permits)
            return not (told["plans"] or told["holders"] or told["waiting"])

        live.until(empty, f"somebody is left at the permits: {live.query(permits)}")
    assert "Failed activation" not in (live.stack.directory / "worker.log").read_text()
