"""PURE: which counted slots an action needs before it may start, over all plans of its cloud."""

from __future__ import annotations

from collections.abc import Mapping

from plan_schemas.plan import Action, Limits
from workflows.queues import Rate

HOUR = 3600.0


def slots(action: Action, limits: Limits) -> dict[str, int]:
    """Each slot with the limit that this plan sets; of several plans' limits the smallest one holds."""
    touches, out = action.touches, {}
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
    return out


def rates(action: Action, limits: Limits) -> Mapping[str, Rate]:
    """How many moves may begin in an hour, over all plans of the cloud that say so."""
    if action.touches.instance is None or limits.per_hour is None:
        return {}
    return {"cloud/hour": (limits.per_hour, HOUR)}
