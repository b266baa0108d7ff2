"""Fixtures of the live tests alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.sharing import PERMITS


@pytest.fixture
def thawed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test that failed left frozen must not stop the next one."""
    yield
    if "rooms" in request.fixturenames:
        live = request.getfixturevalue("live")
        if live.query(PERMITS)["state"] == "FROZEN":
            live.update(PERMITS, "thaw", by="test", reason="the test is over")
