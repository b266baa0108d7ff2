"""The running cloud of a session, swept after each test, and the table of scenarios at its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.behaviour.clouds import Cloud
from tests.behaviour.hands import Hand, Simulated
from tests.behaviour.real import Real


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
