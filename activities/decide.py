"""From an audit and a snapshot to a plan: the strategy proposes, the planner makes it safe. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from activities import strategies
from activities.metrics import aside, gate
from activities.others import claims
from activities.planner import plan as planner
from activities.rules import reserve
from plan_schemas import needs
from plan_schemas.audit import Audit, Situation
from plan_schemas.catalog import Catalog
from plan_schemas.frozen import FrozenDict
from plan_schemas.model import Cluster
from plan_schemas.plan import Plan, Proposal, Refused
from plan_schemas.policy import Policy, bounded, narrowed, of_cloud
from plan_schemas.usage import NONE, Usage

FEWER = "max_hosts"  # the parameter of strategies that can release fewer hosts than they would


@dataclass(frozen=True, slots=True)
class Tried:
    """What a strategy proposes, as a plan if it is anything, and the reserves that it would break."""

    proposal: Proposal
    plan: Plan | None
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """The plan, or None when there is nothing to do; the strategy's own sentence either way."""

    plan: Plan | None
    proposal: Proposal

    @property
    def summary(self) -> str:
        return self.proposal.summary


def plan_for(
    audit: Audit,
    cluster: Cluster,
    catalog: Catalog,
    *,
    audit_id: str | None = None,
    moves: Iterable[Mapping[str, Any]] = (),
    policies: Sequence[Policy] = (),
    usage: Usage = NONE,
) -> Made:
    """Decide on a snapshot, and on what was measured of it, reckoning with what other plans still move
    (`{instance, type, parameters}`).

    The plan is as old as its snapshot, so that the same input gives the same bytes. Raises Refused.
    """
    above = of_cloud(policies, audit.cloud)
    audit = replace(audit, execution=bounded(audit.execution, above))
    rules = narrowed(audit.scope.rules(cluster, audit.execution.allow), above, cluster)
    fingerprint = cluster.fingerprint
    usage = _believed(audit, cluster, catalog, usage)
    cluster, rules = claims.reckon(aside.doubting(cluster, usage.aside), rules, moves)
    strategy = strategies.find(audit.strategy)

    def tried(more: Mapping[str, Any], why: str = "") -> Tried:
        proposal = strategy.decide(Situation(cluster, rules, usage), **{**dict(audit.parameters), **more})
        proposal = replace(proposal, summary=f"{proposal.summary}{why}")
        if not proposal.changes:
            return Tried(proposal, None, ())
        plan = planner.make(
            audit, cluster, rules, proposal, catalog, created_at=cluster.collected_at, usage=usage
        )
        return Tried(proposal, plan, reserve.broken(plan, cluster, above))

    made = tried({})
    if made.problems and FEWER in catalog.strategies[audit.strategy].parameters["properties"]:
        made = _with_fewer_hosts(tried, made)
    proposal, plan = made.proposal, made.plan
    if plan is None:  # then no plan says what it rests on
        told = "".join(f" Assumed: {one}." for one in usage.assumed)
        return Made(None, replace(proposal, summary=f"{proposal.summary}{told}"))
    if made.problems:
        raise Refused("; ".join(made.problems[:5]), "narrow the scope of the audit, or let it change less")
    model = {**plan.model, "fingerprint": fingerprint}  # of the snapshot as it was collected
    if audit.max_age_seconds:
        model["max_age_seconds"] = audit.max_age_seconds
    if usage.at:
        unknown: dict[str, Any] = {"assumed": usage.assumed, "aside": usage.aside}
        given = {key: value for key, value in unknown.items() if value}
        model["usage"] = FrozenDict({"at": usage.at, "source": usage.source, **given})
    return Made(replace(plan, model=FrozenDict(model), audit=audit_id or plan.audit), proposal)


def _with_fewer_hosts(tried: Callable[[Mapping[str, Any], str], Tried], whole: Tried) -> Tried:
    """The most hosts that can be released without breaking a reserve; the whole with its complaints if it is
    none."""
    closed = sum(change.parameters.get("state") == "disabled" for change in whole.proposal.changes)
    _, _, reserve_broken = whole.problems[0].partition(": ")  # by which action is the other set's own
    why = f" More hosts would break a reserve: {reserve_broken}."
    best, low, high = whole, 1, closed - 1
    while low <= high:
        most = (low + high) // 2
        made = tried({FEWER: most}, why)
        if made.problems or made.plan is None:
            high = most - 1
        else:
            best, low = made, most + 1
    return best


def _believed(audit: Audit, cluster: Cluster, catalog: Catalog, usage: Usage) -> Usage:
    """The numbers that the strategy needs for this audit, and no others. Raises Refused."""
    declared = catalog.strategies[audit.strategy]
    wanted = needs.of(declared, audit.parameters, catalog.metrics)
    return gate.admitted(usage, wanted, declared, cluster, catalog.metrics, audit.max_age_seconds)
