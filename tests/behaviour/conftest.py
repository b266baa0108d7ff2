"""The running cloud of a session, swept after each test, and the table of scenarios at its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.behaviour import table
from tests.behaviour.clouds import Cloud
from tests.behaviour.hands import Hand, Simulated
from tests.behaviour.real import Real

SEEN: table.Outcomes = {}


@pytest.fixture(scope="session")
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    if request.config.getoption("--cloud") == "devcloud":
        hand: Hand = Real(Path(request.config.getoption("--devcloud-directory")))
    else:
        hand = Simulated(tmp_path_factory.mktemp("behaviour"))
    yield Cloud(hand)
    hand.down()


@pytest.fixture
def cloud(running: Cloud) -> Iterator[Cloud]:
    """The cloud with nothing of an earlier test in it."""
    yield running
    running.tidy()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    table.note(SEEN, report)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table is shown with the real cloud, when both may have spoken."""
    cloud = config.getoption("--cloud")
    table.remember(config, cloud, SEEN)
    if SEEN and cloud == "devcloud":
        terminalreporter.section("behaviour: scenario by cloud")
        for line in table.lines(config, sorted(SEEN)):
            terminalreporter.write_line(line)
