"""The way back: the plan that undoes what was done, in reverse, as parallel as the way forward."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
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
    """A sentence per action of the plan that could not be undone, or only by good luck."""
    return (*_inverses(plan, frozenset(action.id for action in plan.actions))[1], *_astray(plan))


def _astray(plan: Plan) -> tuple[str, ...]:
    """Moves before something that leaves the host of their server open: the way back of that does so, too."""
    open_after: dict[str | None, str] = {}
    found = []
    for action in reversed(plan.actions):
        moved, opener = action.touches.instance, open_after.get(action.touches.instance)
        if action.touches.into is not None and opener is not None:
            anywhere = f"its server can be anywhere when {opener} is undone"
            found.append(f"{action.id}: {anywhere}, and is moved back only from {action.touches.into}")
        wanted = actions.find(action.type).wants(action.expects, **action.parameters)
        if moved is not None and "host" in action.expects and "host" not in wanted:
            open_after[moved] = action.id
    return tuple(reversed(found))


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
    needs: dict[str, list[str]] = {a.id: [] for a in forward}
    freed_by: dict[str, list[str]] = {a.id: [] for a in forward}
    openers = _openers([undone[a.id] for a in forward])
    ids = {undone[a.id].id: a.id for a in forward}
    for opener, moves in openers.items():
        for move in moves:  # also where only something before it waited for the closing
            needs[ids[move]].append(ids[opener])
    late: list[tuple[str, str]] = []
    for action in forward:
        for id in (id for id in action.waits_for if id in undone):
            if undone[id].id in openers:
                late.append((id, action.id))
            else:
                (needs if id in action.needs else freed_by)[id].append(action.id)
    for opener, id in late:
        if opener not in needs[id] and not _waits(id, opener, needs, freed_by):
            needs[opener].append(id)
    linked = {
        a.id: replace(
            undone[a.id],
            needs=tuple(undone[i].id for i in dict.fromkeys(needs[a.id])),
            freed_by=tuple(undone[i].id for i in freed_by[a.id] if i not in needs[a.id]),
            just_in_time=undone[a.id].id in openers,
        )
        for a in forward
    }
    return _sorted([linked[a.id] for a in reversed(forward)])


def _openers(back: list[Action]) -> dict[str, list[str]]:
    """The actions that open a host which others enter, and which those are."""
    enters: dict[str | None, list[str]] = defaultdict(list)
    for action in back:
        if action.touches.into is not None:
            enters[action.touches.into].append(action.id)
    opens = (a for a in back if a.touches.sets == "enabled" and a.touches.service in enters)
    return {a.id: enters[a.touches.service] for a in opens}


def _waits(id: str, other: str, *edges: Mapping[str, list[str]]) -> bool:
    """Whether the one comes after the other already, over whatever edges."""
    rest, seen = [id], set()
    while rest:
        one = rest.pop()
        if one == other:
            return True
        if one not in seen:
            seen.add(one)
            for of in edges:
                rest += of[one]
    return False


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
