"""`ballast explain PLAN`: why an action, an instance or a host is in a plan, or why it is not."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from activities.why import move
from activities.why.case import Case, case
from activities.why.instance import Answer
from activities.words import some
from deploy import finding, policies, reading, reasons, settings, telling
from deploy.finding import Found, Picture
from plan_schemas import catalog
from plan_schemas.catalog import Catalog
from plan_schemas.frozen import thaw
from plan_schemas.model import Cluster
from plan_schemas.plan import Action, Plan, Refusal, to_document

_IDS = 12  # of the actions that there are


@dataclass(frozen=True)
class _Answered:
    """What a plan itself says of a thing, and what is worked out beside it."""

    about: str | None
    actions: list[Action]
    refusals: list[Refusal]
    is_of_action: bool = False  # asked for by its id
    case: Case | None = None  # where something is worked out
    moves: list[Answer] | None = None  # of an instance
    host: tuple[Refusal, ...] = ()

    @property
    def is_one(self) -> bool:
        return bool(self.about is None or self.actions or self.refusals or self.moves or self.host)


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("explain", help="why something is in a plan, and why not")
    parser.add_argument("plan", metavar="PLAN", help="a file, or a workflow id such as plan/audit/nightly")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--action", metavar="ID", help="why it is done, after what, and what was passed over")
    chosen.add_argument("--instance", metavar="UUID", help="or its name, where only one is called so")
    chosen.add_argument("--host", metavar="NAME", help="what is done there, and why no more")
    parser.add_argument("--to", metavar="HOST", help="with --instance: why it does not go there")
    parser.add_argument(
        "--snapshot", type=Path, metavar="FILE", help="the picture it rests on, unless the store has it"
    )
    reading.add_plans(parser)
    parser.add_argument("--audit", type=Path, metavar="FILE", help="whose scope and limits it was made for")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when there is an answer, 1 when there is none, 2 for --to alone, 3 when Temporal failed."""
    if args.to is not None and args.instance is None:
        print("ballast explain: --to HOST needs --instance UUID", file=sys.stderr)
        return 2
    known = catalog.load(args.plans)
    try:
        found = finding.find(args.plan, known)
    except finding.Unreachable as problem:
        print(f"ballast explain: {problem}", file=sys.stderr)
        return 3
    if args.audit is not None:
        found = Found(found.plan, reading.audit(args.audit, known))
    moved = [a for a in _actions(found.plan, args.action, args) if move.is_move(a)] if args.action else []
    needed = args.instance or args.host or moved
    seen = finding.picture(found.plan, args.snapshot, known) if needed else None
    answered = _answered(found, seen, args, known)
    if args.json:
        print(json.dumps(_row(found, answered), ensure_ascii=False))
    else:
        print(telling.shown(_told(found, answered, known, seen.cluster if seen else None)))
    return 0 if answered.is_one else 1


def _answered(found: Found, seen: Picture | None, args: argparse.Namespace, known: Catalog) -> _Answered:
    """What the plan recorded; what it did not, and whatever was asked for by --to, is worked out."""
    plan, about = found.plan, args.action or args.instance or args.host
    if seen is not None and args.instance is not None:
        about = reasons.uuid_of(seen.cluster, args.instance)
    is_action = args.action is not None
    recorded = _Answered(about, _actions(plan, about, args), _refusals(plan, about), is_action)
    wanted = bool(is_action or args.to or args.snapshot) or not (recorded.actions or recorded.refusals)
    if seen is None or about is None or not wanted:
        return recorded
    cluster, at = seen.cluster, _case(found, seen, known)
    if is_action:
        return replace(recorded, case=at) if move.knows(at, recorded.actions[0]) else recorded
    given = (about, recorded.actions, recorded.refusals, False, at)
    if args.instance is not None and about in cluster.instances:
        return _Answered(*given, moves=reasons.of_instance(at, about, args.to))
    if args.host is not None and about in cluster.hosts and not recorded.actions:
        return _Answered(*given, host=reasons.of_host(at, about))
    return recorded


def _case(found: Found, seen: Picture, known: Catalog) -> Case:
    return case(
        found.plan,
        seen.cluster,
        audit=found.audit,
        policies=policies.read(settings.from_environment().policies),
        goals=known.goals,
        usage=seen.usage,
        metrics=known.metrics,
        strategies=known.strategies,
    )


