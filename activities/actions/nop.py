"""Do nothing, say something: for trying out plans."""

# ruff: noqa: ARG001 - every function of an action names all of its parameters

from __future__ import annotations

from typing import Any

from activities.actions import Facts
from activities.door import Door, Watch
from activities.rules.occupancy import Occupancy
from plan_schemas.audit import Rules
from plan_schemas.frozen import EMPTY
from plan_schemas.model import Cluster
from plan_schemas.plan import Refusal, Touches


def touches(*, message: str = "") -> Touches:
    return Touches()


def permission(*, message: str = "") -> str | None:
    return None


def expects(cluster: Cluster, *, message: str = "") -> dict[str, Any]:
    return {}


def wants(expected: Facts, *, message: str = "") -> Facts:
    return EMPTY


def satisfied(facts: Facts, *, message: str = "") -> bool:
    return False


def apply(cluster: Cluster, *, message: str = "") -> Cluster:
    return cluster


def inverse(expected: Facts, *, message: str = "") -> dict[str, Any] | None:
    return {"message": message}


def seconds(cluster: Cluster, *, message: str = "") -> float:
    return 0.0


def costs(cluster: Cluster, *, message: str = "") -> dict[str, float]:
    return {}


def refusals(
    cluster: Cluster, occupancy: Occupancy, rules: Rules, *, message: str = ""
) -> tuple[Refusal, ...]:
    return ()


def look(door: Door, *, message: str = "") -> Facts | None:
    return EMPTY


def trace(door: Door, watch: Watch, *, message: str = "") -> Facts | None:
    return None


def do(door: Door, watch: Watch, *, message: str = "") -> dict[str, Any]:
    return {"message": message}
