"""What the activity of an action does to the store, and what the store does to it; and rehearsals by name."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.act import Activities
from activities.door import Door
from activities.memory.keeping import Keeping
from activities.memory.store import SnapshotStore
from activities.memory.trail import Trail
from deploy.simcloud.cloud import Cloud
from plan_schemas.catalog import load
from tests.how.acting import door_to, no_new_writes, observed, planned
from tests.simcloud.kit import small
from workflows.calls import action_document


def closing(cloud: Cloud) -> dict[str, Any]:
    parameters = {"host": "a1", "state": "disabled", "reason": "r"}
    action = planned(observed(cloud), "change_nova_service_state", **parameters)
    return {**action_document(action), "attempts": 1}


def acts(root: Path, open_door: Any, document: dict[str, Any], *, dry: bool = False) -> dict[str, Any]:
    """The activity of an action, as a worker with this store carries it out."""
    activities = Activities(
        catalog=load(),
        store=SnapshotStore(root),
        open_door=open_door,
        client=cast(Client, None),
        trail=Trail(root, None),
    )
    act = activities.rehearse if dry else activities.act
    done = asyncio.to_thread(ActivityEnvironment().run, act, document, "c", ["service"])
    return dict(asyncio.run(cast(Any, done)))


def spoil(root: Path) -> None:
    """Nothing can be noted in it any more, whoever the worker runs as: a file stands there."""
    for path in (root / "changed").glob("*"):
        path.unlink()
    if (root / "changed").exists():
        (root / "changed").rmdir()
    (root / "changed").write_text("")


def test_what_is_done_stays_done_when_the_store_is_full(tmp_path: Path) -> None:
    """And the snapshot from before it does not stand for the present, for that needs no room."""
    cloud = small()
    Keeping(tmp_path).note_snapshot("c", {"collected_at": datetime.now(UTC).isoformat()})

    def full_by_then(_: str) -> Door:
        door = door_to(cloud)
        find = door.service

        def service(host: str) -> Any:
            if not (tmp_path / "changed").is_file():
                spoil(tmp_path)
            return find(host)

        door.service = service  # type: ignore[method-assign]
        return door

    assert acts(tmp_path, full_by_then, closing(cloud))["outcome"] == "done"
    assert door_to(cloud).service("a1").status == "disabled"
    assert Keeping(tmp_path).newest("c", datetime.now(UTC), 600) is None


def test_nothing_begins_that_could_not_be_noted(tmp_path: Path) -> None:
    """It says where there is no room."""
    cloud = small()
    document = closing(cloud)
    spoil(tmp_path)
    with (
        no_new_writes(cloud),
        pytest.raises(ApplicationError, match=f"the store {tmp_path} cannot be written"),
    ):
        acts(tmp_path, lambda _: door_to(cloud), document)


def test_a_rehearsal_is_known_by_its_name_alone(tmp_path: Path) -> None:
    """Whatever its document says or leaves out: nothing is sent, and no snapshot is outdated by it."""
    cloud = small()
    document = closing(cloud)
    with no_new_writes(cloud):
        told = acts(tmp_path, lambda _: door_to(cloud), document, dry=True)
    assert told["why"] == "(dry run) nothing was sent"
    assert not (tmp_path / "changed").exists()
