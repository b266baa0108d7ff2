"""Replay a plan on the model with the executor's own state machine: when what happens, and what breaks."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field, replace

from activities import actions
from activities.planner import bounds
from activities.rules.occupancy import Occupancy
from plan_schemas.audit import Rules
from plan_schemas.model import Cluster
from plan_schemas.plan import Action, ActionState, Plan, Refusal
from workflows.progress import Progress

AT_LEAST = 0.5  # seconds that any action takes, so that time goes on


@dataclass(frozen=True, slots=True)
class Moment:
    """One action on the timeline, in seconds from the start."""

    action: str
    start: float
    end: float


@dataclass
class Replay:
    final: Cluster
    moments: list[Moment] = field(default_factory=list)
    violations: list[tuple[float, str, Refusal]] = field(default_factory=list)  # when, action, which rule
    makespan: float = 0.0
    bound: float = 0.0
    never_started: list[str] = field(default_factory=list)


class _Stage:
    """The model as it changes while actions run: a mover counts on both hosts."""

    def __init__(self, cluster: Cluster, rules: Rules) -> None:
        self.cluster = cluster
        self.rules = rules
        self.occupancy = Occupancy(cluster)

    def begin(self, action: Action) -> tuple[Refusal, ...]:
        """Why it may not start; what may takes its space."""
        found = self._refusals(action)
        touches = action.touches
        if not found and touches.instance and touches.into:
            self.occupancy.add(touches.instance, touches.into)
        return found

    def end(self, action: Action) -> None:
        touches = action.touches
        if touches.instance and touches.out:
            self.occupancy.remove(touches.instance, touches.out)
        self.cluster = actions.find(action.type).apply(self.cluster, **action.parameters)

    def _refusals(self, action: Action) -> tuple[Refusal, ...]:
        missing = action.touches.instance
        if missing is not None and missing not in self.cluster.instances:
            return (Refusal("unknown_instance", missing, f"there is no server {missing} in the snapshot"),)
        module = actions.find(action.type)
        return module.refusals(self.cluster, self.occupancy, self.rules, **action.parameters)


def replay(plan: Plan, cluster: Cluster) -> Replay:
    """Run a plan on a snapshot as the executor would: the same slots, edges and priorities.

    What a rule forbids is told and not done; the rest goes on, so that all that is wrong is found.
    """
    plan = replace(plan, actions=tuple(_timed(a, cluster) for a in plan.actions))
    out = Replay(cluster, bound=bounds.makespan(plan.actions, plan.execution.limits, Occupancy(cluster)))
    stage = _Stage(cluster, Rules(frozenset(cluster.hosts), allow=frozenset(plan.execution.allow)))
    progress, now, running = Progress(plan), 0.0, list[tuple[float, int, str]]()
    order = {a.id: i for i, a in enumerate(plan.actions)}
    started: dict[str, float] = {}
    forbidden: set[str] = set()
    while True:
        for id in progress.startable():
            action = progress.actions[id]
            if refused := stage.begin(action):
                forbidden.add(id)
                out.violations += [(now, id, r) for r in refused]
            started[id] = now
            heapq.heappush(running, (now + max(action.seconds, AT_LEAST), order[id], id))
        if not running:
            break
        now, _, id = heapq.heappop(running)
        if id not in forbidden:
            stage.end(progress.actions[id])
        progress.finish(id, ActionState.SUCCEEDED)
        out.moments.append(Moment(id, started[id], now))
    out.makespan, out.final = now, stage.cluster
    out.never_started = [id for id, s in progress.standing.items() if s.state == ActionState.PENDING]
    return out


def _timed(action: Action, cluster: Cluster) -> Action:
    """The action with its expected duration, which a plan by hand leaves out."""
    instance = action.touches.instance
    if action.seconds or (instance is not None and instance not in cluster.instances):
        return action
    return replace(action, seconds=actions.find(action.type).seconds(cluster, **action.parameters))
