"""What every test session shows at its end: what the random clouds and plans were like."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import distribution
from tests.live import Live, bring_up

THREE_ROOMS = Path("deploy/simcloud/clouds/three-rooms.yaml").resolve()


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
