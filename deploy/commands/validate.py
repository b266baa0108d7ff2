"""`ballast validate PATH…`: every error of every document, each with its place and its remedy."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from deploy import reading
from deploy.documents import Judged, judge


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("validate", help="all errors of all documents, with line and remedy")
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files, or directories to walk")
    reading.add_plans(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when all documents are valid, 1 when any is not."""
    judged = judge(args.paths, args.plans)
    if args.json:
        rows = [problem.as_row() for problem in judged.problems]
        print(json.dumps({"files": len(judged.files), "problems": rows}, ensure_ascii=False))
    else:
        for problem in judged.problems:
            print(problem)
        print(_summary(judged), file=sys.stderr)
    return 1 if judged.problems else 0


def _summary(judged: Judged) -> str:
    files = f"{len(judged.files)} file{'s' if len(judged.files) != 1 else ''}"
    if not judged.problems:
        return f"{files} valid"
    bad = len({p.source for p in judged.problems})
    count = len(judged.problems)
    return f"{count} problem{'s' if count != 1 else ''} in {bad} of {files}"
