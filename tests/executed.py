"""A plan carried out on the simulated cloud, action by action in its own order, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from activities.decide import plan_for
from activities.doing.execute import Outcome, carry_out
from activities.planner import indicators
from plan_schemas import admit, needs
from plan_schemas.catalog import load
from plan_schemas.model import Cluster
from plan_schemas.plan import Plan
from plan_schemas.usage import Usage
from tests.how.acting import VirtualWatch, door_to, observed
from tests.worlds.simulated import simulated


@dataclass(frozen=True)
class Executed:
    """How each action ended, with what proves it, and the goal's indicators afterwards."""

    plan: Plan
    ends: Mapping[str, Outcome]
    measured: Mapping[str, float]


def executed(audit: Mapping[str, Any], cluster: Cluster, usage: Usage) -> Executed:
    """Decide, carry out through the real client, observe again.

    The simulator has no load of this world: each server uses afterwards what it used before, wherever it is.
    """
    known = load()
    asked = admit.audit(dict(audit), known)
    made = plan_for(asked, cluster, known, usage=usage)
    assert made.plan is not None, made.summary
    cloud = simulated(cluster)
    before, ends = observed(cloud), dict[str, Outcome]()
    for action in made.plan.actions:
        watch = VirtualWatch.new(cloud)
        ends[action.id] = carry_out(action, door_to(cloud), watch, allow=made.plan.execution.allow)
        cloud.advance(1)
    wanted = needs.names(known.strategies[asked.strategy], asked.parameters)
    used = replace(usage, values={name: usage.values[name] for name in wanted})
    emptied = known.strategies[asked.strategy].emptied(asked.parameters)
    measured = indicators.measure(
        known.goals[asked.goal], before, observed(cloud), used_before=used, emptied=emptied
    )
    return Executed(made.plan, ends, measured)
