"""What workers remember on their disk: which snapshot may stand for the present, and records for a while."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.memory import snapshots
from activities.memory.keeping import Keeping
from plan_schemas.model import Host, build

START = datetime(2026, 3, 1, 12, 3, 11, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def take(keeping: Keeping, at: datetime, *, doubtful: int = 0, ref: str = "r") -> None:
    hosts = [Host(f"h{n}", f"p{n}", f"s{n}", uncertain="odd" if n < doubtful else None) for n in range(10)]
    snapshots.kept(keeping, build("c", at.isoformat(), hosts, []), ref)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["taken", "changed"]), st.integers(0, 100)), max_size=8),
    st.integers(1, 120),
)
def test_no_snapshot_is_used_again_that_is_old_or_from_before_a_change(
    history: list[tuple[str, int]], max_age: int
) -> None:
    """In whatever order workers note what they took and what they changed: it is always the youngest of those
    that are young enough and younger than the last change."""
    with TemporaryDirectory() as root:
        keeping = Keeping(Path(root))
        changed: list[int] = []
        for what, moment in history:
            if what == "taken":
                take(keeping, after(moment), ref=str(moment))
            elif not changed or moment > changed[-1]:  # clocks go forward
                changed.append(moment)
                keeping.note_change("c", after(moment))
        found = snapshots.reused(keeping, "c", after(100), max_age, 2.0)
        taken = [moment for what, moment in history if what == "taken"]
        newest = max(taken, default=-1)
        fit = taken and 100 - newest <= max_age and all(c < newest for c in changed)
        assert (found and found["ref"]) == (str(newest) if fit else None)


def test_a_reused_snapshot_says_so(tmp_path: Path) -> None:
    keeping = Keeping(tmp_path)
    take(keeping, START)
    found = snapshots.reused(keeping, "c", after(40), 60, 2.0)
    assert found is not None
    assert found["told"] == "snapshot of 12:03:11, 40 s old, reused"
    assert snapshots.reused(keeping, "other", after(40), 60, 2.0) is None


def test_a_snapshot_with_more_doubts_than_an_audit_bears_is_not_for_it(tmp_path: Path) -> None:
    keeping = Keeping(tmp_path)
    take(keeping, START, doubtful=1)
    assert snapshots.reused(keeping, "c", after(1), 60, 2.0) is None
    assert snapshots.reused(keeping, "c", after(1), 60, 10.0) is not None


def test_a_record_is_there_until_its_time_is_over(tmp_path: Path) -> None:
    keeping = Keeping(tmp_path)
    keeping.keep_record("plan/a", {"state": "SUCCEEDED"}, after(10), START)
    keeping.keep_record("plan/a", {"state": "FAILED"}, after(20), START)
    assert keeping.record("plan/a", after(15)) == {"state": "FAILED"}
    assert keeping.record("plan/b", after(15)) is None
    assert keeping.record("plan/a", after(21)) is None
    keeping.keep_record("plan/b", {}, after(50), after(30))
    assert len(list((tmp_path / "records").iterdir())) == 1, "what is over is let go of"


def test_what_was_told_is_known_to_whoever_looks_next(tmp_path: Path) -> None:
    keeping = Keeping(tmp_path)
    assert keeping.teller("run") == ""
    keeping.note_told("run", "audit-run")
    assert keeping.teller("run") == "audit-run"


@pytest.mark.parametrize("left", [b"", b'{"at": "2026', b"\0\0\0", b"5"])
def test_a_memo_that_a_dead_host_left_in_the_middle_stops_no_audit(tmp_path: Path, left: bytes) -> None:
    """It is taken for absent; that of the last change, for a change that was just now."""
    keeping = Keeping(tmp_path)
    take(keeping, START)
    keeping.note_change("c", after(-5))
    keeping.note_told("run", "audit-run")
    keeping.keep_record("plan/a", {"state": "SUCCEEDED"}, after(100), START)

    def spoil(folder: str) -> None:
        for path in (tmp_path / folder).iterdir():
            path.write_bytes(left)

    assert snapshots.reused(keeping, "c", after(1), 60, 2.0) is not None
    spoil("changed")
    assert snapshots.reused(keeping, "c", after(1), 60, 2.0) is None
    keeping.note_change("c", after(-5))
    spoil("newest")
    assert snapshots.reused(keeping, "c", after(1), 60, 2.0) is None
    take(keeping, after(2))
    assert snapshots.reused(keeping, "c", after(3), 60, 2.0) is not None, "the next one is kept as usual"
    spoil("told")
    spoil("records")
    assert keeping.teller("run") == ""
    assert keeping.record("plan/a", after(1)) is None


def test_what_is_history_is_let_go_of(tmp_path: Path) -> None:
    """What was told of plans long ago, and what somebody began to write and did not finish."""
    keeping = Keeping(tmp_path)
    keeping.note_told("old", "audit-run")
    take(keeping, START)
    for path in (tmp_path / "newest" / "x.1.tmp", tmp_path / "newest" / "x.2.tmp", *tmp_path.glob("told/*")):
        path.touch()
        days = 0.5 if ".1." in path.name else 31
        os.utime(path, (START.timestamp() - days * 86400,) * 2)
    keeping.note_told("new", "audit-run")
    keeping.keep_record("plan/a", {}, after(10), START)
    assert (keeping.teller("old"), keeping.teller("new")) == ("", "audit-run")
    assert [path.name for path in tmp_path.glob("*/*.tmp")] == ["x.1.tmp"]
    assert len(list((tmp_path / "newest").glob("*.json"))) == 1
