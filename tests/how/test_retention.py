"""How long pictures lie in the store: as long as somebody can come back to them, and no longer."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from activities.memory import retention, snapshots
from activities.memory.keeping import Keeping
from activities.memory.store import Lost, SnapshotStore
from plan_schemas.model import Cluster, Host, build
from plan_schemas.usage import Usage

START = datetime(2020, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class Shelf:
    """A store in which a picture was taken on some day, as if the files had been written then."""

    def __init__(self, root: Path) -> None:
        self.keeping, self.store = Keeping(root), SnapshotStore(root)

    def takes(self, day: float, name: str) -> tuple[Cluster, dict[str, object]]:
        at = START + day * DAY
        cluster = build(name, at.isoformat(), [Host(name, f"p-{name}", f"s-{name}")], [])
        snapshot = snapshots.kept(self.keeping, cluster, self.store.put(cluster))
        self.wrote(day)
        return cluster, snapshot

    def wrote(self, day: float) -> None:
        """Whatever was written just now was written on that day."""
        for path in self.keeping.root.glob("*/*.json"):
            if path.stat().st_mtime > (START + 365 * DAY).timestamp():
                os.utime(path, ((START + day * DAY).timestamp(),) * 2)

    def sweeps(self, day: float, begun: float | None = None) -> int:
        oldest = None if begun is None else START + begun * DAY
        return retention.sweep(self.keeping, START + day * DAY, oldest)

    def has(self, cluster: Cluster) -> bool:
        ref = self.keeping.snapshot_of(cluster.fingerprint)
        try:
            return bool(ref) and self.store.get(ref) == cluster
        except Lost:
            return False


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def test_a_picture_of_which_nothing_was_made_goes_after_a_day(shelf: Shelf) -> None:
    """But for the newest of its cloud, which the next audit may take again."""
    old, _ = shelf.takes(0, "a")
    shelf.keeping.forget_snapshot("a")
    newest, _ = shelf.takes(0, "b")
    assert shelf.sweeps(0.9) == 0
    assert shelf.sweeps(1.5) == 3, "the picture, and the notes of where both are"
    assert not shelf.has(old)
    assert shelf.store.get(shelf.store.put(newest)) == newest
    assert shelf.keeping.newest("b", START + 1.5 * DAY, 2 * 86_400) is not None


def test_what_a_plan_rests_on_stays_as_long_as_its_record(shelf: Shelf) -> None:
    """The picture and what was measured; 30 days where there is no record."""
    cluster, snapshot = shelf.takes(0, "a")
    used = shelf.store.put_usage(Usage(at=cluster.collected_at, source="a test"))
    snapshots.rested_on(shelf.keeping, "audit/x", snapshot, {"ref": used}, START)
    shelf.wrote(0)
    shelf.keeping.forget_snapshot("a")
    assert shelf.sweeps(29) == 0
    plan = {"audit": "audit/x", "model": {"fingerprint": cluster.fingerprint}}
    shelf.keeping.keep_record("plan/x", {"plan": plan}, START + 60 * DAY, START + 10 * DAY)
    shelf.wrote(10)
    assert shelf.sweeps(59) == 0
    assert shelf.has(cluster)
    assert shelf.store.usage(shelf.keeping.usage_of("audit/x", cluster.fingerprint)).source == "a test"
    assert shelf.sweeps(61) == 4
    assert not shelf.has(cluster)


def test_what_a_running_audit_may_have_taken_stays(shelf: Shelf) -> None:
    """However long it waits for a person: it measures against that picture in the end."""
    cluster, _ = shelf.takes(5, "a")
    shelf.keeping.forget_snapshot("a")
    assert shelf.sweeps(90, begun=4.9) == 0
    assert shelf.has(cluster)
    assert shelf.sweeps(90, begun=6) == 2


def test_a_picture_that_is_taken_again_is_not_forgotten_earlier(shelf: Shelf) -> None:
    """A cloud that stays as it is has one fingerprint: the later end counts."""
    first, snapshot = shelf.takes(0, "a")
    snapshots.rested_on(shelf.keeping, "audit/x", snapshot, None, START)
    again = build("a", (START + 2 * DAY).isoformat(), first.hosts.values(), [])
    assert again.fingerprint == first.fingerprint
    snapshots.kept(shelf.keeping, again, shelf.store.put(again))
    shelf.wrote(2)
    shelf.keeping.forget_snapshot("a")
    assert shelf.sweeps(20) == 1, "the older of two alike"
    assert shelf.has(again)
