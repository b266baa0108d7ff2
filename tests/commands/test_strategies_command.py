"""`ballast strategies` without a datasource: what a snapshot has measured, or that nobody looked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from deploy import cli

WORLD = Path(__file__).parents[1] / "golden" / "world.yaml"
UNSEEN = "metrics not looked at: no datasource (BALLAST_DATASOURCES or --datasources)"


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BALLAST_DATASOURCES", raising=False)


def strategies(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert cli.run(["strategies", *words]) == 0
    return " ".join(capsys.readouterr().out.split())


def test_without_a_datasource_it_is_said_that_nobody_looked(capsys: pytest.CaptureFixture[str]) -> None:
    """Once, and only where a metric is needed."""
    assert strategies(capsys, "workload_balance").endswith(UNSEEN)
    assert strategies(capsys).count(UNSEEN) == 1
    assert UNSEEN not in strategies(capsys, "host_maintenance")


def test_a_snapshot_tells_what_it_has_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As `propose` will judge it: there and when, out of range, of another time, or not there at all."""
    world = yaml.safe_load(WORLD.read_text())
    at = world["collected_at"]
    uuids = [one["uuid"] for one in world["instances"]]
    path = tmp_path / "cloud.yaml"

    def told(cpu: dict[str, float], at: str) -> str:
        usage = {"at": at, "source": "prod", "values": {"instance_cpu_usage": cpu}}
        path.write_text(yaml.safe_dump({**world, "usage": usage}))
        return strategies(capsys, "workload_balance", "--snapshot", str(path))

    said = told({u: 20.0 + n for n, u in enumerate(uuids)}, at)
    assert f"instance_cpu_usage of prod, measured at {at}, can be believed: {len(uuids)} instances" in said
    assert "instance_ram_usage of the snapshot CANNOT be believed" in said
    assert "has no number of it; take it with `ballast snapshot --usage`" in said
    assert UNSEEN not in said
    assert "out of range" in told(dict.fromkeys(uuids, 400.0), at)
    assert "CANNOT be believed: the usage is of 2020-01-01" in told(
        dict.fromkeys(uuids, 20.0), "2020-01-01T00:00:00Z"
    )


def test_a_snapshot_without_usage_has_no_metric(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Programs read the same."""
    world = yaml.safe_load(WORLD.read_text())
    path = tmp_path / "cloud.yaml"
    path.write_text(yaml.safe_dump({name: value for name, value in world.items() if name != "usage"}))
    assert cli.run(["strategies", "workload_balance", "--snapshot", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["metrics"]
    assert found
    assert not any(one["is_good"] or one["at"] for one in found.values())
