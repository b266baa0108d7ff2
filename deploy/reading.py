"""Files as values: an audit, a plan, a snapshot, checked in full. Raises Invalid with all errors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from activities import actions
from deploy import documents
from plan_schemas import admit, catalog
from plan_schemas.audit import Audit
from plan_schemas.loader import Invalid
from plan_schemas.model import Cluster
from plan_schemas.model import from_document as cluster_from
from plan_schemas.plan import Plan, Touches
from plan_schemas.plan import from_document as plan_from


def audit(path: Path) -> Audit:
    return admit.audit(_checked(path, "Audit"), catalog.load())


def snapshot(path: Path) -> Cluster:
    return cluster_from(_checked(path, "Snapshot"))


def plan(path: Path) -> Plan:
    """An effective plan, or a hand-written one with its defaults filled in and what it touches derived."""
    row = admit.plan(_checked(path, "ActionPlan"), catalog.load(), name=path.stem, created_at="")
    return plan_from({**row, "actions": [_touching(a) for a in row["actions"]]})


def _touching(row: Mapping[str, Any]) -> dict[str, Any]:
    touches = actions.find(row["type"]).touches(**row.get("parameters", {}))
    return {**row, "touches": {n: getattr(touches, n) for n in Touches.__dataclass_fields__}}


def _checked(path: Path, kind: str) -> dict[str, Any]:
    located = documents.load(path)
    if admit.problems(located.value, catalog.load(), kind):
        positions, source = located.positions, located.source
        raise Invalid(admit.problems(located.value, catalog.load(), kind, positions=positions, source=source))
    return dict(located.value)
