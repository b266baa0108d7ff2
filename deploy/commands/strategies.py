"""`ballast strategies [NAME]`: what can decide, with all that is declared, and whether its metrics are there.

The live look at the metrics is made where datasources are configured; with `--cloud` or `--snapshot` it also
tells who is missing. Without datasources a snapshot's own numbers are looked at, or it is said that nobody
looked.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from activities.door import Transient
from activities.observe import Incomplete, collect
from activities.openstack import open_door
from deploy import checking, datasources, listing, reading
from plan_schemas.catalog import Catalog
from plan_schemas.model import Cluster

_UNSEEN = "metrics not looked at: no datasource (BALLAST_DATASOURCES or --datasources)"


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    said = "what can decide: support level, parameters, required metrics and whether they are there"
    parser = listing.add(subparsers, "strategies", said)
    parser.add_argument(
        "--datasources", type=Path, metavar="PATH", help="Datasource documents (default BALLAST_DATASOURCES)"
    )
    model = parser.add_mutually_exclusive_group()
    model.add_argument("--cloud", metavar="NAME", help="compare with this cloud's hosts and instances")
    model.add_argument(
        "--snapshot",
        type=Path,
        metavar="FILE",
        help="compare with those of a snapshot; without datasources tell of its own numbers",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0, 1 for a name that does not exist or an incomplete picture, 3 when the cloud cannot be reached."""
    given = args.datasources or os.environ.get("BALLAST_DATASOURCES")
    path = Path(given) if given else None
    if path is None and args.snapshot is None:
        return listing.run(args, unseen=_UNSEEN)

    def look(known: Catalog) -> Mapping[str, checking.Finding]:
        chosen = [s for s in known.strategies.values() if args.name in (None, s.name)]
        metrics = [known.metrics[name] for name in sorted({m for s in chosen for m in s.metrics})]
        if path is None:
            return checking.of_file(metrics, *reading.measured(args.snapshot, known))
        sources = datasources.read(path, known, args.plans)
        cluster = _model(args, known)
        cloud = args.cloud or (cluster.cloud if cluster else "")
        return checking.check(sources, metrics, cloud, cluster)

    try:
        return listing.run(args, look)
    except (Incomplete, Transient) as why:
        print(f"{args.cloud}: {why}", file=sys.stderr)
        return 1 if isinstance(why, Incomplete) else 3


def _model(args: argparse.Namespace, known: Catalog) -> Cluster | None:
    if args.snapshot:
        return reading.snapshot(args.snapshot, known)
    if args.cloud:
        return collect(open_door(args.cloud).reader, args.cloud, now=datetime.now(UTC))
    return None
