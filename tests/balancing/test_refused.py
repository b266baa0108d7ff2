"""Who found no host: what is known of others is what asking all hosts would tell."""

from __future__ import annotations

import pytest

from activities.balancing.floor import Floor, scene
from activities.balancing.load import KINDS
from activities.balancing.need import overloaded
from activities.balancing.relief import Relief
from plan_schemas.audit import Scope
from tests.bench.clouds import cloud, usage


@pytest.mark.parametrize("tightly", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_nobody_is_refused_unasked_whom_a_host_takes(seed: int, tightly: bool) -> None:
    """Also after moves, which give room and take it, and whichever host is not to be the one."""
    made = cloud(40, seed=seed, constrained=bool(seed % 2), fill=(0.93, 0.93))
    seen = scene(made, Scope().rules(made, ("live",)), usage(made, seed), [KINDS["instance_cpu_usage"]])
    floor, threshold = Floor(seen, made.instances), 0.4
    search = Relief(floor, threshold, overloaded(floor, threshold), tightly=tightly)
    refused = known = 0
    for mover in range(0, len(floor.uuids), 200):
        for i in range(len(floor.uuids)):
            without = i % len(floor.hosts) if i % 3 else -1
            known += search.refused.only(i) is not None
            found = search._best(i, without)
            assert (search._place(i, without) is None) == (found is None)
            refused += found is None
        if mover not in floor.placed and (host := search._best(mover, -1)) is not None:
            floor.move(mover, host)
    assert refused > 100
    assert known > 100
