"""One plan per strategy on a small named cloud, as a person reads it: tests/golden/<strategy>.yaml.

After a change that is meant: BALLAST_WRITE_GOLDEN=1 python -m pytest tests/deciding/test_golden.py; then
read the diff.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from activities.decide import plan_for
from plan_schemas import admit, usage
from plan_schemas.catalog import load
from plan_schemas.model import from_document
from plan_schemas.plan import to_document

HERE = Path(__file__).parents[1] / "golden"
# These change with every word in any file of the catalogue; other tests are about them.
UNSTABLE = ("catalogue", "types", "digest")
DB, WIKI = "00000000-0000-4000-8000-000000000007", "00000000-0000-4000-8000-000000000006"
AUDITS: dict[str, dict[str, Any]] = {
    "vm_workload_consolidation": {"parameters": {}},
    "basic": {"parameters": {"max_hosts": 1}},
    "node_resource_consolidation": {"parameters": {"host_choice": "specify"}},
    "host_maintenance": {"parameters": {"maintenance_node": "oak", "backup_node": "elm"}},
    "workload_balance": {"parameters": {"threshold": 25, "period": 900}},
    "workload_stabilization": {
        "parameters": {
            "metrics": ["instance_cpu_usage", "instance_ram_usage"],
            "thresholds": {"instance_cpu_usage": 0.05, "instance_ram_usage": 0.1},
            "max_moves": 3,
        }
    },
    "dummy": {"parameters": {"para1": 2, "para2": "hello"}},
    "actuator": {
        "parameters": {
            "actions": [
                {
                    "id": "settle",
                    "type": "sleep",
                    "parameters": {"seconds": 5},
                    "reason": "let alarms settle",
                },
                {
                    "type": "migrate",
                    "parameters": {"instance": DB, "source": "ash", "destination": "bay", "kind": "live"},
                    "needs": ["settle"],
                    "reason": "the database has a host of its own",
                },
                {
                    "type": "migrate",
                    "parameters": {"instance": WIKI, "source": "ash", "destination": "yew", "kind": "live"},
                },
            ]
        }
    },
}


def proposed(strategy: str) -> dict[str, Any]:
    world = yaml.safe_load((HERE / "world.yaml").read_text())
    cluster, seen = from_document(world), usage.from_document(world["usage"])
    document = {"ballast": "v1", "kind": "Audit", "name": strategy, "cloud": "grove", "strategy": strategy}
    made = plan_for(admit.audit({**document, **AUDITS[strategy]}, load()), cluster, load(), usage=seen)
    assert made.plan is not None
    return {k: v for k, v in to_document(made.plan).items() if k not in UNSTABLE}


@pytest.mark.parametrize("strategy", sorted(AUDITS))
def test_the_plan_is_the_one_that_people_have_read(strategy: str) -> None:
    """On the grove each strategy makes exactly the plan that stands in tests/golden."""
    file = HERE / f"{strategy}.yaml"
    plan = proposed(strategy)
    if os.environ.get("BALLAST_WRITE_GOLDEN"):
        file.write_text(yaml.safe_dump(plan, sort_keys=False, allow_unicode=True, width=110))
    assert plan == yaml.safe_load(file.read_text())


def test_there_is_one_for_each_strategy() -> None:
    """Each strategy of the catalogue has its audit here and its plan in tests/golden, nothing else."""
    files = {file.stem for file in HERE.glob("*.yaml")} - {"world"}
    assert set(AUDITS) == files == set(load().strategies)


def test_a_plan_tells_one_deviation() -> None:
    """Summary, bound and forecast of an evened load agree, though hosts differ in size."""
    plan = proposed("workload_stabilization")
    for n, word in enumerate(("cpu", "ram")):
        before, after = (
            plan["forecast"][f"standard_deviation_{word}_{k}_audit"] for k in ("before", "after")
        )
        assert f"{word.upper()} {before:.2f} -> {after:.2f} points" in plan["reason"]
        assert plan["bounds"][n]["value"] == round(after, 3)
