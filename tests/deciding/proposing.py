"""From a snapshot and an audit, both as documents, to a plan, the way the product goes; also as a process.

`python -m tests.deciding.proposing FILE` reads a case [snapshot, audit] per line and prints what comes of it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from activities.decide import plan_for
from plan_schemas import admit
from plan_schemas.catalog import load
from plan_schemas.frozen import canonical
from plan_schemas.model import Cluster, from_document
from plan_schemas.plan import Refused, to_document
from tests.worlds import used

NOW = "2026-01-01T00:00:00Z"


def propose(cluster: Cluster, audit: Mapping[str, Any]) -> dict[str, Any]:
    """The plan as a document; only its refusals where there is nothing to do. Raises Refused."""
    made = plan_for(admit.audit(audit, load()), cluster, load(), usage=used(cluster))
    if made.plan is not None:
        return to_document(made.plan)
    refusals = [{"code": r.code, "subject": r.subject, "text": r.text} for r in made.proposal.rejected]
    culprits = [{"culprits": list(r.culprits)} for r in made.proposal.rejected]
    return {"actions": [], "rejected": [r | c for r, c in zip(refusals, culprits)]}


def told(snapshot: Mapping[str, Any], audit: Mapping[str, Any]) -> bytes:
    """The plan in its one canonical form, or why there is none."""
    try:
        return canonical(propose(from_document(snapshot), audit))
    except Refused as refused:
        return str(refused).encode()


if __name__ == "__main__":
    for line in Path(sys.argv[1]).read_text().splitlines():
        sys.stdout.buffer.write(told(*json.loads(line)) + b"\n")
