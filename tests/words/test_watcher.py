"""Whoever comes from Watcher finds its parameters, or reads why one is not there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from plan_schemas import admit
from plan_schemas.catalog import Strategy, load
from plan_schemas.problems import Invalid

CPU, RAM = "instance_cpu_usage", "instance_ram_usage"
DEFAULTS: dict[str, dict[str, Any]] = {  # as Watcher's documents have them
    "vm_workload_consolidation": {"period": 3600, "granularity": 300},
    "basic": {
        "migration_attempts": 0,
        "period": 7200,
        "granularity": 300,
        "aggregation_method": {"instance": "mean", "compute_node": "mean", "node": ""},
    },
    "node_resource_consolidation": {"host_choice": "auto"},
    "workload_balance": {"metrics": CPU, "threshold": 25.0, "period": 300, "granularity": 300},
    "workload_stabilization": {
        "metrics": [CPU],
        "thresholds": {CPU: 0.1, RAM: 0.1},
        "weights": {f"{CPU}_weight": 1.0, f"{RAM}_weight": 1.0},
        "instance_metrics": {CPU: "host_cpu_usage", RAM: "host_ram_usage"},
        "host_choice": "retry",
        "retry_count": 1,
        "periods": {"instance": 720, "compute_node": 600, "node": 0},
        "aggregation_method": {"instance": "mean", "compute_node": "mean", "node": ""},
        "granularity": 300,
    },
}


def parts(parameters: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each parameter by its name, of a mapping each entry."""
    for name, value in parameters.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{key}", {name: {key: one}}) for key, one in value.items())
        else:
            yield name, {name: value}


def is_taken(strategy: Strategy, parameters: dict[str, Any]) -> bool:
    document = {"ballast": "v1", "kind": "Audit", "name": "a", "cloud": "c", "strategy": strategy.name}
    try:
        admit.audit({**document, "parameters": parameters}, load())
    except Invalid:
        return False
    return True


@pytest.mark.parametrize("strategy", sorted(DEFAULTS))
def test_what_watcher_takes_is_taken_or_the_description_says_why_not(strategy: str) -> None:
    """Each of Watcher's defaults is a valid parameter of the strategy, or `named` in its own text."""
    declared = load().strategies[strategy]
    untold = {name for name, one in parts(DEFAULTS[strategy]) if not is_taken(declared, one)}
    assert {name for name in untold if f"`{name}`" not in declared.how} == set()
