"""Why a strategy of load let a thing be, in the numbers that it decided by."""

from __future__ import annotations

from activities.balancing import load
from activities.balancing.roll import Roll
from activities.metrics import gate
from activities.why.case import Case
from activities.words import beside, count
from plan_schemas.frozen import FrozenDict
from plan_schemas.usage import Usage


def below(case: Case, host: str) -> str:
    """That a plan of relief had nothing to relieve there; empty where it had, or where nobody can tell."""
    metric, threshold = str(case.parameters.get("metrics")), case.parameters.get("threshold")
    relieves = any(one.name == "hosts_over_threshold" for one in case.plan.bounds)
    if not relieves or threshold is None or metric not in case.metrics or metric not in load.KINDS:
        return ""
    here = case.before.on(host)
    numbers = gate.judge(case.metrics[metric], case.usage, case.before).numbers
    known = {u for u, used in numbers.items() if not used or u in case.usage.values.get(metric, ())}
    if any(one.uuid not in known or case.moves_of(one.uuid) for one in here):
        return ""  # what nobody measured is only assumed
    kind, roll = load.KINDS[metric], Roll(case.before)
    uses = load.by_instance(kind, roll, Usage(FrozenDict({metric: FrozenDict(numbers)})))
    level = load.levels(roll, uses, {}, load.capacities(kind, case.before)).get(host)
    if level is None or 100 * level >= threshold:
        return ""
    is_at = f"{host} is at {beside(100 * level, threshold)} %, below the threshold of {threshold:g} %"
    return f"{is_at}: nothing there had to go"


def stop(case: Case) -> str:
    """What ended a plan that evens out load, as it tells itself; empty where that is something else."""
    reached = {b.name: b.value for b in case.plan.bounds if b.name.startswith("deviation_")}
    kinds = [load.KINDS[metric] for metric in case.parameters.get("metrics", ()) if metric in load.KINDS]
    if not kinds or len(kinds) != len(reached):
        return ""
    told = []
    for kind in kinds:
        value = reached.get(f"deviation_{kind.word.lower()}")
        enough = 100 * case.parameters.get("thresholds", {}).get(kind.metric, load.EVEN_ENOUGH)
        if value is None or value > enough:
            return _spent(case)
        told.append(f"{kind.word} {beside(value, enough, 2)} <= {enough:g}")
    return f"the deviations are at or below their thresholds ({', '.join(told)} points)"


def _spent(case: Case) -> str:
    most = case.parameters.get("max_moves")
    moves = sum(a.touches.into is not None for a in case.plan.actions)
    return f"the plan makes the {count(most, 'move')} that max_moves allows" if most == moves else ""
