"""What a worker says of its own build when the server does not tell."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from deploy import versioning
from deploy.settings import Settings


def heard(refusal: RPCStatusCode, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], int]:
    """The log of a worker whose every question is refused so, and how often it asked."""
    asked = 0

    async def describe(_: Any) -> Any:
        nonlocal asked
        asked += 1
        raise RPCError("no", refusal, b"")

    service = SimpleNamespace(describe_worker_deployment=describe)
    client = cast(Client, SimpleNamespace(namespace="default", workflow_service=service))
    monkeypatch.setattr(versioning, "SOON", 0.001)
    monkeypatch.setattr(versioning, "LATER", 0.001)

    async def tell() -> None:
        telling = asyncio.create_task(versioning.tell(client, Settings(Path(), build_id="b")))
        while asked < 3 and not telling.done():
            await asyncio.sleep(0.001)
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)

    with capture_logs() as log:
        asyncio.run(tell())
    return list(log), asked


@pytest.mark.parametrize("refusal", [RPCStatusCode.NOT_FOUND, RPCStatusCode.UNAVAILABLE])
def test_a_server_that_does_not_know_yet_is_asked_again(
    refusal: RPCStatusCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, asked = heard(refusal, monkeypatch)
    assert (log, asked >= 3) == ([], True)


def test_a_missing_right_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the worker would be silent for ever about why nothing starts on it."""
    log, asked = heard(RPCStatusCode.PERMISSION_DENIED, monkeypatch)
    assert [(row["log_level"], row["why"]) for row in log] == [("warning", "no")]
    assert asked >= 3
