"""Shut a server down where it is, or start it again: for hosts from which nothing may move, and the undo."""

# ruff: noqa: ARG001 - every function of an action names all of its parameters

from __future__ import annotations

from typing import Any

from activities.actions import Facts
from activities.doing import facts
from activities.doing.switch import Switch
from activities.door import Door, Gone, Watch
from activities.rules import checks
from activities.rules.occupancy import Occupancy
from plan_schemas.audit import Rules
from plan_schemas.model import Cluster
from plan_schemas.plan import Refusal, Touches

_STATUS = {"stopped": "SHUTOFF", "running": "ACTIVE"}
_POWER = {"stopped": 4, "running": 1}  # Nova's numbers
_VERB = {"stopped": "stop", "running": "start"}
_OTHER = {"stopped": "running", "running": "stopped"}
_SECONDS = {"stopped": 30.0, "running": 10.0}  # a guest that is asked to shut down takes its time


def touches(*, instance: str, state: str = "stopped") -> Touches:
    return Touches(instance=instance)


def permission(*, instance: str, state: str = "stopped") -> str | None:
    return "stop"


def expects(cluster: Cluster, *, instance: str, state: str = "stopped") -> dict[str, Any]:
    return facts.in_model(cluster, instance)


def wants(expected: Facts, *, instance: str, state: str = "stopped") -> dict[str, Any]:
    return {**expected, "status": _STATUS[state], "task_state": None}


def satisfied(facts: Facts, *, instance: str, state: str = "stopped") -> bool:
    return bool(facts["status"] == _STATUS[state] and facts["task_state"] is None)


def apply(cluster: Cluster, *, instance: str, state: str = "stopped") -> Cluster:
    """It keeps its place: what it had allocated stays so."""
    host = cluster.instances[instance].host
    return cluster.moved(instance, host, status=_STATUS[state], power_state=_POWER[state])


def inverse(expected: Facts, *, instance: str, state: str = "stopped") -> dict[str, Any] | None:
    former = _STATUS[_OTHER[state]]
    return {"instance": instance, "state": _OTHER[state]} if expected["status"] == former else None


def seconds(cluster: Cluster, *, instance: str, state: str = "stopped") -> float:
    return _SECONDS[state]


def costs(cluster: Cluster, *, instance: str, state: str = "stopped") -> dict[str, float]:
    """Its server is off until somebody starts it: no number says how long."""
    return {}


def refusals(
    cluster: Cluster, occupancy: Occupancy, rules: Rules, *, instance: str, state: str = "stopped"
) -> tuple[Refusal, ...]:
    one = cluster.instances.get(instance)
    if one is None:
        return (Refusal("status", instance, f"instance {instance} does not exist"),)
    found = [*checks.untouchable(cluster, one, rules)]
    if one.status not in _STATUS.values():
        needs = " or ".join(sorted(_STATUS.values()))
        text = f"{one.name} is {one.status}; a server is stopped and started that is {needs}"
        found.append(Refusal("status", instance, text))
    if "stop" not in rules.allow:
        allowed = ", ".join(sorted(rules.allow)) or "nothing"
        text = f"{one.name} would be {state}, which needs `stop`; allowed: {allowed}"
        found.append(Refusal("not_allowed", instance, text))
    return tuple(found)


def look(door: Door, *, instance: str, state: str = "stopped") -> dict[str, Any] | None:
    return facts.in_cloud(door, instance)


def trace(door: Door, watch: Watch, *, instance: str, state: str = "stopped") -> dict[str, Any] | None:
    try:
        request = _switch(door, watch, instance, state).trace()
    except Gone:
        return None
    return {"request": request.id} if request is not None else None


def do(door: Door, watch: Watch, *, instance: str, state: str = "stopped") -> dict[str, Any]:
    return _switch(door, watch, instance, state).run()


def _switch(door: Door, watch: Watch, instance: str, state: str) -> Switch:
    return Switch(door, watch, instance, _VERB[state], _STATUS[_OTHER[state]], _STATUS[state])
