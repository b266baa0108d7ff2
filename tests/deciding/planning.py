"""Plans of given actions on small clouds, and what a test looks at in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from activities.planner import plan as planner
from activities.strategies import actuator
from plan_schemas.audit import Audit, Rules, Situation
from plan_schemas.catalog import load
from plan_schemas.frozen import FrozenDict
from plan_schemas.model import Cluster, Host, Instance, Inventory, build
from plan_schemas.plan import Action, Execution, Limits, Plan

ALLOW = ("live", "cold", "service")


def make(cluster: Cluster, actions: Sequence[dict[str, Any]], limits: Limits | None = None) -> Plan:
    """The plan of given actions."""
    rules = Rules(frozenset(cluster.hosts), allow=frozenset(ALLOW))
    execution = Execution(allow=ALLOW, limits=limits or Limits())
    audit = Audit("given", cluster.cloud, "actuator", "unclassified", execution=execution)
    proposal = actuator.decide(Situation(cluster, rules), actions=actions)
    return planner.make(audit, cluster, rules, proposal, load(), created_at="2026-01-01T00:00:00Z")


def move(instance: str, source: str, destination: str, **more: Any) -> dict[str, Any]:
    parameters = {"instance": instance, "source": source, "destination": destination, "kind": "live"}
    return {"type": "migrate", "parameters": parameters, **more}


def service(host: str, state: str, **more: Any) -> dict[str, Any]:
    parameters = {"host": host, "state": state, "reason": "ballast: test"}
    return {"type": "change_nova_service_state", "parameters": parameters, **more}


def row(*vcpus: tuple[str, str, int], hosts: str = "abc", room: int = 4) -> Cluster:
    """Hosts with so much room in a row, and instances (name, host, VCPU)."""
    inventory = FrozenDict({"VCPU": Inventory(room)})
    return build(
        "row",
        "2026-01-01T00:00:00Z",
        [Host(h, f"rp-{h}", f"s-{h}", inventory=inventory) for h in hosts],
        [Instance(n, n, h, resources=FrozenDict({"VCPU": v})) for n, h, v in vcpus],
    )


def action(plan: Plan, id: str) -> Action:
    return {a.id: a for a in plan.actions}[id]


def edges(plan: Plan) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    return {a.id: (a.needs, a.freed_by) for a in plan.actions}
