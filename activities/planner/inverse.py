"""The way back: the plan that undoes what was done, in reverse, as parallel as the way forward."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from activities import actions
from activities.planner import schedule
from plan_schemas.frozen import EMPTY, FrozenDict, freeze
from plan_schemas.plan import Action, Execution, Plan

UNDO_PRIORITY = 10  # the greatest there is


@dataclass(frozen=True)
class Back:
    """The undoing plan, None when nothing can be undone, and one sentence per action that cannot."""

    plan: Plan | None
    leftovers: tuple[str, ...]


def undo_plan(plan: Plan, done: Iterable[str], *, reason: str) -> Back:
    """Undo the actions of the ids `done`. The undo of `x` is `undo-x`.

    Where x waited for y, y's undo waits for that of x: space is given back before it is taken again. Only a
    host that was closed before it was emptied is opened first again, before it is filled.
    """
    undone, leftovers = _inverses(plan, frozenset(done))
    if not undone:
        return Back(None, leftovers)
    linked = _link([a for a in plan.actions if a.id in undone], undone)
    rank = schedule.priorities(linked, plan.execution.limits)
    return Back(
        replace(
            plan,
            name=f"{plan.name}-undo",
            actions=tuple(replace(a, priority=rank[a.id]) for a in linked),
            execution=_execution(plan.execution),
            reason=reason,
            forecast=EMPTY,
            bounds=(),
            rejected=(),
            irreversible=(),
            shares=FrozenDict({n: s for n, s in plan.shares.items() if not s.seconds}),
        ),
        leftovers,
    )


def irreversible(plan: Plan) -> tuple[str, ...]:
    """A sentence per action of the plan that could not be undone."""
    return _inverses(plan, frozenset(action.id for action in plan.actions))[1]


def _inverses(plan: Plan, chosen: frozenset[str]) -> tuple[dict[str, Action], tuple[str, ...]]:
    leftovers: list[str] = []
    undone: dict[str, Action] = {}
    for action in plan.actions:
        if action.id not in chosen:
            continue
        back = _inverse(plan, action)
        if back is not None:
            undone[action.id] = back
        elif not actions.find(action.type).satisfied(action.expects, **action.parameters):
            leftovers.append(f"{action.id}: a {action.type} cannot be undone")
    return undone, tuple(leftovers)


def _execution(forward: Execution) -> Execution:
    """Every step back that can be taken is worth taking: nobody is asked on the way, and it goes before what
    is new."""
    return exempt(replace(forward, on_failure="continue", priority=UNDO_PRIORITY))


def exempt(execution: Execution) -> Execution:
    """What is undone does not wait for a window, and no plan's budget counts it. Slots do."""
    limits = replace(execution.limits, cloud=None, per_hour=None)
    return replace(execution, limits=limits, windows=())


def unhurried(plan: Plan) -> Plan:
    """The same plan in no budget over a time. Those of what moves at once count what is undone, too."""
    kept = {name: share for name, share in plan.shares.items() if not share.seconds}
    actions = tuple(replace(a, shares=tuple(s for s in a.shares if s in kept)) for a in plan.actions)
    return replace(plan, actions=actions, shares=FrozenDict(kept))


def _inverse(plan: Plan, action: Action) -> Action | None:
    module = actions.find(action.type)
    parameters = module.inverse(action.expects, **action.parameters)
    if parameters is None or not plan.types[action.type].reversible:
        return None
    return replace(
        action,
        id=f"undo-{action.id}",
        parameters=freeze(parameters),
        reason=f"undoes {action.id}",
        expects=freeze(module.wants(action.expects, **action.parameters)),
        touches=module.touches(**parameters),
        needs=(),
        freed_by=(),
        after=(),
        on_failure="",
        urgency=1,
        just_in_time=False,
        numbers=EMPTY,
        alternatives=(),
        shares=tuple(name for name in action.shares if not plan.shares[name].seconds),
    )


def _link(forward: list[Action], undone: dict[str, Action]) -> tuple[Action, ...]:
    """The inverse actions with their edges, in an order in which every edge leads backward."""
    needs: dict[str, list[str]] = defaultdict(list)
    freed_by: dict[str, list[str]] = defaultdict(list)
    for action in forward:
        for id in action.waits_for:
            if id not in undone:
                continue
            if _comes_first(undone[id], undone[action.id]):
                needs[action.id].append(id)
            elif id in action.needs:
                needs[id].append(action.id)
            else:
                freed_by[id].append(action.id)
    opened = {id for waits in needs.values() for id in waits if undone[id].touches.service is not None}
    linked = {
        a.id: replace(
            undone[a.id],
            needs=tuple(undone[i].id for i in needs[a.id]),
            freed_by=tuple(undone[i].id for i in freed_by[a.id]),
            just_in_time=a.id in opened and undone[a.id].touches.sets == "enabled",
        )
        for a in forward
    }
    return _sorted([linked[a.id] for a in reversed(forward)])


def _comes_first(switch: Action, move: Action) -> bool:
    """Whether the one opens the host that the other enters."""
    host = switch.touches.service
    return host is not None and switch.touches.sets == "enabled" and move.touches.into == host


def _sorted(rows: list[Action]) -> tuple[Action, ...]:
    """Backward edges only, otherwise in the order given."""
    rest = {a.id: a for a in rows}
    out: dict[str, Action] = {}

    def visit(action: Action) -> None:
        path = [action]
        while path:
            top = path[-1]
            missing = [rest[i] for i in top.waits_for if i not in out]
            if missing:
                path.append(missing[0])
            else:
                out[path.pop().id] = top

    for action in rows:
        if action.id not in out:
            visit(action)
    return tuple(out.values())
