"""What is read of all instances at once, against what hosts and instances say one by one."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from activities.balancing.floor import Floor, scene
from activities.balancing.load import CPU, RAM, capacity, used
from plan_schemas.audit import Scope
from plan_schemas.model import Cluster
from tests import worlds


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(worlds.clusters())
def test_rows_say_what_the_cluster_says(cluster: Cluster) -> None:
    """What instances use, what hosts bear and have free, and who is held, whatever is particular there."""
    usage, rules = worlds.used(cluster), Scope().rules(cluster, ("live", "cold"))
    seen = scene(cluster, rules, usage, [CPU, RAM])
    floor = Floor(seen, seen.movable(cluster.hosts))
    for n, kind in enumerate(seen.kinds):
        values = usage.of(kind.metric)
        for name, level in seen.levels[n].items():
            here = [used(kind, i.resources, values.get(i.uuid, 0.0)) for i in cluster.on(name)]
            share = sum(here) / capacity(kind, cluster.hosts[name])
            assert level >= share - 1e-9
            if kind.host_metric not in usage.values:
                assert level == pytest.approx(share)
        assert [*seen.levels[n]] == [h.name for h in cluster.hosts.values() if capacity(kind, h)]
        for i, one in enumerate(floor.instances):
            assert floor.load[i, n] == used(kind, one.resources, values.get(one.uuid, 0.0))
    for h, name in enumerate(floor.hosts):
        has = zip(floor.classes, floor.free[h].tolist())
        assert {k: v for k, v in has if k in cluster.hosts[name].inventory} == cluster.free(name)
        for one in cluster.on(name):
            assert seen.stays(one) == (seen.held(one) is not None)
