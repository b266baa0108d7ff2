"""`ballast simulate PLAN --snapshot FILE`: replay a plan on the model before anybody lets it run."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from activities.words import count
from deploy import reading, simulate
from plan_schemas import catalog
from plan_schemas.plan import Plan

WIDTH = 50  # columns of the timeline


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "simulate", help="replay a plan on a snapshot: timeline, makespan, violations"
    )
    parser.add_argument("plan", type=Path, metavar="PLAN", help="a plan document")
    parser.add_argument(
        "--snapshot", type=Path, required=True, metavar="FILE", help="the cloud that it starts from"
    )
    reading.add_plans(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when the plan keeps every rule at every moment, 1 when it does not."""
    known = catalog.load(args.plans)
    plan, cluster = reading.plan(args.plan, known), reading.snapshot(args.snapshot, known)
    played = simulate.replay(plan, cluster)
    (_print_json if args.json else _print)(plan, played)
    return 1 if played.violations or played.never_started else 0


def _print_json(plan: Plan, played: simulate.Replay) -> None:
    print(
        json.dumps(
            {
                "plan": plan.name,
                "digest": plan.digest,
                "makespan_seconds": played.makespan,
                "makespan_bound_seconds": played.bound,
                "timeline": [{"action": m.action, "start": m.start, "end": m.end} for m in played.moments],
                "violations": [
                    {"at": at, "action": id, "rule": r.code, "subject": r.subject, "text": r.text}
                    for at, id, r in played.violations
                ],
                "never_started": played.never_started,
                "final_fingerprint": played.final.fingerprint,
                "final_hosts": {
                    name: {"status": host.status, "instances": len(played.final.on(name))}
                    for name, host in played.final.hosts.items()
                },
            }
        )
    )


def _print(plan: Plan, played: simulate.Replay) -> None:
    scale = WIDTH / played.makespan if played.makespan else 0.0
    width = max((len(m.action) for m in played.moments), default=6)
    print(f"{'action':<{width}}  {'start':>8}  {'end':>8}")
    for m in sorted(played.moments, key=lambda m: (m.start, m.action)):
        bar = " " * int(m.start * scale) + "█" * max(1, round((m.end - m.start) * scale))
        print(f"{m.action:<{width}}  {m.start:7.1f}s  {m.end:7.1f}s  {bar}")
    if played.makespan:
        ratio = f" ({played.makespan / played.bound:.3f} x the bound)" if played.bound else ""
        print(f"\nmakespan {played.makespan:.1f} s, bound {played.bound:.1f} s{ratio}")
    for at, id, refusal in played.violations:
        print(f"violation at {at:.1f} s by {id}: {refusal.code}: {refusal.text}")
    for id in played.never_started:
        print(f"never started: {id}")
    final = played.final
    used = sum(bool(final.on(h)) for h in final.hosts)
    disabled = sum(h.status == "disabled" for h in final.hosts.values())
    print(f"afterwards {used} of {len(final.hosts)} hosts carry instances; disabled: {disabled}")
    if not played.violations and not played.never_started:
        print(f"{count(len(plan.actions), 'action')}, no rule broken at any moment")
