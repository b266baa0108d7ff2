"""`ballast review PLAN`: what a plan does to the hosts, when and why, on the terminal or as a page."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from deploy import finding, reading, telling
from deploy.review import terminal
from deploy.review.content import Review, review
from deploy.review.page import html
from plan_schemas import catalog


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "review", help="what a plan does to the hosts, when and why; also as a page"
    )
    parser.add_argument("plan", metavar="PLAN", help="a file, or a workflow id such as plan/audit/nightly")
    parser.add_argument("--html", metavar="FILE", help="write one page that needs nothing else; - is stdout")
    parser.add_argument(
        "--snapshot", type=Path, metavar="FILE", help="the picture it rests on, unless the store has it"
    )
    reading.add_plans(parser)
    parser.add_argument("--all", action="store_true", help="show all rows on the terminal")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when shown or written, 3 when Temporal failed."""
    known = catalog.load(args.plans)
    try:
        plan = finding.find(args.plan, known).plan
    except finding.Unreachable as problem:
        print(f"ballast review: {problem}", file=sys.stderr)
        return 3
    id = args.plan if args.plan.startswith("plan/") else ""
    seen = finding.picture(plan, args.snapshot, known)
    shown = review(plan, *(seen or (None,)), id=id, known=known)
    if args.html == "-":
        print(html(shown))
        return 0
    if args.html is not None:
        Path(args.html).write_text(html(shown), encoding="utf-8")
    if args.json:
        print(json.dumps(_row(shown, args.html), ensure_ascii=False))
    elif args.html is not None:
        print(f"{args.html}: open it with any browser")
    else:
        print("\n".join(terminal.told(shown, whole=args.all)))
    return 0


def _row(shown: Review, file: str | None) -> dict[str, Any]:
    return {
        "plan": shown.plan.name,
        "digest": shown.plan.digest,
        "file": file,
        "seconds": shown.seconds,
        "bounds": [telling.bound_row(b) for b in shown.plan.bounds],
        "schedule": [{"action": m.action.id, "start": m.start, "end": m.end} for m in shown.moments],
        "hosts": {
            row.host: {
                "instances": list(row.instances),
                "allocated": {n: [round(s.before, 2), round(s.after, 2)] for n, s in row.allocated.items()},
                "measured": {n: [round(s.before, 2), round(s.after, 2)] for n, s in row.measured.items()},
            }
            for row in shown.loads
            if row.is_changed
        },
        "rejected": [telling.refusal_row(r) for r in shown.plan.rejected],
    }
