"""`ballast explain --host` of plans that even out load: the number that decided comes first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from activities.decide import plan_for
from deploy import cli, reading
from plan_schemas import admit
from plan_schemas.catalog import load
from plan_schemas.plan import to_document

WORLD = Path(__file__).parents[1] / "golden" / "world.yaml"
HEAD = {"ballast": "v1", "kind": "Audit", "name": "even", "cloud": "grove"}
BALANCE = {"strategy": "workload_balance", "parameters": {"threshold": 43}}
BOTH = ["instance_cpu_usage", "instance_ram_usage"]
ENOUGH = {"metrics": BOTH, "thresholds": dict(zip(BOTH, (0.14, 0.3)))}


def explained(
    audit: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], *words: str
) -> list[str]:
    (tmp_path / "audit.yaml").write_text(yaml.safe_dump({**HEAD, **audit}))
    cluster, usage = reading.measured(WORLD, load())
    made = plan_for(admit.audit({**HEAD, **audit}, load()), cluster, load(), usage=usage)
    assert made.plan is not None
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(to_document(made.plan), sort_keys=False))
    given = ("--snapshot", str(WORLD), "--audit", str(tmp_path / "audit.yaml"))
    assert cli.run(["explain", str(tmp_path / "plan.yaml"), *words, *given]) == 0
    return capsys.readouterr().out.splitlines()


def test_a_host_below_the_threshold_had_nothing_to_lose(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says at what it is, by what its instances use: as the strategy counts it."""
    first = explained(BALANCE, tmp_path, capsys, "--host", "oak")[0]
    said = "oak is at 27.5 %, below the threshold of 43 %: nothing there had to go"
    assert first == f"[not_chosen] {said}"


def test_a_deviation_that_is_low_enough_is_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With both numbers beside their thresholds, of a host and of an instance."""
    audit = {"strategy": "workload_stabilization", "parameters": ENOUGH}
    said = "the deviations are at or below their thresholds (CPU 13.81 <= 14, RAM 15.29 <= 30 points)"
    assert explained(audit, tmp_path, capsys, "--host", "ash")[0] == f"[not_chosen] {said}"
    lines = explained(audit, tmp_path, capsys, "--instance", "wiki")
    assert any(line.partition(" it was not chosen: ")[2].startswith(said) for line in lines)


def test_moves_that_are_used_up_are_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the deviation is not low enough yet."""
    parameters = {"max_moves": 1, "thresholds": {"instance_cpu_usage": 0.0}}
    audit = {"strategy": "workload_stabilization", "parameters": parameters}
    first = explained(audit, tmp_path, capsys, "--host", "ash")[0]
    assert first == "[not_chosen] the plan makes the 1 move that max_moves allows"
