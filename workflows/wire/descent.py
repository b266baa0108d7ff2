"""Whether a run goes on with what our own code handed over, and who may not begin again and again."""

from __future__ import annotations

from typing import Any

from temporalio import workflow

BEGAN = "ballast_began"  # a memo of every run but the first: when that one began, in seconds


def handed_over() -> bool:
    """Whether the input comes from the run before. The next run of a cron schedule or of a retry also has one
    before it, but its input is what somebody gave to the first: nobody's word of where a plan stands."""
    return bool(workflow.info().continued_run_id) and not repeats()


def remembered() -> dict[str, Any]:
    """The memo of the next run. When the first one began Temporal itself forgets with that run."""
    memo = workflow.memo()
    return {BEGAN: workflow.info().start_time.timestamp(), **memo}


def repeats() -> str:
    """Why this workflow may not be started like that; empty when it may."""
    info = workflow.info()
    if info.cron_schedule:
        said = "it was started with a cron schedule, which begins it again and again"
        return f"{said}; let a Temporal Schedule start audits"
    if info.retry_policy is not None:
        said = "it was started with a retry policy, which begins it again as a whole"
        return f"{said}; start it without, its actions have their own"
    return ""
