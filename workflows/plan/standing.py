"""PURE: what is known of one action, and what its end means for one that needs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from plan_schemas.plan import ActionState, SkipCause

S = ActionState
ENDED = frozenset(S) - {S.PENDING, S.ONGOING, S.REVERTING}


@dataclass(slots=True)
class Standing:
    """What is known of one action now."""

    state: ActionState = S.PENDING
    why: str = ""
    cause: SkipCause | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    root: str = ""  # in a chain of those that need each other: why its first link cannot run
    before: tuple[ActionState, str] | None = None  # state and why, of what is being reverted

    @property
    def satisfies(self) -> bool:
        """Whether an action that needs this one may go on."""
        return self.state == S.SUCCEEDED or (self.state == S.SKIPPED and self.cause == SkipCause.ALREADY)


def fate(id: str, standing: Standing) -> tuple[ActionState, str, SkipCause | None]:
    """What becomes of an action that needs one which ended so. Of a long chain both its ends are told."""
    why = standing.root or standing.why
    if standing.state == S.SKIPPED:
        return S.SKIPPED, f"needs {id}, skipped ({standing.cause}): {why}", SkipCause.DEPENDENCY
    if standing.state == S.CANCELLED:
        return S.CANCELLED, f"needs {id}, which was cancelled", None
    return S.BLOCKED, f"needs {id}, which {standing.state.lower()}: {why}", None
