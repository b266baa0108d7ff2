"""Empties hosts in the order of what they have allocated, the least used first."""

from __future__ import annotations

from activities.packing.consolidation import proposal, task
from activities.packing.keep import Limit
from activities.packing.turns import in_turn
from plan_schemas.audit import Situation
from plan_schemas.plan import Proposal


def decide(
    situation: Situation,
    *,
    host_choice: str = "auto",
    max_moves: int | None = None,
    max_hosts: int | None = None,
) -> Proposal:
    """Which hosts to release, the least used first. Raises Refused when hosts may not be disabled."""
    given, limit = task(situation), Limit(max_moves, max_hosts)
    used = given.field.used @ given.field.board.weight
    order = sorted(range(len(used)), key=lambda h: (used[h], h))
    return proposal(given, in_turn(given.field, limit, order, evenly=host_choice == "auto"), limit)
