"""Frees as many hosts as can be: empties them onto the others and disables them, decided on allocation."""

from __future__ import annotations

from activities.packing.consolidation import proposal, task
from activities.packing.keep import Limit
from activities.packing.release import Release
from plan_schemas.audit import Situation
from plan_schemas.plan import Proposal


def decide(situation: Situation, *, max_moves: int | None = None, max_hosts: int | None = None) -> Proposal:
    """Which hosts to release, in order of preference. Raises Refused when hosts may not be disabled."""
    given, limit = task(situation), Limit(max_moves, max_hosts)
    return proposal(given, Release(given.field, limit).run(), limit)
