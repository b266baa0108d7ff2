"""Rules above every audit, from the worker's own configuration: the most restrictive wins, and says so.

A policy never gives more than a document asks for; what it takes away it takes from plans as well as from
audits, and again where an action is carried out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from plan_schemas.audit import Rules, Selection
from plan_schemas.automation import ALL, level
from plan_schemas.budget import Budget, Reserve
from plan_schemas.frozen import freeze
from plan_schemas.lifecycle import KEYS
from plan_schemas.model import Cluster
from plan_schemas.plan import Breaker, Execution, Limits
from plan_schemas.schema import seconds
from plan_schemas.windows import Window


@dataclass(frozen=True, slots=True)
class Policy:
    """One Policy document; what it leaves out it leaves open."""

    name: str
    clouds: tuple[str, ...] = ()  # empty: all
    limits: Mapping[str, int] = field(default_factory=dict)
    allow: frozenset[str] | None = None
    protect: Selection = field(default_factory=Selection)
    windows: tuple[Window, ...] = ()
    automation: str = ""
    four_eyes: str = ""
    breaker: Breaker | None = None
    lifecycle: frozenset[str] | None = None  # kinds of move that a tenant's metadata may rule out
    budgets: tuple[Budget, ...] = ()
    reserve: tuple[Reserve, ...] = ()


@dataclass(frozen=True, slots=True)
class Protected:
    """What no audit may touch, each with the name of the policy that says so."""

    hosts: Mapping[str, str]
    instances: Mapping[str, str]


def from_document(document: Mapping[str, Any]) -> Policy:
    """The policy of a valid document."""
    allow = document.get("allow")
    return Policy(
        name=document["name"],
        clouds=tuple(document.get("clouds", ())),
        limits=dict(document.get("limits", {})),
        allow=None if allow is None else frozenset(allow),
        protect=Selection(**{k: freeze(v) for k, v in document.get("protect", {}).items()}),
        windows=tuple(Window.of(row) for row in document.get("windows", ())),
        automation=document.get("automation", ""),
        four_eyes=document.get("four_eyes", ""),
        breaker=Breaker(**document["breaker"]) if "breaker" in document else None,
        lifecycle=frozenset(document["lifecycle"]) if "lifecycle" in document else None,
        budgets=tuple(_budget(row) for row in document.get("budgets", ())),
        reserve=tuple(
            Reserve(row["per"], row["hosts"], tuple(row.get("names", ())))
            for row in document.get("reserve", ())
        ),
    )


def _budget(row: Mapping[str, Any]) -> Budget:
    within = seconds(row["within"]) if "within" in row else 0.0
    return Budget(row["per"], row.get("count"), row.get("percent"), within, tuple(row.get("names", ())))


def of_cloud(policies: Iterable[Policy], cloud: str) -> tuple[Policy, ...]:
    return tuple(p for p in policies if not p.clouds or cloud in p.clouds)


def bounded(execution: Execution, policies: Iterable[Policy]) -> Execution:
    """The same way of carrying a plan out, as far as all policies allow it."""
    policies = tuple(policies)
    limits, allow, windows = execution.limits, execution.allow, list(execution.windows)
    for policy in policies:
        limits = _least(limits, policy.limits)
        if policy.allow is not None:
            allow = tuple(kind for kind in allow if kind in policy.allow)
        if policy.windows and policy.windows not in windows:
            windows.append(policy.windows)
    return reviewed(replace(execution, limits=limits, allow=allow, windows=tuple(windows)), policies)


def reviewed(execution: Execution, policies: Iterable[Policy]) -> Execution:
    """The same with as much review, and as early a stop, as all policies demand."""
    automation, by, breaker = execution.automation, "", execution.breaker  # a document may claim any word
    four_eyes = execution.four_eyes
    for policy in policies:
        says = level(policy.automation)
        if says < level(automation) or (says == level(automation) < ALL and not by):
            automation, by = policy.automation, f"the policy {policy.name}"
        four_eyes = four_eyes or policy.four_eyes
        breaker = _stricter(breaker, policy.breaker)
    mode = "approve" if four_eyes and execution.mode == "auto" else execution.mode
    return replace(
        execution,
        mode=mode,
        automation=automation,
        automation_by=by,
        four_eyes=four_eyes,
        breaker=breaker,
    )


def _stricter(one: Breaker | None, other: Breaker | None) -> Breaker | None:
    """One that trips no later than either."""
    if one is None or other is None:
        return one or other
    return Breaker(min(one.failures, other.failures), "any" if "any" in (one.of, other.of) else "kind")


def _least(limits: Limits, ceilings: Mapping[str, int]) -> Limits:
    """Where a plan sets no limit of its own, the ceiling is one."""
    lower = {n: most for n, most in ceilings.items() if (getattr(limits, n) or most) >= most}
    return replace(limits, **lower)


def forbids(kind: str, policies: Iterable[Policy]) -> str:
    """Which policy does not allow a kind of intervention, in a sentence; empty when all allow it."""
    for policy in policies:
        if policy.allow is not None and kind not in policy.allow:
            allowed = ", ".join(sorted(policy.allow)) or "nothing"
            return f"the policy {policy.name} does not allow {kind}; it allows {allowed}"
    return ""


def honoured(policies: Iterable[Policy]) -> frozenset[str]:
    """The kinds of move that a tenant may rule out: all, unless policies name some."""
    said = [policy.lifecycle for policy in policies if policy.lifecycle is not None]
    return frozenset().union(*said) if said else frozenset(KEYS)


def protected(policies: Iterable[Policy], cluster: Cluster) -> Protected:
    """What of this cluster the policies protect. An instance is not safer for being on a protected host."""
    hosts: dict[str, str] = {}
    instances: dict[str, str] = {}
    for policy in policies:
        for host in policy.protect.hosts_in(cluster):
            hosts.setdefault(host, policy.name)
        for uuid in policy.protect.instances_in(cluster):
            instances.setdefault(uuid, policy.name)
    return Protected(hosts, instances)


def narrowed(rules: Rules, policies: Iterable[Policy], cluster: Cluster) -> Rules:
    """The rules of an audit less what the policies protect and do not allow."""
    kept = tuple(policies)
    guarded = protected(kept, cluster)
    allow = rules.allow
    for policy in kept:
        allow = allow if policy.allow is None else allow & policy.allow
    return replace(
        rules,
        hosts=rules.hosts - frozenset(guarded.hosts),
        frozen_instances=rules.frozen_instances | frozenset(guarded.instances),
        allow=allow,
        lifecycle=honoured(kept),
    )
