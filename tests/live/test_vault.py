"""Large documents beside the histories, by the stock `temporal` command: started, read, lost, swept."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.converter import (
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
    StorageDriverWorkflowInfo,
)

from deploy.settings import BadSetting, Settings, from_environment
from deploy.sweeping import oldest_running, sweep
from deploy.worker import CannotRun, run
from tests.live.rooms import Rooms, nop
from tests.live.stack import Live
from workflows import start
from workflows.wire.vault import Directory, PayloadLost

pytestmark = pytest.mark.usefixtures("nothing_left")
ACTIONS = 450  # few and wordy: what a workflow does in one go has two seconds, on a slow machine too


def large(rooms: Rooms) -> dict[str, Any]:
    """A document of about 1.8 MB, as much as one input of Temporal may have."""
    return rooms.plan(*(nop(f"n{i}", reason="because " * 480) for i in range(ACTIONS)), mode="approve")


def kept(live: Live) -> list[Path]:
    return [f for f in (live.stack.directory / "store" / "payloads").glob("*/*/*") if f.name != "id"]


def test_a_large_plan_waits_for_a_payload_that_is_gone(rooms: Rooms) -> None:
    """It starts from the command line, its history stays small, and a file that somebody took away does not
    end it: it waits until the file is back. What queries answer is readable without the files."""
    live, id = rooms.live, "plan/large"
    document = json.dumps(large(rooms))
    assert 1_700_000 < len(document) < 1_900_000
    path = live.stack.directory / "large.json"
    path.write_text(document)
    words = ("workflow", "start", "-t", "ballast", "--type", "ActionPlan", "-w", id)
    done = live.cli(*words, "--input-file", str(path))
    assert done.returncode == 0, done.stderr
    told = live.reaches(id, "RECOMMENDED")
    assert len(told["actions"]) == ACTIONS
    size = int(live.describe(id)["workflowExecutionInfo"]["historySizeBytes"])
    assert size < len(document) + 100_000, "only the input itself is in the history"
    assert len(kept(live)) >= 2, "the input of the check, and its result"

    live.kill_worker()
    aside = live.stack.directory / "aside"
    (live.stack.directory / "store" / "payloads").rename(aside)
    live.start_worker()
    live.signal(id, "cancel", '{"by": "eve", "reason": "too large"}')
    live.until(lambda: "is not in" in (live.stack.directory / "worker.log").read_text(), "nobody says so")
    assert live.describe(id)["workflowExecutionInfo"]["status"].endswith("RUNNING")
    missing = live.stack.directory / "store" / "payloads"
    for file in aside.glob("*/*/*"):
        target = missing / file.relative_to(aside)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.rename(target)
    assert live.closed(id, within=300) == "CANCELED"


async def listed(client: Client) -> datetime:
    """When the oldest began that runs, as soon as Temporal lists any."""
    for _ in range(180):
        if (oldest := await oldest_running(client)) is not None:
            return oldest
        await asyncio.sleep(0.5)
    raise AssertionError("nothing is listed")


async def test_what_no_workflow_needs_is_swept(rooms: Rooms) -> None:
    """While Temporal knows a workflow its payloads stay, however old; without it they go after their time."""
    live, id = rooms.live, "plan/swept"
    client = await start.connect(live.stack.address)
    await start.start_plan(client, large(rooms), id=id)
    live.reaches(id, "RECOMMENDED")
    began = live.describe(id)["workflowExecutionInfo"]["startTime"]
    oldest = await listed(client)
    assert oldest < datetime.fromisoformat(began.replace("Z", "+00:00")), "what it may have found there stays"
    live.signal(id, "reject", '{"by": "eve", "reason": "only a test"}')
    assert live.closed(id) == "COMPLETED"
    store = live.stack.directory / "store"
    target = StorageDriverWorkflowInfo(namespace=client.namespace, id="plan/that-never-was")
    payload = Payload(data=b"of nobody")
    await Directory(store / "payloads").store(StorageDriverStoreContext(target=target), [payload])
    mine = {f for f in kept(live) if (f.parent / "id").read_text() == id}
    (stray,) = (f for f in kept(live) if (f.parent / "id").read_text() == target.id)
    assert mine
    assert await sweep(client, store, older_than=stray.stat().st_mtime - 1) == 0, "too young"
    assert await sweep(client, store, older_than=time.time() + 1) == 1
    assert not stray.parent.exists()
    assert mine <= set(kept(live))


async def test_what_was_altered_is_not_read(tmp_path: Path) -> None:
    """A payload comes back as it was, or not at all; a claim cannot lead out of the directory."""
    vault = Directory(tmp_path)
    context = StorageDriverStoreContext(target=StorageDriverWorkflowInfo(namespace="n", id="w" * 1000))
    payload = Payload(metadata={"encoding": b"json/plain"}, data=b'"x"')
    claims = await vault.store(context, [payload, payload])
    reading = StorageDriverRetrieveContext()
    assert await vault.retrieve(reading, claims) == [payload, payload]
    (tmp_path / claims[0].claim_data["key"]).write_bytes(b"other")
    with pytest.raises(PayloadLost, match="was altered"):
        await vault.retrieve(reading, claims)
    outside = StorageDriverClaim({"key": "../outside", "sha256": "0"})
    with pytest.raises(PayloadLost, match="is no file of"):
        await vault.retrieve(reading, [outside])


async def test_a_worker_for_several_hosts_wants_a_shared_store(tmp_path: Path) -> None:
    """What one worker keeps another one must be able to read: else it does not even start."""
    with pytest.raises(CannotRun, match=r"BALLAST_HOSTS=2: .* BALLAST_STORE_SHARED=true"):
        await run(Settings(tmp_path, hosts=2))
    said = {"BALLAST_HOSTS": "2", "BALLAST_STORE_SHARED": "true", "BALLAST_STORE_RETENTION": "48"}
    read = from_environment(said)
    assert (read.hosts, read.store_shared, read.store_retention) == (2, True, 48)
    with pytest.raises(BadSetting, match="BALLAST_HOSTS"):
        from_environment({"BALLAST_HOSTS": "many"})
