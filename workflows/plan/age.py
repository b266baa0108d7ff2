"""PURE: how old the snapshot of a plan is, when its audit set a limit to that."""

from __future__ import annotations

from datetime import datetime, timedelta

from plan_schemas.plan import Plan


def remark(plan: Plan, at: str) -> str:
    """What whoever approves at this time is told of a snapshot that is older by now than its audit allowed;
    it does not matter to the actions, which rest on what they find themselves. Empty otherwise."""
    most = plan.model.get("max_age_seconds")
    if most is None:
        return ""
    age = datetime.fromisoformat(at) - datetime.fromisoformat(str(plan.model["collected_at"]))
    if age <= timedelta(seconds=most):
        return ""
    old = timedelta(seconds=round(age.total_seconds()))
    limit = timedelta(seconds=most)
    return (
        f"; its snapshot is {old} old, max_age is {limit}: each action is checked again before it starts, "
        "but what was decided may not be the best any more"
    )
