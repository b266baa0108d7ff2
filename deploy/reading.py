"""Documents that commands take as arguments, read and checked; all problems with file, line and remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from activities import complete
from deploy import documents
from plan_schemas import admit, catalog, model, usage
from plan_schemas import plan as plans
from plan_schemas.audit import Audit
from plan_schemas.catalog import Catalog
from plan_schemas.loader import Invalid
from plan_schemas.model import Cluster
from plan_schemas.plan import Plan
from plan_schemas.usage import Usage


def audit(path: Path, known: Catalog) -> Audit:
    """An Audit document. Raises Invalid."""
    return admit.audit(_checked(path, known, "Audit"), known)


def plan(path: Path) -> Plan:
    """An ActionPlan document, as proposed or as written by hand. Raises Invalid."""
    known = catalog.load()
    row = admit.plan(_checked(path, known, "ActionPlan"), known, name=path.stem, created_at="")
    return plans.from_document({**row, "actions": [complete.touching(a) for a in row["actions"]]})


def snapshot(path: Path) -> Cluster:
    """A Snapshot document. Raises Invalid."""
    return measured(path)[0]


def measured(path: Path, known: Catalog | None = None) -> tuple[Cluster, Usage]:
    """The same with what was measured, if the document says anything of it. Raises Invalid."""
    document = _checked(path, known or catalog.load(), "Snapshot")
    return model.from_document(document), usage.from_document(document.get("usage"))


def _checked(path: Path, known: Catalog, kind: str) -> Any:
    located = documents.load(path)
    if admit.problems(located.value, known, kind):  # positions cost as much as the parsing
        raise Invalid(
            admit.problems(located.value, known, kind, positions=located.positions, source=located.source)
        )
    return located.value
