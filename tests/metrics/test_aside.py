"""Whoever has no number is left alone with its host, in whatever a strategy of load proposes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.decide import plan_for
from activities.metrics import subjects
from plan_schemas import admit
from plan_schemas.catalog import load
from plan_schemas.plan import Refused
from tests.metrics.numbers import METRICS, changed
from tests.worlds import clusters, used

METRIC = "instance_cpu_usage"
ASKED: dict[str, dict[str, Any]] = {
    "workload_balance": {"threshold": 8},
    "workload_stabilization": {"metrics": [METRIC], "thresholds": {METRIC: 0.01}, "margin": 0},
}


@pytest.mark.hypothesis
@pytest.mark.parametrize("strategy", sorted(ASKED))
def test_nothing_leaves_and_nothing_comes_where_nobody_knows_what_is_used(strategy: str) -> None:
    """The same clouds whole have plans that touch such hosts; more holes than a tenth are refused."""
    row = {"ballast": "v1", "kind": "Audit", "name": "a", "cloud": "c", "strategy": strategy}
    audit = admit.audit({**row, "parameters": ASKED[strategy]}, load())
    spared = []

    @settings(max_examples=40, deadline=None)
    @given(clusters(min_hosts=5, max_hosts=8), st.data())
    def holds(cluster: Any, data: st.DataObject) -> None:
        whole = plan_for(audit, cluster, load(), usage=used(cluster)).plan
        everybody = sorted(subjects.measured(METRICS[METRIC], cluster))
        if whole is None or not everybody:
            return
        fresh = data.draw(st.sampled_from(everybody))
        holed = changed(used(cluster), METRIC, {fresh: None})
        if len(everybody) < 10:
            with pytest.raises(Refused, match=r"1 instance of \d have no number \(missing\)"):
                plan_for(audit, cluster, load(), usage=holed)
            return
        host = cluster.instances[fresh].host
        plan = plan_for(audit, cluster, load(), usage=holed).plan
        touched = [{a.touches.out, a.touches.into} for a in plan.actions] if plan else []
        assert all(host not in ends for ends in touched)
        spared.append(any(host in (a.touches.out, a.touches.into) for a in whole.actions))

    holds()
    assert any(spared)
