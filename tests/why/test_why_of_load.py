"""`ballast explain --host` of plans that even out load: the number that decided comes first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from activities.decide import plan_for
from activities.why import move
from activities.why.case import case
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


def test_a_move_of_balance_tells_hosts_that_are_merely_worse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside the hosts that a rule closes: with the deviation there, the cost, and what it is without."""
    audit = {"strategy": "workload_stabilization", "parameters": {"thresholds": {BOTH[0]: 0.05}}}
    lines = explained(audit, tmp_path, capsys, "--action", "migrate-web-1")
    assert any(
        line.startswith("  gain     standard_deviation_cpu_after_audit 13.0918; without it 15.")
        for line in lines
    )
    (fir,) = (line for line in lines if line.startswith("to fir  [no_gain] "))
    assert "standard_deviation_cpu_after_audit 13.0918 -> 13.7326" in fir
    assert fir.endswith("it would take 23.039 s (copies 20.8 GiB, stands still for 0.5 s)")
    assert sum("elm holds 1 of group web" in line for line in lines) == 1


def test_only_hosts_that_are_shown_are_weighed() -> None:
    """Each takes a measure of the whole cloud; of the others it is only said that they would take it."""
    known, audit = load(), {**HEAD, "strategy": "workload_stabilization", "parameters": {"max_moves": 1}}
    cluster, usage = reading.measured(WORLD, known)
    made = plan_for(admit.audit(audit, known), cluster, known, usage=usage)
    assert made.plan is not None
    one, at = made.plan.actions[0], case(made.plan, cluster, goals=known.goals, usage=usage)
    whole, few = move.passed_over(at, one), move.passed_over(at, one, 1)
    free = [answer.host for answer in whole if answer.is_free]
    assert len(free) > 1
    assert [answer.host for answer in few if answer.is_free] == free
    assert [answer.host for answer in few if answer.is_free and answer.reasons] == free[:1]
    assert [answer for answer in few if not answer.is_free] == [a for a in whole if not a.is_free]
