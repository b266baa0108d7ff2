"""What every test session shows at its end: what the random clouds and plans were like."""

from __future__ import annotations

import pytest

from tests import distribution


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    told = list(distribution.lines())
    if told:
        terminalreporter.section("clouds and plans")
        for line in told:
            terminalreporter.write_line(line)
