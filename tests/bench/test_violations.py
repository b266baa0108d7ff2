"""A sample of `python -m tests.bench.violations`, and that it would find what it looks for."""

from __future__ import annotations

from collections import Counter

import pytest

from activities.planner.edges import Fault
from plan_schemas.catalog import load
from plan_schemas.model import Cluster, Inventory
from plan_schemas.plan import Refused
from tests.bench import violations
from tests.bench.binding import Binding

STRATEGIES = sorted(load().strategies)


def test_no_strategy_breaks_a_rule_on_constrained_clouds() -> None:
    """At no moment of any plan; and there were plans to judge."""
    found = violations.search(STRATEGIES, 12, 20)
    assert {strategy: dict(here.broken) for strategy, here in found.items()} == {s: {} for s in STRATEGIES}
    assert all(here.counts["clouds"] == 12 for here in found.values())
    assert sum(here.counts["moves"] for here in found.values()) > 50
    assert sum((here.binding for here in found.values()), Counter[str]())["capacity"] > 50


def test_a_search_that_met_nothing_says_so() -> None:
    """Clouds on which no plan is made, or no rule decides, show nothing."""
    rich, poor = violations.Found(), violations.Found()
    rich.counts.update({"clouds": 20, "plans": 15})
    rich.binding.update(dict.fromkeys(violations.ALWAYS, 1))
    assert violations.idle({"rich": rich}) == []
    poor.counts.update({"clouds": 20, "plans": 1})
    del rich.binding["zone"]
    said = violations.idle({"rich": rich, "poor": poor})
    assert said == ["poor made 1 plans of 20 clouds", "the rule zone never decided anything"]


def test_what_the_planner_cannot_prove_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told by its type: other refusals, whatever they say, are none."""
    answers: list[Refused] = [Refused("the fault is yours"), Fault("h1 is asked for too much")]
    monkeypatch.setattr(violations, "propose", lambda *_: _raise(answers.pop(0)))
    made, found = Cluster("none", "", {}, {}), violations.Found()
    seen = Binding({"hosts": [], "instances": []})
    assert violations.judge_one(made, {}, seen, found) == []
    assert [rule for rule, _ in violations.judge_one(made, {}, seen, found)] == ["fault"]
    assert found.counts["refused"] == 1


def _raise(problem: Exception) -> None:
    raise problem


def test_a_planted_bug_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a model that thinks every host endless, the judge's finds are counted, and the command fails."""
    monkeypatch.setattr(Inventory, "capacity", property(lambda _: 10**9))
    monkeypatch.setattr(violations, "_keep", lambda *_: None)
    found = violations.search(["vm_workload_consolidation"], 12, 20)
    assert found["vm_workload_consolidation"].broken.total() > 0
