"""PURE: how a plan's way forward ended, in one sentence."""

from __future__ import annotations

from plan_schemas.plan import ActionState, PlanState
from workflows.progress import Progress

S = ActionState


def verdict(progress: Progress) -> tuple[PlanState, str]:
    """State and sentence. Skipped counts as success, blocked never."""
    failed = progress.those(S.FAILED)
    if failed:
        first = failed[0]
        more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
        return PlanState.FAILED, f"{first}{more} failed: {progress.standing[first].why}"
    if progress.stopped:
        return PlanState.FAILED, progress.stopped
    counts = progress.counts
    if counts[S.CANCELLED]:
        return PlanState.CANCELLED, f"{counts[S.CANCELLED]} actions were cancelled"
    done, skipped = counts[S.SUCCEEDED], counts[S.SKIPPED]
    said = f"{done} action{'' if done == 1 else 's'} done" + (f", {skipped} skipped" if skipped else "")
    return PlanState.SUCCEEDED, said
