"""The audit and its scope as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from plan_schemas.frozen import EMPTY
from plan_schemas.lifecycle import KEYS
from plan_schemas.model import Cluster
from plan_schemas.plan import Execution
from plan_schemas.usage import NONE, Usage

MAX_UNCERTAIN = 2.0  # percent of hosts whose numbers may be in doubt, unless an audit says otherwise


@dataclass(frozen=True, slots=True)
class Selection:
    """Names of things; a host or an instance is selected when any of the lists names it."""

    zones: tuple[str, ...] = ()
    aggregates: tuple[str, ...] = ()  # by name
    hosts: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()  # by uuid
    projects: tuple[str, ...] = ()
    metadata: Mapping[str, str] = EMPTY  # of instances

    def hosts_in(self, cluster: Cluster) -> frozenset[str]:
        """The hosts that zones, aggregates or hosts name; names that no longer exist select nothing."""
        by_aggregate = {h for a in cluster.aggregates.values() if a.name in self.aggregates for h in a.hosts}
        return frozenset(
            h.name
            for h in cluster.hosts.values()
            if h.name in self.hosts or h.zone in self.zones or h.name in by_aggregate
        )

    def instances_in(self, cluster: Cluster) -> frozenset[str]:
        return frozenset(
            i.uuid
            for i in cluster.instances.values()
            if i.uuid in self.instances
            or i.project in self.projects
            or any(i.metadata.get(k) == v for k, v in self.metadata.items())
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """What an audit may change. Everything is looked at; what is out of scope still counts as load."""

    include: Selection = field(default_factory=Selection)
    exclude: Selection = field(default_factory=Selection)

    def rules(self, cluster: Cluster, allow: tuple[str, ...]) -> Rules:
        included = self.include.hosts_in(cluster)
        chosen = included if included or self.include != Selection() else frozenset(cluster.hosts)
        return Rules(
            hosts=chosen - self.exclude.hosts_in(cluster),
            frozen_instances=self.exclude.instances_in(cluster),
            allow=frozenset(allow),
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """What a decision must keep to, beyond what the cloud itself demands."""

    hosts: frozenset[str]  # may be a source or a destination
    frozen_instances: frozenset[str] = frozenset()  # never moved
    allow: frozenset[str] = frozenset({"live", "service"})  # kinds of intervention
    lifecycle: frozenset[str] = frozenset(KEYS)  # kinds of move that a tenant's metadata may rule out


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a strategy may look at."""

    cluster: Cluster
    rules: Rules
    usage: Usage = NONE  # of the metrics that it declares


@dataclass(frozen=True, slots=True)
class Audit:
    name: str
    cloud: str
    strategy: str
    goal: str
    parameters: Mapping[str, Any] = EMPTY
    scope: Scope = field(default_factory=Scope)
    execution: Execution = field(default_factory=Execution)
    max_uncertain: float = MAX_UNCERTAIN
    max_age_seconds: float = 0.0  # of a snapshot that is there already and may be used again; 0: a new one
    datasource: str = ""  # by name; empty: the first that has all metrics
    requested_by: str = ""  # as claimed
