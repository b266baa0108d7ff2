"""Documents that commands take as arguments, read and checked; all problems with file, line and remedy."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from activities import complete
from deploy import documents
from plan_schemas import admit, model, usage
from plan_schemas import plan as plans
from plan_schemas.audit import Audit
from plan_schemas.catalog import Catalog
from plan_schemas.loader import Invalid
from plan_schemas.model import Cluster
from plan_schemas.plan import Plan
from plan_schemas.usage import Usage


def add_plans(parser: argparse.ArgumentParser) -> None:
    """The option of every command that looks things up in the catalogue: the same one as a worker's."""
    parser.add_argument(
        "--plans",
        type=_directory,
        default=os.environ.get("BALLAST_PLANS") or None,
        metavar="DIR",
        help="catalogue files of your own (default BALLAST_PLANS)",
    )


def _directory(given: str) -> Path:
    if not Path(given).is_dir():
        said = f"{given!r}: expected a directory that exists; without the option BALLAST_PLANS names it"
        raise argparse.ArgumentTypeError(said)
    return Path(given)


def audit(path: Path, known: Catalog) -> Audit:
    """An Audit document. Raises Invalid."""
    return admit.audit(_checked(path, known, "Audit"), known)


def plan(path: Path, known: Catalog) -> Plan:
    """An ActionPlan document, as proposed or as written by hand. Raises Invalid."""
    row = admit.plan(_checked(path, known, "ActionPlan"), known, name=path.stem, created_at="")
    return plans.from_document({**row, "actions": [complete.touching(a) for a in row["actions"]]})


def snapshot(path: Path, known: Catalog) -> Cluster:
    """A Snapshot document. Raises Invalid."""
    return measured(path, known)[0]


def measured(path: Path, known: Catalog) -> tuple[Cluster, Usage]:
    """The same with what was measured, if the document says anything of it. Raises Invalid."""
    document = _checked(path, known, "Snapshot")
    return model.from_document(document), usage.from_document(document.get("usage"))


def _checked(path: Path, known: Catalog, kind: str) -> Any:
    located = documents.load(path)
    if admit.problems(located.value, known, kind):  # positions cost as much as the parsing
        raise Invalid(
            admit.problems(located.value, known, kind, positions=located.positions, source=located.source)
        )
    return located.value
