"""What a decision on measured numbers says of them, on the golden world, whose usage is written by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import cli

WORLD = Path(__file__).parents[1] / "golden" / "world.yaml"
AUDIT = {"ballast": "v1", "kind": "Audit", "name": "told", "cloud": "grove", "strategy": "workload_balance"}


def written(folder: Path, parameters: dict[str, Any]) -> tuple[str, str]:
    """An audit, and the world as if it had been measured over five minutes."""
    world = yaml.safe_load(WORLD.read_text())
    world["usage"]["over"] = {"instance_cpu_usage": "mean of 300 s"}
    audit, snapshot = folder / "audit.yaml", folder / "world.json"
    audit.write_text(yaml.safe_dump(AUDIT | {"parameters": parameters}))
    snapshot.write_text(json.dumps(world))
    return str(audit), str(snapshot)


def with_fresh(snapshot: str, host: str) -> None:
    """The world with an instance that nobody has measured yet, of ten that run."""
    world = json.loads(Path(snapshot).read_text())
    like = next(row for row in world["instances"] if row["name"] == "cache")
    for number in range(4):
        row = {**like, "uuid": f"ffffffff-0000-4000-8000-00000000000{number}", "name": f"idle-{number}"}
        world["instances"].append(row | {"host": "fir", "resources": {"VCPU": 1, "MEMORY_MB": 64}})
        world["usage"]["values"]["instance_cpu_usage"][row["uuid"]] = 0.0
    world["instances"][-1] |= {"host": host, "name": "fresh"}
    world["usage"]["values"]["instance_cpu_usage"].popitem()
    Path(snapshot).write_text(json.dumps(world))


def test_whoever_has_just_booted_keeps_its_host_out_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Never counted as idle or full: the plan, its list of refusals and `explain` say that nobody knows."""
    audit, snapshot = written(tmp_path, {"threshold": 25, "period": 300})
    with_fresh(snapshot, "elm")
    plan = tmp_path / "plan.yaml"
    assert cli.run(["propose", audit, "--snapshot", snapshot, "-o", str(plan)]) == 0
    made = yaml.safe_load(plan.read_text())
    (said,) = made["model"]["usage"]["assumed"]
    assert "without a number left alone, as is the host of each, which neither gives nor takes: fresh" in said
    assert made["model"]["usage"]["aside"] == {"elm": "instance_cpu_usage of fresh is not known (missing)"}
    capsys.readouterr()
    assert cli.run(["explain", str(plan), "--snapshot", snapshot, "--host", "elm"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "the numbers of elm are in doubt: instance_cpu_usage of fresh is not known (missing)" in told


def test_a_place_is_none_while_nobody_knows_what_is_used_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same world without the fresh instance has a plan, by which this host takes one in."""
    audit, snapshot = written(tmp_path, {"threshold": 25, "period": 300})
    assert cli.run(["propose", audit, "--snapshot", snapshot]) == 0
    assert "of bay 0.6 % -> 11.9 %" in capsys.readouterr().out
    with_fresh(snapshot, "bay")
    assert cli.run(["propose", audit, "--snapshot", snapshot]) == 0
    out = capsys.readouterr().out
    assert "relieve 1 with 1 move" in out
    assert "of bay" not in out


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"period": 3600, "aggregation_method": {"instance": "min"}}, "stands for the min of 3600 s that"),
        ({"period": 300}, ""),
    ],
)
def test_nothing_to_do_says_what_was_assumed(
    asked: dict[str, Any], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No plan is there to say it: five minutes of calm are no hour of it."""
    audit, snapshot = written(tmp_path, {"threshold": 99, **asked})
    assert cli.run(["propose", audit, "--snapshot", snapshot]) == 0
    out = capsys.readouterr().out
    assert "There is nothing to do." in out
    assert said in out
    assert ("Assumed: " in out) == bool(said)
