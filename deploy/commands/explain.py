"""`ballast explain PLAN`: why an action, an instance or a host is in a plan, or why it is not."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from deploy import reading, telling
from plan_schemas.frozen import thaw
from plan_schemas.plan import Action, Plan, Refusal, to_document


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("explain", help="why something is in a plan, and why not")
    parser.add_argument("plan", type=Path, metavar="PLAN")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--action", metavar="ID")
    chosen.add_argument("--instance", metavar="UUID")
    chosen.add_argument("--host", metavar="NAME")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when the plan says something about it, 1 when it does not."""
    plan = reading.plan(args.plan)
    about = args.action or args.instance or args.host
    actions, refusals = _about(plan, args)
    if args.json:
        ids = {a.id for a in actions}
        rows = [thaw(a) for a in to_document(plan)["actions"] if a["id"] in ids]
        told = {
            "reason": plan.reason,
            "actions": rows,
            "rejected": [telling.refusal_row(r) for r in refusals],
        }
        print(json.dumps(told, ensure_ascii=False))
    else:
        print("\n".join(_told(plan, actions, refusals, about)))
    return 0 if about is None or actions or refusals else 1


def _about(plan: Plan, args: argparse.Namespace) -> tuple[list[Action], list[Refusal]]:
    if args.action is not None:
        return [a for a in plan.actions if a.id == args.action], _concerning(plan, args.action)
    if args.instance is not None:
        moved = [a for a in plan.actions if a.touches.instance == args.instance]
        return moved, _concerning(plan, args.instance)
    if args.host is not None:
        touched = [a for a in plan.actions if args.host in (a.touches.out, a.touches.into, a.touches.service)]
        return touched, _concerning(plan, args.host)
    return list(plan.actions), list(plan.rejected)


def _concerning(plan: Plan, name: str) -> list[Refusal]:
    """The refusals about it, and the moves that passed it over."""
    passed = [
        Refusal(r.code, a.id, f"{a.id} did not go there: {r.text}", r.culprits)
        for a in plan.actions
        for r in a.alternatives
        if r.subject == name
    ]
    return [*(r for r in plan.rejected if r.subject == name or name in r.culprits), *passed]


def _told(plan: Plan, actions: list[Action], refusals: list[Refusal], about: str | None) -> Iterator[str]:
    if about is None:
        yield plan.reason
        yield from telling.actions(actions)
        yield from telling.bounds(plan.bounds)
        yield from telling.refusals(refusals, len(refusals))
        return
    for one in actions:
        yield from telling.action(plan, one)
    yield from telling.refusals(refusals, len(refusals))
    if not actions and not refusals:
        yield f"the plan does nothing to {about} and recorded no reason: nothing in it depended on {about}"
