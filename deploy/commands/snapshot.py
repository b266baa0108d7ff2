"""`ballast snapshot --cloud NAME -o FILE`: a cloud's model as a file, to decide on offline or to keep."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from activities.door import Failed, LockedOut, Transient
from activities.metrics.measure import choose, measure
from activities.observe import Incomplete, collect
from activities.openstack import open_door
from deploy import datasources, reading
from plan_schemas import catalog
from plan_schemas.audit import MAX_UNCERTAIN
from plan_schemas.model import Cluster, to_document
from plan_schemas.needs import PERIOD, Need
from plan_schemas.plan import Refused
from plan_schemas.usage import to_document as to_rows


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("snapshot", help="collect a cloud's model into a file")
    parser.add_argument("--cloud", required=True, metavar="NAME", help="its name in clouds.yaml")
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="FILE", help="a Snapshot document; - is stdout"
    )
    parser.add_argument(
        "--max-uncertain",
        type=float,
        default=MAX_UNCERTAIN,
        metavar="PERCENT",
        help="of hosts that may have unexplained numbers; above it, refuse (default %(default)g)",
    )
    parser.add_argument("--usage", action="store_true", help="with what a datasource has measured of it")
    parser.add_argument(
        "--datasources", type=Path, metavar="PATH", help="Datasource documents (default BALLAST_DATASOURCES)"
    )
    reading.add_plans(parser)
    parser.add_argument(
        "--datasource", default="", metavar="NAME", help="which of them; the first, if left out"
    )
    parser.add_argument(
        "--period",
        type=float,
        default=PERIOD,
        metavar="SECONDS",
        help="to aggregate over (default %(default)g)",
    )
    parser.add_argument(
        "--hold",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="of which to tell the course, for an audit with `hold` (default: none)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object about it")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when written, 1 when refused (what is missing is listed), 3 when the cloud cannot be reached."""
    begun = time.monotonic()
    try:
        cluster = collect(
            open_door(args.cloud).reader,
            args.cloud,
            now=datetime.now(UTC),
            heartbeat=_progress if sys.stderr.isatty() else None,
            max_uncertain=args.max_uncertain,
        )
        document = to_document(cluster)
        if args.usage:
            document["usage"] = _usage(args, cluster)
    except Incomplete as why:
        return _refuse(args, 1, "the picture is incomplete, nothing was written", why.missing)
    except (LockedOut, Transient) as why:
        return _refuse(args, 3, str(why), ())
    except (Failed, Refused) as why:
        return _refuse(args, 1, str(why), ())
    _write(args.output, document)
    _report(args, cluster, time.monotonic() - begun)
    return 0


def _usage(args: argparse.Namespace, cluster: Cluster) -> dict[str, Any]:
    """Every metric that the datasource can be asked for. What is wrong with them is for a decision to say."""
    known = catalog.load(args.plans)
    path = args.datasources or os.environ.get("BALLAST_DATASOURCES")
    sources = datasources.read(Path(path) if path else None, known, args.plans)
    source = choose(sources, cluster.cloud, (), args.datasource)
    held = {name for strategy in known.strategies.values() for name in strategy.held}
    needs = [
        Need(name, args.period, hold=args.hold if name in held else 0.0)
        for name in known.metrics
        if name in source.metrics
    ]
    return to_rows(measure(source, needs, known.metrics, cluster, now=datetime.now(UTC)))


def text(document: Mapping[str, Any]) -> Iterator[str]:
    """JSON, which is YAML as well, with one row per line: small to read, good to compare."""
    keys = list(document)
    yield "{\n"
    for key in keys:
        value, comma = document[key], "," if key != keys[-1] else ""
        if isinstance(value, list) and value:
            rows = ",\n".join("  " + _line(row) for row in value)
            yield f"{json.dumps(key)}: [\n{rows}\n]{comma}\n"
        elif key == "usage":
            yield f"{json.dumps(key)}: {{\n"
            yield ",\n".join(f"  {json.dumps(name)}: {_line(of)}" for name, of in value.items())
            yield f"\n}}{comma}\n"
        else:
            yield f"{json.dumps(key)}: {_line(value)}{comma}\n"
    yield "}\n"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _write(path: Path, document: Mapping[str, Any]) -> None:
    """All of it or nothing: a reader never finds half a snapshot."""
    if str(path) == "-":
        sys.stdout.writelines(text(document))
        return
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        file.writelines(text(document))
    part.replace(path)


def _report(args: argparse.Namespace, cluster: Cluster, seconds: float) -> None:
    uncertain = {h.name: h.uncertain for h in cluster.hosts.values() if h.uncertain}
    out = sys.stderr if str(args.output) == "-" else sys.stdout
    if args.json:
        row = {
            "cloud": cluster.cloud,
            "file": str(args.output),
            "fingerprint": cluster.fingerprint,
            "collected_at": cluster.collected_at,
            "hosts": len(cluster.hosts),
            "instances": len(cluster.instances),
            "seconds": round(seconds, 3),
            "uncertain": uncertain,
            "notes": list(cluster.notes),
        }
        print(_line(row), file=out)
        return
    head = f"{len(cluster.hosts)} hosts, {len(cluster.instances)} instances of {cluster.cloud}"
    print(f"{head} in {seconds:.1f} s -> {args.output} ({cluster.fingerprint[:19]})", file=out)
    for name, why in uncertain.items():
        print(f"uncertain {name}: {why}", file=sys.stderr)


def _refuse(args: argparse.Namespace, status: int, reason: str, missing: tuple[str, ...]) -> int:
    if args.json:
        print(_line({"cloud": args.cloud, "error": reason, "missing": list(missing)}))
    else:
        print(f"{args.cloud}: {reason}", file=sys.stderr)
        for row in missing:
            print(f"  missing: {row}", file=sys.stderr)
    return status


def _progress(details: Mapping[str, int | str]) -> None:
    end = "\n" if details["done"] == details["of"] else ""
    print(f"\r{details['phase']} {details['done']} of {details['of']}", end=end, file=sys.stderr, flush=True)
