"""Enable or disable the nova-compute service of a host; undoing it restores its reason as well."""

# ruff: noqa: ARG001 - every function of an action names all of its parameters

from __future__ import annotations

from typing import Any

from activities.actions import Facts
from activities.door import Door, Failed, Gone, Watch
from activities.observe.nova import Service
from activities.rules.occupancy import Occupancy
from plan_schemas.audit import Rules
from plan_schemas.model import Cluster
from plan_schemas.plan import Refusal, Touches

# By this trait Placement keeps the scheduler away; Nova sets and removes it with the service.
_TRAIT = "COMPUTE_STATUS_DISABLED"


def touches(*, host: str, state: str, reason: str | None = None) -> Touches:
    return Touches(service=host, sets=state)


def permission(*, host: str, state: str, reason: str | None = None) -> str | None:
    return "service"


def expects(cluster: Cluster, *, host: str, state: str, reason: str | None = None) -> dict[str, Any]:
    known = cluster.hosts[host]
    return {"status": known.status, "disabled_reason": known.disabled_reason}


def wants(expected: Facts, *, host: str, state: str, reason: str | None = None) -> dict[str, Any]:
    # Nova forgets the reason when it enables.
    return {"status": state, "disabled_reason": reason if state == "disabled" else None}


def satisfied(facts: Facts, *, host: str, state: str, reason: str | None = None) -> bool:
    """Whatever the reason: the one that an operator gave stays."""
    return bool(facts["status"] == state)


def apply(cluster: Cluster, *, host: str, state: str, reason: str | None = None) -> Cluster:
    after = wants({}, host=host, state=state, reason=reason)
    others = {*cluster.hosts[host].traits} - {_TRAIT}
    traits = {*others, _TRAIT} if state == "disabled" else others
    return cluster.with_host(host, traits=tuple(sorted(traits)), **after)


def inverse(expected: Facts, *, host: str, state: str, reason: str | None = None) -> dict[str, Any] | None:
    former, because = expected["status"], expected.get("disabled_reason")
    if former == state:
        return None
    return {"host": host, "state": former, **({"reason": because} if because else {})}


def seconds(cluster: Cluster, *, host: str, state: str, reason: str | None = None) -> float:
    return 1.0


def costs(cluster: Cluster, *, host: str, state: str, reason: str | None = None) -> dict[str, float]:
    return {}


def refusals(
    cluster: Cluster,
    occupancy: Occupancy,
    rules: Rules,
    *,
    host: str,
    state: str,
    reason: str | None = None,
) -> tuple[Refusal, ...]:
    if host not in cluster.hosts:
        return (Refusal("unknown_host", host, f"there is no host {host} in the model of {cluster.cloud}"),)
    if "service" not in rules.allow:
        allowed = ", ".join(sorted(rules.allow)) or "nothing"
        text = f"setting the service of {host} needs `service`; allowed: {allowed}"
        return (Refusal("not_allowed", host, text),)
    return ()


def look(door: Door, *, host: str, state: str, reason: str | None = None) -> dict[str, Any] | None:
    try:
        service = door.service(host)
    except Gone:
        return None
    return {"status": service.status, "disabled_reason": service.disabled_reason}


def trace(
    door: Door, watch: Watch, *, host: str, state: str, reason: str | None = None
) -> dict[str, Any] | None:
    """Nova keeps no record of who set a service. Only an attempt that found it otherwise has a successor, so
    on a later attempt the wanted state is our own work, unless it bears somebody else's reason.
    """
    if watch.attempt == 1 and not watch.hint:
        return None
    try:
        service = door.service(host)
    except Gone:
        return None
    return _evidence(service) if _is_so(service, state, reason) else None


def do(door: Door, watch: Watch, *, host: str, state: str, reason: str | None = None) -> dict[str, Any]:
    try:
        service = door.service(host)
        if not _is_so(service, state, reason):
            with watch.writing({"phase": "setting", "was": service.status}):
                service = door.set_service(service, state, reason)
    except Gone as why:
        raise Failed(str(why), "remove the host from the plan", kind="gone") from why
    if not _is_so(service, state, reason):
        raise Failed(
            f"Nova answered that {host} is {service.status} ({service.disabled_reason or 'no reason'})",
            f"look at the compute service of {host}",
        )
    return _evidence(service)


def _is_so(service: Service, state: str, reason: str | None) -> bool:
    return service.status == state and (state == "enabled" or service.disabled_reason == reason)


def _evidence(service: Service) -> dict[str, Any]:
    return {"service": service.id, "status": service.status, "disabled_reason": service.disabled_reason}
