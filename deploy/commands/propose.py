"""`ballast propose AUDIT --snapshot FILE`: decide and plan offline, without Temporal and without a cloud."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from activities.decide import Made, plan_for
from deploy import reading, telling
from plan_schemas import catalog
from plan_schemas.plan import Refused, to_document


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("propose", help="decide and plan on a snapshot: no Temporal, no cloud")
    parser.add_argument("audit", type=Path, metavar="AUDIT", help="an Audit document")
    parser.add_argument(
        "--snapshot",
        type=Path,
        required=True,
        metavar="FILE",
        help="the cloud that is decided on, of `ballast snapshot`",
    )
    parser.add_argument("-o", "--output", metavar="PLAN", help="write the plan there; - is standard output")
    reading.add_plans(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 with a plan or nothing to do, 1 when the strategy or the planner refuses."""
    known = catalog.load(args.plans)
    started = perf_counter()
    audit, (cluster, usage) = reading.audit(args.audit, known), reading.measured(args.snapshot, known)
    read = perf_counter()
    try:
        made = plan_for(audit, cluster, known, usage=usage)
    except Refused as refused:
        if args.json:
            print(json.dumps({"refused": str(refused)}, ensure_ascii=False))
        else:
            print(telling.shown([str(refused)]), file=sys.stderr)
        return 1
    seconds = {"read": round(read - started, 3), "decide_and_plan": round(perf_counter() - read, 3)}
    document = to_document(made.plan) if made.plan is not None else None
    if args.output is not None and document is not None:
        _write(args.output, telling.as_yaml(document))
    if args.json:
        print(json.dumps(_facts(made, document, seconds), ensure_ascii=False))
    elif args.output != "-":
        print(telling.shown(telling.proposed(made, seconds)))
    return 0


def _write(path: str, text: str) -> None:
    if path == "-":
        print(text, end="")
    else:
        Path(path).write_text(text, encoding="utf-8")


def _facts(made: Made, document: dict[str, Any] | None, seconds: dict[str, float]) -> dict[str, Any]:
    rejected = made.plan.rejected if made.plan is not None else made.proposal.rejected
    bounds = made.plan.bounds if made.plan is not None else made.proposal.bounds
    return {
        "summary": made.summary,
        "seconds": seconds,
        "bounds": [telling.bound_row(b) for b in bounds],
        "rejected": [telling.refusal_row(r) for r in rejected],
        "plan": document,
    }
