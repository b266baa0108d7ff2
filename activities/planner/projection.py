"""The cloud as it will be after some of the actions, kept up to date at little cost per action."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from plan_schemas.frozen import FrozenDict
from plan_schemas.model import Cluster
from plan_schemas.plan import Touches


class Projection:
    """Lets actions apply themselves to the few hosts and instances that they touch."""

    def __init__(self, cluster: Cluster) -> None:
        self._start = cluster
        self._hosts = dict(cluster.hosts)
        self._instances = dict(cluster.instances)

    def around(self, touches: Touches) -> Cluster:
        """As much of the cloud, as it is now, as the action touches; aggregates and groups are left out."""
        names = {h for h in (touches.out, touches.into, touches.service) if h in self._hosts}
        uuids = {u for u in (touches.instance,) if u in self._instances}
        return replace(
            self._start,
            hosts=FrozenDict({h: self._hosts[h] for h in sorted(names)}),
            instances=FrozenDict({u: self._instances[u] for u in sorted(uuids)}),
            aggregates=FrozenDict(),
            groups=FrozenDict(),
        )

    def apply(self, module: Any, here: Cluster, parameters: Mapping[str, Any]) -> None:
        """Let an action do what it does to so much of the cloud, which is as it is now."""
        after = module.apply(here, **parameters)
        self._hosts.update(after.hosts)
        self._instances.update(after.instances)

    def cluster(self) -> Cluster:
        """The whole cloud as it is now."""
        return replace(self._start, hosts=FrozenDict(self._hosts), instances=FrozenDict(self._instances))
