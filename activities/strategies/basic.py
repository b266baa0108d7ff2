"""Empties hosts in the order of what was measured on them, the least busy first."""

from __future__ import annotations

from collections.abc import Mapping

from activities.packing.consolidation import proposal, task
from activities.packing.keep import Limit
from activities.packing.turns import in_turn
from plan_schemas.audit import Situation
from plan_schemas.plan import Proposal


def decide(
    situation: Situation,
    *,
    migration_attempts: int = 0,
    period: float = 7200.0,  # noqa: ARG001  what was measured over
    aggregation_method: Mapping[str, str] | None = None,  # noqa: ARG001  the same
    max_moves: int | None = None,
    max_hosts: int | None = None,
) -> Proposal:
    """Which hosts to release, the least busy first. Raises Refused when hosts may not be disabled."""
    given, limit = task(situation), Limit(max_moves, max_hosts, migration_attempts or None)
    busy, names = situation.usage.of("host_cpu_usage"), given.field.board.hosts
    order = sorted(range(len(names)), key=lambda h: (busy.get(names[h], 100.0), h))
    return proposal(given, in_turn(given.field, limit, order, evenly=True), limit)
