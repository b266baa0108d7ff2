"""`ballast review`: the terminal, a page, a row for programs; and what the worker of a stack makes of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import plan_schemas
from activities.memory.keeping import Keeping
from activities.memory.snapshots import kept
from activities.memory.store import SnapshotStore
from deploy import cli, pages, reading
from plan_schemas.catalog import load
from plan_schemas.plan import to_document
from tests.bench import clouds
from tests.live.rooms import Rooms
from tests.live.stack import Live
from tests.review.reading import Page

EXAMPLES = Path(plan_schemas.__file__).parent / "documents" / "examples"
SNAPSHOT = str(EXAMPLES / "snapshot-tiny.yaml")
WORLD = Path(__file__).parents[1] / "golden" / "world.yaml"
DRAIN = str(EXAMPLES / "audit-maintenance.yaml")


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """The plan that drains cmp-01, as a file."""
    monkeypatch.setenv("BALLAST_STORE", str(tmp_path / "store"))
    path = str(tmp_path / "plan.yaml")
    assert cli.run(["propose", DRAIN, "--snapshot", SNAPSHOT, "-o", path]) == 0
    capsys.readouterr()
    return path


def test_a_review_on_the_terminal(plan: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Loads and how many hosts have the same as before, actions with their times, what is not done, and the
    rules in force."""
    assert cli.run(["review", plan, "--snapshot", SNAPSHOT]) == 0
    out = capsys.readouterr().out
    for said in (
        "db-1: cmp-01 → cmp-04",
        "2 → 1",
        "2 more hosts do not change",
        "invoices is locked",
        "1 out and 2 in",
        "makespan_seconds",
    ):
        assert said in out


def test_the_terminal_has_what_the_page_has_of_what_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Columns of the whole host and of its instances beside what is allocated, and what tells them apart."""
    world, audit, plan = str(WORLD), tmp_path / "audit.yaml", str(tmp_path / "plan.yaml")
    audit.write_text(
        "{ballast: v1, kind: Audit, name: even, cloud: grove, strategy: workload_balance,"
        " parameters: {threshold: 25, period: 900}}"
    )
    assert cli.run(["propose", str(audit), "--snapshot", world, "-o", plan]) == 0
    capsys.readouterr()
    assert cli.run(["review", plan, "--snapshot", world]) == 0
    head, *rows = capsys.readouterr().out.partition("\nhost ")[2].splitlines()
    for said in ("CPU measured", "CPU of its instances", "RAM measured", "RAM of its instances"):
        assert f"  {said}" in head
    assert [row.split()[0] for row in rows[:2]] == ["bay", "oak"]
    assert "28 → 17 %" in rows[1]
    assert "27.5 → 16.3 %" in rows[1]
    assert rows[2].startswith("4 more hosts do not change")
    assert rows[3].startswith("CPU and RAM measured: the whole host")


def test_a_review_as_a_page(plan: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--html FILE` writes it, `--json` says so with the schedule and the loads."""
    file = tmp_path / "review.html"
    assert cli.run(["review", plan, "--snapshot", SNAPSHOT, "--html", str(file), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert "migrate-db-1" in Page(file.read_text()).text
    assert [m["action"] for m in row["schedule"]] == ["disable-cmp-01", "migrate-db-1"]
    assert row["hosts"]["cmp-01"]["instances"] == [2, 1]


def test_what_its_audit_measured_is_shown(plan: str, tmp_path: Path) -> None:
    """The worker's page takes the picture of the store, and what the audit measured beside it."""
    cluster, _ = reading.measured(Path(SNAPSHOT), load())
    found, store = reading.plan(Path(plan), load()), tmp_path / "store"
    kept(Keeping(store), cluster, SnapshotStore(store).put(cluster))
    pages.writer(store, load())(to_document(found), "plan/audit/x")
    assert "CPU measured" not in pages.file(store, "plan/audit/x").read_text()
    ref = SnapshotStore(store).put_usage(clouds.usage(cluster, 1))
    until = datetime.now(UTC) + timedelta(days=1)
    Keeping(store).note_usage(found.audit or "", cluster.fingerprint, ref, until)
    pages.writer(store, load())(to_document(found), "plan/audit/x")
    assert "CPU measured" in pages.file(store, "plan/audit/x").read_text()


def test_the_longest_id_has_a_page(plan: str, tmp_path: Path) -> None:
    """An id of a thousand characters, dots and slashes, stays within the folder and is told from another."""
    ids = ["../" * 300 + "a", "../" * 300 + "b"]
    for id in ids:
        pages.writer(tmp_path, load())(to_document(reading.plan(Path(plan), load())), id)
    assert {pages.file(tmp_path, id) for id in ids} == set((tmp_path / "reviews").iterdir())


def test_a_plan_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A file that does not exist is named."""
    assert cli.run(["review", "nowhere.yaml"]) == 1
    assert "nowhere.yaml" in capsys.readouterr().err


def asked(live: Live, *words: str) -> subprocess.CompletedProcess[str]:
    """`ballast …` as whoever has the environment of the stack."""
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **live.stack.environment},
    )


def test_a_plan_that_waits_can_be_looked_at(rooms: Rooms, live: Live) -> None:
    """The worker has written its page, its status names the command, and both commands take its id: what is
    not in the plan is worked out on the picture of the store, within the scope of the audit."""
    server = rooms.uuids[next(name for name in rooms.uuids if name.startswith("web"))]
    audit = {
        "ballast": "v1",
        "kind": "Audit",
        "name": "look",
        "cloud": live.stack.cloud,
        "strategy": "host_maintenance",
        "parameters": {"maintenance_node": "north-1"},
        "scope": {"exclude": {"instances": [server]}},
        "execution": {"mode": "approve"},
    }
    live.start("Audit", "audit/look", audit)
    id = "plan/audit/look"
    live.reaches(id, "RECOMMENDED")
    store = Path(live.stack.environment["BALLAST_STORE"])
    assert "To let exactly this plan run" in Page(pages.file(store, id).read_text()).text
    told = live.cli("workflow", "metadata", "-w", id).stdout
    assert f"ballast review {id}" in told
    shown = asked(live, "review", id)
    assert (shown.returncode, "instances" in shown.stdout) == (0, True), shown.stderr
    why = asked(live, "explain", id, "--instance", server, "--to", "north-2")
    assert (why.returncode, "[excluded]" in why.stdout) == (0, True), why.stdout + why.stderr
    live.update(id, "reject", by="eve", reason="seen enough")
    live.closed("audit/look")
    missing = asked(live, "explain", "plan/nosuch")
    assert (missing.returncode, "plan/nosuch" in missing.stderr) == (1, True)
