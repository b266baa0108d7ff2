"""Wait: for something outside of the plan, or to try out plans."""

# ruff: noqa: ARG001 - every function of an action names all of its parameters

from __future__ import annotations

from datetime import timedelta
from typing import Any

from activities.actions import Facts
from activities.door import Cancelled, Door, Stopped, Watch
from activities.rules.occupancy import Occupancy
from plan_schemas.audit import Rules
from plan_schemas.frozen import EMPTY
from plan_schemas.model import Cluster
from plan_schemas.plan import Refusal, Touches

_NAP = 5.0  # seconds between two signs of life


def touches(*, seconds: float) -> Touches:
    return Touches()


def permission(*, seconds: float) -> str | None:
    return None


def expects(cluster: Cluster, *, seconds: float) -> dict[str, Any]:
    return {}


def wants(expected: Facts, *, seconds: float) -> Facts:
    return EMPTY


def satisfied(facts: Facts, *, seconds: float) -> bool:
    return False


def apply(cluster: Cluster, *, seconds: float) -> Cluster:
    return cluster


def inverse(expected: Facts, *, seconds: float) -> dict[str, Any] | None:
    # Time does not run back; there is nothing to wait for on the way back either.
    return {"seconds": 0}


def seconds(cluster: Cluster, *, seconds: float) -> float:
    return float(seconds)


def costs(cluster: Cluster, *, seconds: float) -> dict[str, float]:
    return {}


def refusals(cluster: Cluster, occupancy: Occupancy, rules: Rules, *, seconds: float) -> tuple[Refusal, ...]:
    return ()


def look(door: Door, *, seconds: float) -> Facts | None:
    return EMPTY


def trace(door: Door, watch: Watch, *, seconds: float) -> Facts | None:
    return None


def do(door: Door, watch: Watch, *, seconds: float) -> dict[str, Any]:
    """Counted from when it was first scheduled: a worker that dies meanwhile costs no second sleep."""
    until = watch.since + timedelta(seconds=seconds)
    while (left := (until - watch.now()).total_seconds()) > 0:
        watch.heartbeat({"phase": "sleeping", "percent": round(100 * (1 - left / seconds))})
        try:
            watch.sleep(min(left, _NAP))
        except Stopped as stop:
            if stop.kind != "abort":
                raise
            raise Cancelled(f"woken {left:.0f} s early", {"slept": round(seconds - left, 1)}) from stop
    return {"slept": seconds}
