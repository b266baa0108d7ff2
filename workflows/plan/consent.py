"""PURE: which actions of a plan do not run by themselves, why, and which of all a person approved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from plan_schemas.automation import withheld
from plan_schemas.plan import Action, Plan


class Consent:
    """Nothing waits before `ask`: a plan that is only simulated needs nobody's approval."""

    def __init__(self) -> None:
        self.waiting: dict[str, str] = {}  # actions that may not start yet, and whose word that is
        self.expired = False  # whether the deadline of the approvals has passed
        self._given: set[str] = set()
        self._whole = False

    def ask(self, plan: Plan) -> None:
        """From now on only what the plan and each server let run by itself may start without a person."""
        whose = plan.execution.automation_by or "the plan"
        for action in plan.actions:
            if why := _why(plan, action, whose):
                self.waiting[action.id] = f"waits for approval: {why}"

    def give(self, ids: Iterable[str]) -> None:
        """A person approved these."""
        for id in ids:
            self._given.add(id)
            self.waiting.pop(id, None)

    def give_all(self) -> None:
        """A person approved of the whole, as of a way back that follows from it."""
        self._whole = True
        self.waiting.clear()

    def covers(self, id: str) -> bool:
        """Whether a person approved of this action."""
        return self._whole or id in self._given

    def as_document(self) -> dict[str, Any]:
        """All of it in plain values, for the next run of a plan."""
        return {
            "waiting": dict(self.waiting),
            "given": sorted(self._given),
            "whole": self._whole,
            "expired": self.expired,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Consent:
        consent = cls()
        consent.waiting, consent._given = dict(document["waiting"]), set(document["given"])
        consent._whole, consent.expired = document["whole"], document["expired"]
        return consent


def _why(plan: Plan, action: Action, whose: str) -> str:
    """The word that withholds it: that of its server if that alone does, or asks for more."""
    server = f"the server {str(action.touches.instance)[:8]}"
    return withheld(plan.execution.automation, action.urgency, whose) or withheld(
        action.automation, action.urgency, server
    )