def _actions(plan: Plan, about: str | None, args: argparse.Namespace) -> list[Action]:
    if args.action is not None:
        return [a for a in plan.actions if a.id == about]
    if args.instance is not None:
        return [a for a in plan.actions if a.touches.instance == about]
    if args.host is not None:
        return [a for a in plan.actions if about in (a.touches.out, a.touches.into, a.touches.service)]
    return list(plan.actions)


def _refusals(plan: Plan, about: str | None) -> list[Refusal]:
    """The refusals about it, and the moves that passed it over."""
    if about is None:
        return list(plan.rejected)
    passed = [
        Refusal(r.code, a.id, f"{a.id} did not go there: {r.text}", r.culprits)
        for a in plan.actions
        for r in a.alternatives
        if r.subject == about
    ]
    return [*(r for r in plan.rejected if r.subject == about or about in r.culprits), *passed]


def _told(found: Found, answered: _Answered, known: Catalog, cluster: Cluster | None) -> Iterator[str]:
    plan, about = found.plan, answered.about
    if found.status and (about is None or answered.actions):
        yield f"the plan is {found.status['state']}: {found.status['sentence']}"
    if about is None:
        yield plan.reason
        yield from telling.actions(answered.actions)
        yield from telling.bounds(plan.bounds)
        yield from telling.refusals(answered.refusals, len(answered.refusals))
        yield from telling.assumed(plan)
        return
    for one in answered.actions:
        yield from telling.action(plan, one, known.actions, found.came_to(one.id))
    if answered.is_of_action and answered.actions and move.is_move(answered.actions[0]):
        yield from _told_of_move(answered, plan, cluster)
    yield from telling.refusals(answered.refusals, len(answered.refusals))
    if answered.case is not None and answered.moves is not None:
        yield from reasons.told_of_instance(answered.case, about, answered.moves)
    for reason in answered.host:
        yield f"[{reason.code}] {reason.text}"
    if answered.case is not None:
        yield from reasons.caveats(found, answered.case)
    elif not answered.is_one and answered.is_of_action:
        ids = some([a.id for a in plan.actions], _IDS)
        yield f"the plan has no action {about}; " + (f"its actions: {ids}" if ids else "it has none")
    elif not answered.is_one:
        none = (
            f": there is no {about} in the picture of {cluster.collected_at}" if cluster is not None else ""
        )
        yield f"the plan does nothing to {about} and recorded no reason{none or _lacking(plan)}"


def _told_of_move(answered: _Answered, plan: Plan, cluster: Cluster | None) -> Iterator[str]:
    """What it is good for, and the hosts passed over beside those that the plan itself names."""
    one, at = answered.actions[0], answered.case
    yield from reasons.told_of_gain(plan, one, move.worth(at, one) if at is not None else ())
    if at is not None:
        recorded = {refusal.subject for refusal in one.alternatives}
        passed = move.passed_over(at, one, reasons.SHOWN)
        others = [a for a in passed if a.is_free or a.host not in recorded]
        yield from reasons.told_of_hosts(others)
    elif cluster is not None:
        yield f"its server or host is not in the picture of {cluster.collected_at}: no other host is weighed"
    elif plan.model:
        yield f"other hosts are not weighed{_lacking(plan)}"


def _lacking(plan: Plan) -> str:
    """What it would take to say more."""
    taken = plan.model.get("collected_at")
    rests = f", taken at {taken}," if taken else ""
    return f"; the picture that it rests on{rests} is not in the store here: give --snapshot FILE"


def _row(found: Found, answered: _Answered) -> dict[str, Any]:
    plan = found.plan
    ids = {a.id for a in answered.actions}
    out: dict[str, Any] = {
        "reason": plan.reason,
        "actions": [thaw(a) for a in to_document(plan)["actions"] if a["id"] in ids],
        "rejected": [telling.refusal_row(r) for r in answered.refusals],
    }
    if found.status:
        out |= {key: found.status[key] for key in ("state", "sentence")}
        out["standing"] = {id: row for id, row in found.status["actions"].items() if id in ids}
    if answered.is_of_action and answered.actions and move.is_move(answered.actions[0]):
        one, at = answered.actions[0], answered.case
        out["gain"] = reasons.gain_row(plan, one, move.worth(at, one) if at is not None else ())
        out["worked_out"] = [reasons.row(a) for a in (move.passed_over(at, one) if at is not None else ())]
    elif answered.case is not None:
        out["worked_out"] = [
            *(reasons.row(a) for a in answered.moves or ()),
            *(telling.refusal_row(r) for r in answered.host),
        ]
    return out
