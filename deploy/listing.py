"""The catalogue as people and programs read it: `ballast strategies`, `ballast goals`, `ballast actions`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from textwrap import fill
from typing import Any

from deploy import reading
from deploy.checking import Finding
from plan_schemas import catalog
from plan_schemas.catalog import ActionSpec, Catalog, Goal, Strategy
from plan_schemas.complaints import nearest
from plan_schemas.frozen import thaw


def add(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser], what: str, said: str
) -> argparse.ArgumentParser:
    """A command that lists one part of the catalogue."""
    parser = subparsers.add_parser(what, help=said)
    parser.add_argument("name", nargs="?", help="only this one")
    reading.add_plans(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run, what=what)
    return parser


def run(
    args: argparse.Namespace,
    look: Callable[[Catalog], Mapping[str, Finding]] | None = None,
    unseen: str = "",
) -> int:
    """0, or 1 for a name that does not exist. `look` tells of each metric whether it can be believed,
    `unseen` why nobody looked."""
    whole = catalog.load(args.plans)
    known: Mapping[str, Any] = getattr(whole, args.what)
    if args.name is not None and args.name not in known:
        said = f"there is no {args.name!r} among the {args.what}; {nearest(args.name, known, 'known')}"
        print(said, file=sys.stderr)
        return 1
    chosen = [one for name, one in sorted(known.items()) if args.name in (None, name)]
    findings = look(whole) if look else {}
    if args.json:
        rows = {args.what: [thaw(asdict(one)) for one in chosen]}
        checked = {"metrics": {name: asdict(one) for name, one in findings.items()}} if look else {}
        print(json.dumps(rows | checked, indent=2, ensure_ascii=False))
    else:
        print("\n\n".join("\n".join(_told(one, findings)) for one in chosen))
        if unseen and any(one.metrics for one in chosen):
            print(f"\n{unseen}")
    return 0


def _told(one: Goal | Strategy | ActionSpec, findings: Mapping[str, Finding]) -> Iterable[str]:
    if isinstance(one, Goal):
        yield one.name
        yield _wrapped(one.summary)
        yield f"  decided by  {one.default_strategy} unless the audit names another"
        for name, indicator in one.indicators.items():
            yield f"  indicator   {name} ({indicator['unit']}, better {indicator['better']})"
    elif isinstance(one, Strategy):
        yield f"{one.name}  [{one.support}, version {one.version}]"
        yield _wrapped(one.summary)
        yield _wrapped(one.how)
        yield f"  goal        {one.goal}"
        yield f"  metrics     {', '.join(one.metrics) or 'none'}"
        if told := one.metrics_fallback:
            yield f"  fallback    {told['use']} what has no number, at most {told['at_most']:g} % of it"
        if one.held:
            yield f"  with hold   also the course of {', '.join(one.held)}"
        for name in one.metrics:
            if (found := findings.get(name)) is not None:
                yield _wrapped(f"{name} of {_verdict(found)}: {found.said}", " " * 14)
        yield f"  actions     {', '.join(one.actions)}"
        yield from _parameters(one.parameters)
    else:
        kind = one.type
        can = [w for w, is_so in (("abortable", kind.abortable), ("reversible", kind.reversible)) if is_so]
        yield f"{one.name}  [{', '.join(can) or 'neither abortable nor reversible'}]"
        yield _wrapped(one.summary)
        yield (
            f"  limits      {kind.timeout_seconds:g} s + {kind.timeout_factor:g} x the expected duration, "
            f"{kind.retry.attempts} attempts"
        )
        yield from _parameters(one.parameters)


def _verdict(found: Finding) -> str:
    can = "can" if found.is_good else "CANNOT"
    if found.at:
        return f"{found.source}, measured at {found.at}, {can} be believed"
    return f"{found.source or 'nobody'} {can} be believed now"


def _parameters(schema: Mapping[str, Any]) -> Iterable[str]:
    for name, declared in schema["properties"].items():
        kind = " | ".join(map(str, declared["enum"])) if "enum" in declared else str(declared["type"])
        traits = [kind, *([declared["unit"]] if "unit" in declared else [])]
        if name in schema.get("required", ()):
            traits.append("required")
        elif "default" in declared:
            traits.append(f"default {json.dumps(thaw(declared['default']))}")
        yield f"  parameter   {name} ({', '.join(traits)})"
        yield _wrapped(declared["description"], "              ")


def _wrapped(text: str, indent: str = "  ") -> str:
    return fill(text, 100, initial_indent=indent, subsequent_indent=indent)
