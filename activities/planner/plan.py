"""Makes a plan of a proposal: ids, order, edges, priorities, forecast, and the proof that it is safe."""

from __future__ import annotations

from collections.abc import Mapping

from activities.planner.edges import freed_by
from activities.planner.indicators import measure
from activities.planner.names import name
from activities.planner.order import Ordered, order
from activities.planner.projection import Projection
from activities.planner.soonest import soonest
from activities.planner.step import Step, step
from activities.planner.verify import verify
from activities.rules.occupancy import Occupancy
from activities.words import count
from plan_schemas import automation, schema
from plan_schemas.audit import Audit, Rules
from plan_schemas.catalog import Catalog
from plan_schemas.frozen import FrozenDict, canonical, freeze
from plan_schemas.model import Cluster
from plan_schemas.plan import Action, ActionType, Plan, Proposal, Refusal, Refused, to_document
from plan_schemas.usage import NONE, Usage

_SHOWN = 200  # refusals that a plan carries


def make(
    audit: Audit,
    cluster: Cluster,
    rules: Rules,
    proposal: Proposal,
    catalog: Catalog,
    *,
    created_at: str,
    usage: Usage = NONE,
) -> Plan:
    """The plan of a proposal. What cannot be ordered safely is in `rejected`, by name.

    Raises Refused for a plan that is too large, needs an unknown type of action, or is not proven safe.
    """
    changes = proposal.changes
    steps = [step(c, n, id) for n, (c, id) in enumerate(zip(changes, name(changes, cluster)))]
    _known(steps)
    ordered = order(steps, cluster, rules)
    actions, after = actions_of(ordered, cluster, catalog.strategies[audit.strategy].urgency)
    given = {s.id: s.change.freed_by for s in ordered.steps}
    actions, timing = soonest(actions, given, Occupancy(cluster), audit.execution.limits)
    verify(actions, cluster)
    moves = sum(a.touches.into is not None for a in actions)
    foreseen = measure(
        catalog.goals[audit.goal],
        cluster,
        after,
        moves=moves,
        used_before=usage,
        emptied=catalog.strategies[audit.strategy].emptied(audit.parameters),
    )
    plan = Plan(
        name=audit.name,
        cloud=cluster.cloud,
        created_at=created_at,
        execution=audit.execution,
        types=freeze(_types(actions, catalog)),
        actions=actions,
        reason=_reason(proposal, ordered),
        requested_by=audit.requested_by,
        audit=audit.name,
        goal=audit.goal,
        strategy=audit.strategy,
        catalogue=catalog.digest,
        model=FrozenDict({"fingerprint": cluster.fingerprint, "collected_at": cluster.collected_at}),
        forecast=freeze(foreseen),
        bounds=(*proposal.bounds, *((timing,) if actions else ())),
        rejected=_capped((*ordered.refused, *proposal.rejected)),
    )
    _small_enough(plan)
    return plan


def _known(steps: list[Step]) -> None:
    ids = {s.id for s in steps}
    for one in steps:
        for other in (*one.change.needs, *one.change.freed_by):
            if other not in ids:
                raise Refused(f"{one.id} waits for {other}, which is not in the plan", "give an id that is")


def actions_of(ordered: Ordered, cluster: Cluster, urgency: int) -> tuple[tuple[Action, ...], Cluster]:
    """The actions in order, and the cloud after the last of them."""
    ledger = Occupancy(cluster)
    frees = freed_by(ledger, [(s.id, s.touches) for s in ordered.steps])
    needed = {id for s in ordered.steps for id in ordered.before[s.id]}
    projection = Projection(cluster)
    actions: list[Action] = []
    for one in ordered.steps:
        given = one.change.freed_by
        needs = tuple(id for id in ordered.before[one.id] if id not in given or id in one.change.needs)
        here = projection.around(one.touches)
        actions.append(
            Action(
                id=one.id,
                type=one.change.type,
                parameters=one.parameters,
                reason=one.change.reason,
                expects=freeze(one.module.expects(here, **one.parameters)),
                needs=needs,
                freed_by=tuple(id for id in dict.fromkeys((*given, *frees[one.id])) if id not in needs),
                touches=one.touches,
                seconds=round(one.module.seconds(here, **one.parameters), 3),
                urgency=urgency,
                automation=_automation(cluster, one),
                just_in_time=one.touches.service is not None and one.id in needed,
                numbers=freeze({**one.change.numbers, **one.module.costs(here, **one.parameters)}),
                alternatives=one.change.alternatives,
            )
        )
        projection.apply(one.module, here, one.parameters)
    return tuple(actions), projection.cluster()


def _automation(cluster: Cluster, one: Step) -> str:
    """What the server that it is about asks for."""
    server = cluster.instances.get(one.touches.instance or "")
    return automation.of_server(server.metadata) if server is not None else ""


def _types(actions: tuple[Action, ...], catalog: Catalog) -> Mapping[str, ActionType]:
    names = sorted({a.type for a in actions})
    unknown = [n for n in names if n not in catalog.actions]
    if unknown:
        raise Refused(f"the catalogue has no action {', '.join(unknown)}", "see `ballast actions`")
    return {n: catalog.actions[n].type for n in names}


def _reason(proposal: Proposal, ordered: Ordered) -> str:
    said = [proposal.summary]
    if ordered.detours:
        number = count(len(ordered.detours), "instance goes", "instances go")
        said.append(f"{number} over a third host, to make room for those with which they change places.")
    if ordered.resized:
        number = count(len(ordered.resized), "instance gets", "instances get")
        said.append(f"{number} another size, on hosts that Nova chooses then.")
    if ordered.refused:
        out = f"{len(ordered.refused)} of {len(proposal.changes)} changes are not in the plan"
        said.append(f"{out}; see `rejected`.")
    return " ".join(said)


def _capped(refusals: tuple[Refusal, ...]) -> tuple[Refusal, ...]:
    if len(refusals) <= _SHOWN:
        return refusals
    more = len(refusals) - _SHOWN
    return (*refusals[:_SHOWN], Refusal("more", "", f"and {more} more, which a narrower scope would show"))


def _small_enough(plan: Plan) -> None:
    size, most = len(canonical(to_document(plan))), schema.largest("ActionPlan")
    if size > most:
        has = f"the plan has {len(plan.actions)} actions and {size / 1e6:.1f} MB"
        text = f"{has}; at most {most / 1e6:.1f} MB can be carried"
        raise Refused(text, "limit it with max_moves or a narrower scope, and run the audit again afterwards")
