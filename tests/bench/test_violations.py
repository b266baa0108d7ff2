"""A sample of `python -m tests.bench.violations`, and that it would find what it looks for."""

from __future__ import annotations

import pytest

from plan_schemas.catalog import load
from plan_schemas.model import Cluster
from tests.bench import violations

STRATEGIES = sorted(load().strategies)


def test_no_strategy_breaks_a_rule_on_constrained_clouds() -> None:
    """At no moment of any plan; and there were plans to judge."""
    found = violations.search(STRATEGIES, 12, 20)
    assert {strategy: counts["violations"] for strategy, counts in found.items()} == dict.fromkeys(
        STRATEGIES, 0
    )
    assert all(counts["clouds"] == 12 for counts in found.values())
    assert sum(counts["moves"] for counts in found.values()) > 50


def test_a_planted_bug_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a model that thinks every host empty, the judge's finds are counted and make the command fail."""
    monkeypatch.setattr(Cluster, "free", lambda self, host: dict.fromkeys(self.hosts[host].inventory, 10**9))
    monkeypatch.setattr(violations, "_keep", lambda *_: None)
    assert violations.search(["vm_workload_consolidation"], 12, 20)["vm_workload_consolidation"]["violations"]
