"""The life of one action, whatever its type: trace, look, re-check, do, check afterwards, report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from activities import actions
from activities.actions import ActionModule, Facts
from activities.doing.ceilings import Leave
from activities.doing.facts import differences
from activities.door import Cancelled, Door, Failed, Gone, Transient, Watch
from activities.observe import Incomplete
from activities.rules import marks, reserve
from activities.rules.occupancy import Occupancy
from plan_schemas.audit import Rules
from plan_schemas.frozen import EMPTY, thaw
from plan_schemas.model import Cluster
from plan_schemas.plan import Action, SkipCause
from plan_schemas.policy import Policy, honoured, of_cloud


@dataclass(frozen=True, slots=True)
class _Try:
    """One action on its way into the cloud: what it is, where it goes, and who lets it."""

    module: ActionModule
    action: Action
    parameters: dict[str, Any]
    door: Door
    leave: Leave
    watch: Watch


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an action ended that did not fail: done, skipped (with a cause) or cancelled."""

    outcome: str
    reason: str = ""
    cause: SkipCause | None = None
    evidence: Mapping[str, Any] = EMPTY
    seconds: float = 0.0  # since it was first scheduled if it took several attempts, else since it began


def carry_out(
    action: Action,
    door: Door,
    watch: Watch,
    *,
    allow: Iterable[str],
    begin: bool = True,
    policies: Sequence[Policy] = (),
    approved: bool = False,
) -> Outcome:
    """Carry an action out exactly once; `allow` are the kinds of intervention that the plan permits.

    The policies are this worker's own, and hold whatever the plan says: it may be forged, or older than they.

    Without `begin` only what an earlier attempt asked for is seen to its end.

    Raises Failed or Transient (and Stopped, when told to let go of what runs in the cloud).
    """
    module = actions.find(action.type)
    parameters = thaw(action.parameters)
    begun = watch.now() if watch.attempt == 1 else watch.since
    if module.trace(door, watch, **parameters) is None:
        if not begin:
            return Outcome("cancelled", "nothing was asked of the cloud")
        leave = Leave(frozenset(allow), of_cloud(policies, door.cloud), approved)
        skipped = _why_not(_Try(module, action, parameters, door, leave, watch))
        if skipped is not None:
            return skipped
    evidence, missing = None, None
    try:
        evidence = module.do(door, watch, **parameters)
    except Cancelled as why:
        return Outcome("cancelled", why.reason, None, why.evidence, _since(begun, watch))
    except Gone as why:
        missing = why
    found = module.look(door, **parameters)
    if found is None:  # deleted a moment before we began, or a moment after: one answer
        said = "it was deleted on the way: nothing is left to be done for it"
        return Outcome("skipped", said, SkipCause.PRECONDITION, {}, _since(begun, watch))
    if evidence is None:
        raise Transient(f"the cloud missed what is there: {missing}") from missing  # and may do so again
    _require_wanted(module, action, parameters, found)
    return Outcome("done", str(evidence.get("said", "")), None, evidence, _since(begun, watch))


def _since(begun: datetime, watch: Watch) -> float:
    return round((watch.now() - begun).total_seconds(), 3)


def _why_not(one: _Try) -> Outcome | None:
    """The skip that the present state of the cloud demands, if any. Raises Transient when it is only busy."""
    facts = one.module.look(one.door, **one.parameters)
    if facts is None:
        return Outcome("skipped", "what it is about does not exist (any more)", SkipCause.PRECONDITION)
    if one.module.satisfied(facts, **one.parameters):
        return Outcome("skipped", "it is so already", SkipCause.ALREADY, {"found": dict(facts)})
    if facts.get("task_state") is not None:
        raise Transient(f"busy: the task {facts['task_state']} is in progress")
    drift = differences(one.action.expects, facts)
    if drift:
        evidence = {"drift": list(drift), "found": dict(facts)}
        return Outcome("skipped", "; ".join(drift), SkipCause.DRIFT, evidence)
    if said := _left_to_others(facts) or str(facts.get("refused", "")):
        return Outcome("skipped", said, SkipCause.PRECONDITION, {"found": dict(facts)})
    return _refused(one, facts)


def _left_to_others(facts: Facts) -> str:
    """Why it is not touched although it is as the plan expects; Nova lets an administrator do so."""
    if facts.get("locked"):
        return "it is locked: whoever locked it wants it left alone"
    said = marks.recovered(facts.get("status"), facts.get("disabled_reason"))
    return f"the host {said}" if said else ""


def _refused(one: _Try, facts: Facts) -> Outcome | None:
    """Capacity and rules, on a fresh picture of the hosts that the action touches."""
    touches, leave = one.module.touches(**one.parameters), one.leave
    leave.require(one.module.permission(**one.parameters))
    # What stays where it is touches no host: the one that it is on shows what protects it.
    at = facts.get("host") if touches.instance is not None else None
    hosts = frozenset(h for h in (touches.out, touches.into, touches.service, at) if h is not None)
    if touches.into is None and not (hosts and leave.policies):
        return None
    try:
        cluster = one.door.picture(hosts, touches.instance, now=one.watch.now())
    except Incomplete as why:
        raise Transient(f"the hosts it touches cannot be read in full: {'; '.join(why.missing[:3])}") from why
    leave.require_unprotected(touches, cluster)
    if said := leave.withheld(one.action, cluster):
        return Outcome("skipped", said, SkipCause.UNAPPROVED)
    if said := _takes_from_a_reserve(one, cluster):
        return Outcome("skipped", said, SkipCause.PRECONDITION, {"refusals": ["reserve"]})
    if touches.into is None:
        return None
    rules = Rules(frozenset(cluster.hosts), allow=leave.allow, lifecycle=honoured(leave.policies))
    found = one.module.refusals(cluster, Occupancy(cluster), rules, **one.parameters)
    if not found:
        return None
    reasons = [refusal.text for refusal in found]
    if any(refusal.code == "busy" for refusal in found):
        raise Transient("; ".join(reasons))
    codes = [refusal.code for refusal in found]
    return Outcome("skipped", "; ".join(reasons), SkipCause.PRECONDITION, {"refusals": codes})


def _takes_from_a_reserve(one: _Try, around: Cluster) -> str:
    """Why a reserve forbids it, on a fresh picture of the whole cloud. Whoever else takes from the same
    reserve waits meanwhile: of such actions only one has its permit."""
    touches, policies = one.module.touches(**one.parameters), one.leave.policies
    if not any(reserve.drawn_on(r, touches, around) for p in policies for r in p.reserve):
        return ""
    try:
        cluster = one.door.picture(None, None, now=one.watch.now())
    except Incomplete as why:
        raise Transient(f"the reserve cannot be told: {'; '.join(why.missing[:3])}") from why
    if touches.service is not None and touches.service not in cluster.hosts:
        return ""  # the action itself says so
    return reserve.refused(policies, touches, cluster, one.module.apply(cluster, **one.parameters))


def _require_wanted(module: ActionModule, action: Action, parameters: dict[str, Any], found: Facts) -> None:
    """Believe what is seen: the facts must be those that the action was for."""
    wanted = module.wants(action.expects, **parameters) if action.expects else {}
    wrong = differences(wanted, found)
    if wrong:
        raise Failed(
            f"done, but not as wanted: {'; '.join(wrong)}",
            "look at what changed it meanwhile",
            kind="not_as_wanted",
        )
