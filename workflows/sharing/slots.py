"""PURE: which counted slots an action needs before it may start, over all plans of its cloud."""

from __future__ import annotations

from collections.abc import Mapping

from plan_schemas.plan import Action, Plan
from workflows.sharing.queues import Rate

HOUR = 3600.0


def slots(action: Action, plan: Plan) -> dict[str, int]:
    """Each slot with the limit that this plan sets; of several plans' limits the smallest one holds."""
    touches, limits, out = action.touches, plan.execution.limits, {}
    if touches.instance is not None:
        out[f"instance/{touches.instance}"] = 1
    if touches.out is not None:
        out[f"host/{touches.out}/out"] = limits.out_per_host
    if touches.into is not None:
        out[f"host/{touches.into}/in"] = limits.in_per_host
    if touches.service is not None:
        out[f"service/{touches.service}"] = 1
    if touches.instance is not None and limits.cloud is not None:
        out["cloud"] = limits.cloud
    shares = {name: plan.shares[name] for name in action.shares}
    return out | {name: share.limit for name, share in shares.items() if not share.seconds}


def rates(action: Action, plan: Plan) -> Mapping[str, Rate]:
    """How many may begin in a time, over all plans of the cloud that say so."""
    shares = {name: plan.shares[name] for name in action.shares}
    out = {name: (share.limit, share.seconds) for name, share in shares.items() if share.seconds}
    if action.touches.instance is not None and plan.execution.limits.per_hour is not None:
        out["cloud/hour"] = (plan.execution.limits.per_hour, HOUR)
    return out
