"""Snapshots as audits take them: a new one, or one that is there already and young enough."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from activities.memory.keeping import FORGOTTEN, UNUSED, Keeping
from plan_schemas.model import Cluster

Document = dict[str, Any]


def kept(keeping: Keeping, cluster: Cluster, ref: str) -> Document:
    """A new snapshot by its reference; the next audit may use it again."""
    doubtful = sum(host.uncertain is not None for host in cluster.hosts.values())
    taken = datetime.fromisoformat(cluster.collected_at)
    snapshot = {
        "ref": ref,
        "fingerprint": cluster.fingerprint,
        "collected_at": cluster.collected_at,
        "hosts": len(cluster.hosts),
        "instances": len(cluster.instances),
        "told": f"snapshot of {taken:%H:%M:%S}, new",
    }
    keeping.note_model(cluster.fingerprint, ref, taken + UNUSED)
    keeping.note_snapshot(cluster.cloud, {**snapshot, "doubtful": doubtful})
    return snapshot


def reused(
    keeping: Keeping, cloud: str, now: datetime, max_age: float, max_uncertain: float
) -> Document | None:
    """The newest snapshot of a cloud if it may stand for the present: young, not outdated, of few doubts."""
    found = keeping.newest(cloud, now, max_age)
    if found is None or 100 * found.pop("doubtful") > max_uncertain * found["hosts"]:
        return None
    taken = datetime.fromisoformat(found["collected_at"])
    old = round((now - taken).total_seconds())
    return {**found, "told": f"snapshot of {taken:%H:%M:%S}, {old} s old, reused"}


def rested_on(
    keeping: Keeping, audit: str, snapshot: Document, measured: Document | None, now: datetime
) -> None:
    """A plan was made of these: whoever looks at it comes back to them."""
    until = now + FORGOTTEN
    keeping.note_model(snapshot["fingerprint"], snapshot["ref"], until)
    if measured:
        keeping.note_usage(audit, snapshot["fingerprint"], measured["ref"], until)
