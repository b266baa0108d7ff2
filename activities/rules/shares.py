"""PURE: which budgets and reserves each action of a plan has a part in, from policies and a whole model.

A worker works them out when it admits a plan, whoever made it and whatever it says of them itself: so no
plan has others than those that the worker's own policies give it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

from activities.rules import groups, reserve
from plan_schemas.budget import Share
from plan_schemas.frozen import FrozenDict
from plan_schemas.model import Cluster
from plan_schemas.plan import Action, Plan
from plan_schemas.policy import Policy


def needed(policies: Sequence[Policy]) -> bool:
    """Whether there is anything to share at all, which takes a picture of the whole cloud."""
    return any(policy.budgets or policy.reserve for policy in policies)


def shared(plan: Plan, cluster: Cluster, policies: Sequence[Policy]) -> Plan:
    """The same plan with its shares."""
    limits: dict[str, Share] = {}
    instances = cache(lambda per, group: groups.instances_in(per, group, cluster))
    actions = []
    for action in plan.actions:
        mine: dict[str, Share] = dict(_reserves(action, cluster, policies))
        for policy in policies:
            for budget in policy.budgets:
                found = groups.moved_in(budget.per, action.touches, cluster)
                for group in groups.named(found, budget.names):
                    name = budget.name(group, policy.name)
                    share = Share(budget.limit(instances(budget.per, group)), budget.within)
                    mine[name] = min(share, mine.get(name, share), key=lambda s: s.limit)
        limits |= {name: min(s, limits.get(name, s), key=lambda s: s.limit) for name, s in mine.items()}
        actions.append(replace(action, shares=tuple(sorted(mine))))
    return replace(plan, actions=tuple(actions), shares=FrozenDict(sorted(limits.items())))


def _reserves(action: Action, cluster: Cluster, policies: Sequence[Policy]) -> Iterator[tuple[str, Share]]:
    """What takes room from a reserve does so one at a time, over all plans: each looks what is left."""
    for policy in policies:
        for kept in policy.reserve:
            for group in reserve.drawn_on(kept, action.touches, cluster):
                yield kept.name(group, policy.name), Share(1)
