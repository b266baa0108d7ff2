"""An audit whose strategy needs metrics, on the whole stack: measured, judged, refused, decided offline."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import plan_schemas
from deploy.local.stack import Stack
from tests.live.stack import THREE_ROOMS, Live
from tests.metrics.numbers import METRICS

AUDIT = {
    "ballast": "v1",
    "kind": "Audit",
    "cloud": "simcloud",
    "strategy": "dummy",
    "parameters": {"para1": 0.1},
    "execution": {"mode": "auto"},
}


@pytest.fixture(scope="module")
def hungry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue directory in which the strategy `dummy` cannot do without any metric."""
    folder = tmp_path_factory.mktemp("plans")
    (folder / "strategies").mkdir()
    ours = Path(plan_schemas.__file__).parent / "strategies" / "dummy.yaml"
    declared = {**yaml.safe_load(ours.read_text()), "metrics": sorted(METRICS), "replaces": "dummy"}
    (folder / "strategies" / "dummy.yaml").write_text(yaml.safe_dump(declared))
    return folder


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, hungry: Path) -> Iterator[Live]:
    stack = Stack(tmp_path_factory.mktemp("live"), worker={"BALLAST_PLANS": str(hungry)})
    stack.up(["--cloud", str(THREE_ROOMS)], speed=20)
    yield Live(stack)
    stack.down()


def asked(live: Live, path: str = "query") -> int:
    """How many queries the cloud's Prometheus has had."""
    return sum(row.get("path") == f"/prometheus/api/v1/{path}" for row in live.journal())


def ballast(live: Live, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **live.stack.environment, **more}
    command = [sys.executable, "-m", "deploy.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=300, check=False)


def test_an_audit_measures_and_says_so(live: Live) -> None:
    """One query, right after each observation; the status tells what was decided on."""
    before = asked(live)
    live.start("Audit", "audit/measured", {**AUDIT, "name": "measured"})
    assert live.closed("audit/measured") == "COMPLETED"
    status = live.query("audit/measured")
    assert asked(live) - before == 2  # before the decision, and after the plan
    assert "host_cpu_usage" in status["usage"]["told"]
    assert " of simcloud at " in status["usage"]["told"]


def test_a_hold_costs_one_query_more_where_it_is_decided(live: Live) -> None:
    """However many metrics it looks back on, and none afterwards."""
    before, courses = asked(live), asked(live, "query_range")
    both = {"metrics": ["instance_cpu_usage", "instance_ram_usage"], "hold": 300}
    audit = {**AUDIT, "strategy": "workload_stabilization", "parameters": {**both, "max_moves": 1}}
    live.start("Audit", "audit/lasting", {**audit, "name": "lasting"})
    assert live.closed("audit/lasting") == "COMPLETED"
    assert asked(live) - before in (1, 2)  # by whether there was anything to do
    assert asked(live, "query_range") - courses == 1


def test_what_cannot_be_believed_ends_the_audit_with_the_list(live: Live) -> None:
    """Never an empty success: the audit has failed, and its sentence names metric, trouble and host."""
    live.sim("faults", {"metric": {"effect": "missing", "subjects": ["north-1"]}})
    live.start("Audit", "audit/holed", {**AUDIT, "name": "holed"})
    assert live.closed("audit/holed") == "FAILED"
    live.sim("faults", method="DELETE")
    sentence = live.query("audit/holed")["sentence"]
    assert "host_cpu_usage: 1 host of 6 have no number (missing): north-1; see that" in sentence
    assert "host_ram_usage: 1 host of 6" in sentence
    assert "instance" not in sentence.partition("cannot be believed")[2].partition("host_")[0]


def test_a_datasource_that_is_busy_is_asked_again(live: Live) -> None:
    """An answer 503 is nothing to fail an audit by."""
    live.sim("faults", {"api": {"effect": "status", "status": 503, "path": "/prometheus", "count": 1}})
    live.start("Audit", "audit/again", {**AUDIT, "name": "again"})
    assert live.closed("audit/again") == "COMPLETED"


def test_strategies_tell_whether_their_metrics_are_there(live: Live, hungry: Path) -> None:
    """Fresh and in range, by a live look; with the cloud's name also who is missing."""
    words = ("strategies", "dummy", "--plans", str(hungry))
    told = ballast(live, *words)
    assert told.returncode == 0, told.stderr
    said = " ".join(told.stdout.split())
    assert len(re.findall(r"of simcloud can be believed now: \d+ \w+, newest", said)) == len(METRICS), said
    live.sim("faults", {"metric": {"effect": "missing", "subjects": ["south-1"]}})
    found: dict[str, Any] = json.loads(ballast(live, *words, "--cloud", "simcloud", "--json").stdout)
    live.sim("faults", method="DELETE")
    host = found["metrics"]["host_cpu_usage"]
    assert not host["is_good"]
    assert "1 host of 6 have no number (missing): south-1" in host["said"]
    assert found["metrics"]["instance_cpu_usage"]["is_good"]


def test_a_snapshot_with_usage_decides_the_same_everywhere(live: Live, hungry: Path, tmp_path: Path) -> None:
    """Without Temporal, cloud and datasource, in other processes and time zones: byte for byte."""
    snapshot, audit = tmp_path / "cloud.json", tmp_path / "audit.yaml"
    audit.write_text(yaml.safe_dump({**AUDIT, "name": "offline"}))
    words = ("propose", str(audit), "--snapshot", str(snapshot), "--plans", str(hungry), "-o", "-")
    assert ballast(live, "snapshot", "--cloud", "simcloud", "-o", str(snapshot)).returncode == 0
    said = ballast(live, *words)
    assert said.returncode == 1
    assert "dummy needs host_cpu_usage, host_ram_usage" in said.stderr
    more = ("--usage", "--hold", "300", "-o", str(snapshot))
    taken = ballast(live, "snapshot", "--cloud", "simcloud", *more)
    assert taken.returncode == 0, taken.stderr
    usage = json.loads(snapshot.read_text())["usage"]
    assert set(usage["values"]) == set(METRICS)
    assert set(usage["courses"]) == {name for name in METRICS if name.startswith("instance")}
    plans = [
        ballast(live, *words, PYTHONHASHSEED=seed, TZ=zone, LC_ALL=locale, BALLAST_DATASOURCES="")
        for seed, zone, locale in (("1", "UTC", "C"), ("2", "Asia/Tokyo", "C.UTF-8"))
    ]
    assert plans[0].returncode == 0, plans[0].stderr
    assert plans[0].stdout == plans[1].stdout != ""
    decided_on = yaml.safe_load(plans[0].stdout)["model"]["usage"]
    assert decided_on == {"at": usage["at"], "source": "simcloud"}
