"""A plan beside the picture that it rests on: the cloud before it, after it, and what it had to keep to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from activities import actions
from activities.metrics.aside import doubting
from activities.planner.indicators import measure
from activities.planner.projection import Projection
from activities.rules.occupancy import Occupancy
from plan_schemas.audit import Audit, Rules, Scope
from plan_schemas.catalog import Goal, Strategy
from plan_schemas.frozen import EMPTY
from plan_schemas.metric import Metric
from plan_schemas.model import Cluster
from plan_schemas.plan import Action, Plan
from plan_schemas.policy import Policy, narrowed, of_cloud
from plan_schemas.usage import NONE, Usage


@dataclass(frozen=True)
class Case:
    """What every answer is worked out from."""

    plan: Plan
    before: Cluster
    rules: Rules
    goal: Goal | None = None
    parameters: Mapping[str, Any] = field(default=EMPTY)  # of the audit, as far as it is known
    usage: Usage = NONE  # as far as it is known
    metrics: Mapping[str, Metric] = field(default=EMPTY)  # that it may tell of
    emptied: tuple[str, ...] = ()  # hosts that its audit wants empty, as far as it is known

    @cached_property
    def after(self) -> Cluster:
        """The cloud once the plan is carried out, as far as this picture has what it is about."""
        return self._with(self.plan.actions)

    def until(self, action: Action) -> Cluster:
        """The cloud when all that the plan lists before an action is carried out."""
        return self._with(self.plan.actions[: self.plan.actions.index(action)])

    @cached_property
    def reached(self) -> Mapping[str, float]:
        """The indicators of the goal once the plan is carried out, as far as they are known here."""
        return self.measured(self.after)

    def measured(self, after: Cluster) -> Mapping[str, float]:
        """The same if that were what the plan leads to."""
        if self.goal is None:
            return EMPTY
        return measure(self.goal, self.before, after, used_before=self.usage, emptied=self.emptied)

    @cached_property
    def room_before(self) -> Occupancy:
        return Occupancy(self.before)

    @cached_property
    def room_after(self) -> Occupancy:
        return Occupancy(self.after)

    def moves_of(self, instance: str) -> tuple[Action, ...]:
        return tuple(a for a in self.plan.actions if a.touches.instance == instance)

    def _with(self, done: Sequence[Action]) -> Cluster:
        projection = Projection(self.before)
        for action in done:
            if self._is_here(action):
                here = projection.around(action.touches)
                projection.apply(actions.find(action.type), here, action.parameters)
        return projection.cluster()

    def _is_here(self, action: Action) -> bool:
        touches = action.touches
        return (touches.instance is None or touches.instance in self.before.instances) and (
            touches.service is None or touches.service in self.before.hosts
        )


def case(
    plan: Plan,
    cluster: Cluster,
    *,
    audit: Audit | None = None,
    policies: Sequence[Policy] = (),
    goals: Mapping[str, Goal] = EMPTY,
    usage: Usage = NONE,
    metrics: Mapping[str, Metric] = EMPTY,
    strategies: Mapping[str, Strategy] = EMPTY,
) -> Case:
    """The plan with the rules that it was decided by; without its audit those of the whole cloud."""
    scope = audit.scope if audit is not None else Scope()
    rules = scope.rules(cluster, plan.execution.allow)
    rules = narrowed(rules, of_cloud(policies, plan.cloud), cluster)
    parameters = audit.parameters if audit is not None else EMPTY
    cluster = doubting(cluster, plan.model.get("usage", EMPTY).get("aside", EMPTY))
    decided = strategies.get(audit.strategy) if audit is not None else None
    emptied = decided.emptied(parameters) if decided is not None else ()
    return Case(plan, cluster, rules, goals.get(plan.goal or ""), parameters, usage, metrics, emptied)
