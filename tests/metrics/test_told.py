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
