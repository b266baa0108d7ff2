"""Rules above every audit, from the worker's own configuration: the most restrictive wins, and says so.

A policy never gives more than a document asks for; what it takes away it takes from plans as well as from
audits, and again where an action is carried out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from plan_schemas.audit import Rules, Selection
from plan_schemas.frozen import freeze
from plan_schemas.model import Cluster
from plan_schemas.plan import Execution, Limits
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
    )


def of_cloud(policies: Iterable[Policy], cloud: str) -> tuple[Policy, ...]:
    return tuple(p for p in policies if not p.clouds or cloud in p.clouds)


def bounded(execution: Execution, policies: Iterable[Policy]) -> Execution:
    """The same way of carrying a plan out, as far as all policies allow it."""
    limits, allow, windows = execution.limits, execution.allow, list(execution.windows)
    for policy in policies:
        limits = _least(limits, policy.limits)
        if policy.allow is not None:
            allow = tuple(kind for kind in allow if kind in policy.allow)
        if policy.windows and policy.windows not in windows:
            windows.append(policy.windows)
    return replace(execution, limits=limits, allow=allow, windows=tuple(windows))


def _least(limits: Limits, ceilings: Mapping[str, int]) -> Limits:
    return replace(limits, **{name: min(getattr(limits, name), most) for name, most in ceilings.items()})


def forbids(kind: str, policies: Iterable[Policy]) -> str:
    """Which policy does not allow a kind of intervention, in a sentence; empty when all allow it."""
    for policy in policies:
        if policy.allow is not None and kind not in policy.allow:
            allowed = ", ".join(sorted(policy.allow)) or "nothing"
            return f"the policy {policy.name} does not allow {kind}; it allows {allowed}"
    return ""


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
    )
