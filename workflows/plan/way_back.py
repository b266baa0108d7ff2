"""PURE: what of a plan has to be undone, and what an undo makes of the action that it undoes."""

from __future__ import annotations

from plan_schemas.plan import ActionState
from workflows.plan.standing import Standing
from workflows.progress import Progress

S = ActionState


def to_undo(progress: Progress) -> list[str]:
    """What may have changed the cloud: done, failed on the way, or cancelled while running."""
    return [
        id
        for id, s in progress.standing.items()
        if s.state in (S.SUCCEEDED, S.FAILED) or (s.state == S.CANCELLED and s.evidence)
    ]


def revert(progress: Progress, id: str) -> None:
    """The way back begins for an action that ran."""
    standing = progress.standing[id]
    standing.before = (standing.state, standing.why)
    progress.set(id, S.REVERTING)


def reverted(progress: Progress, id: str, undo: Standing) -> None:
    """The way back ended. What failed and left nothing to undo stays FAILED, with its reason."""
    before = progress.standing[id].before
    if before is None:
        raise ValueError(f"{id} is {progress.standing[id].state}, not being reverted")
    state, why = before
    progress.standing[id].before = None
    if not undo.satisfies:
        progress.set(id, S.REVERT_FAILED, undo.why)
    elif state == S.SUCCEEDED or undo.state == S.SUCCEEDED:
        told = undo.why if state == S.SUCCEEDED else "; ".join(w for w in (why, undo.why) if w)
        progress.set(id, S.REVERTED, told)
    else:
        progress.set(id, state, why)
