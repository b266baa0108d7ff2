"""Proposes exactly the actions that it is given, under the ids and in the order that a person gave them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from activities.words import count
from plan_schemas.audit import Situation
from plan_schemas.frozen import freeze
from plan_schemas.plan import Change, Proposal


def decide(situation: Situation, *, actions: Sequence[Mapping[str, Any]]) -> Proposal:  # noqa: ARG001
    """The given actions as changes; the planner checks them, adds the edges they need and refuses by name."""
    changes = tuple(
        Change(
            type=row["type"],
            parameters=freeze(row.get("parameters", {})),
            reason=row.get("reason", "given by the audit's parameters"),
            id=row.get("id", ""),
            needs=tuple(row.get("needs", ())),
            freed_by=tuple(row.get("freed_by", ())),
        )
        for row in actions
    )
    return Proposal(changes, f"Carry out {count(len(changes), 'given action')}.")
