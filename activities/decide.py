"""From an audit and a snapshot to a plan: the strategy proposes, the planner makes it safe. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from activities import strategies
from activities.metrics import gate
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
    moves: Iterable[Mapping[str, str]] = (),
    policies: Sequence[Policy] = (),
    usage: Usage = NONE,
) -> Made:
    """Decide on a snapshot, and on what was measured of it, reckoning with what other plans still move
    (`{instance, into}`).

    The plan is as old as its snapshot, so that the same input gives the same bytes. Raises Refused.
    """
    above = of_cloud(policies, audit.cloud)
    audit = replace(audit, execution=bounded(audit.execution, above))
    rules = narrowed(audit.scope.rules(cluster, audit.execution.allow), above, cluster)
    fingerprint = cluster.fingerprint
    usage = _believed(audit, cluster, catalog, usage)
    cluster, rules = claims.reckon(cluster, rules, moves)
    strategy = strategies.find(audit.strategy)
    proposal = strategy.decide(Situation(cluster, rules, usage), **dict(audit.parameters))
    if not proposal.changes:
        return Made(None, proposal)
    plan = planner.make(audit, cluster, rules, proposal, catalog, created_at=cluster.collected_at)
    if problems := reserve.broken(plan, cluster, above):
        raise Refused("; ".join(problems[:5]), "narrow the scope of the audit, or let it change less")
    model = {**plan.model, "fingerprint": fingerprint}  # of the snapshot as it was collected
    if audit.max_age_seconds:
        model["max_age_seconds"] = audit.max_age_seconds
    return Made(replace(plan, model=FrozenDict(model), audit=audit_id or plan.audit), proposal)


def _believed(audit: Audit, cluster: Cluster, catalog: Catalog, usage: Usage) -> Usage:
    """The numbers that the strategy needs for this audit, and no others. Raises Refused."""
    declared = catalog.strategies[audit.strategy]
    wanted = needs.of(declared, audit.parameters, catalog.metrics)
    return gate.admitted(usage, wanted, declared, cluster, catalog.metrics, audit.max_age_seconds)
