"""`ballast trail FILE…`: whether the events of a plan are whole, in order and as they were sealed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from plan_schemas.events import Link, complaints
from plan_schemas.problems import Invalid, Problem


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("trail", help="check the audit trail of plans for gaps and changes")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="of all workers, in JSON lines")
    parser.add_argument("--head", metavar="DIGEST", help="the newest event's, as the query `record` tells it")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when nothing is missing, changed or put in, 1 otherwise."""
    found, links = complaints(event for path in args.files for event in events(path))
    if args.head and args.head not in {link.head for link in links.values()}:
        found.append(
            f"no chain ends with {args.head}: the newest events are missing, or it is another plan's"
        )
    if args.json:
        chains = {source: {"events": at.sequence, "head": at.head} for source, at in links.items()}
        print(json.dumps({"chains": chains, "problems": found}, ensure_ascii=False))
    else:
        for problem in found:
            print(problem)
        for source, link in links.items():
            print(_line(source, link), file=sys.stderr)
    return 1 if found else 0


def events(path: Path) -> Iterator[dict[str, Any]]:
    """The events of a file. Raises Invalid with the line that is none."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        try:
            event = json.loads(line)
        except ValueError as error:
            event, said = None, str(error)
        else:
            said = "an event is a JSON object"
        if not isinstance(event, dict):
            remedy = "take the file as the worker wrote it"
            raise Invalid([Problem(str(path), number, 1, "", f"is no event: {said}", remedy)])
        yield event


def _line(source: str, link: Link) -> str:
    return f"{source}: {link.sequence} events, the newest is {link.head}"
