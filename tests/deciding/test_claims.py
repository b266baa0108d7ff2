"""What other plans still do takes its room now: a decision beside them promises it to nobody else."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from activities.decide import plan_for
from activities.others import claims
from deploy.simcloud.cloud import Cloud
from plan_schemas import admit
from plan_schemas.audit import Rules
from plan_schemas.catalog import load
from plan_schemas.model import Cluster
from tests.how.acting import ALLOW, observed
from tests.how.one_action import run, uuid_of
from tests.resizing.test_resize import resize, sized

Row = dict[str, Any]
ROOM = 4 * 4096 + 512  # MiB of a host for four servers, and what it keeps for itself


def crowded(room: int = ROOM) -> Cloud:
    """Two servers on `a1`, which has room for two more, or for one of the two twice as large and another."""
    hosts = [{"name": "a1", "memory_mb": room}, {"name": "a2"}]
    servers = [{"name": name, "flavor": "m1", "host": host} for name, host in HOMES.items()]
    return sized(hosts=hosts, servers=servers)


HOMES = {"web": "a1", "db": "a1", "ci": "a2", "wiki": "a2"}


def grows(cloud: Cloud, name: str = "web", flavor: str = "m1.more") -> Row:
    return _row("resize", instance=uuid_of(cloud, name), flavor=flavor)


def goes(cloud: Cloud, name: str, into: str) -> Row:
    one = {"instance": uuid_of(cloud, name), "source": HOMES[name]}
    return _row("migrate", **one, destination=into, kind="live")


def _row(type: str, **parameters: Any) -> Row:
    return {"instance": parameters["instance"], "type": type, "parameters": parameters}


def reckoned(model: Cluster, *rows: Row) -> tuple[dict[str, int], set[str]]:
    """MiB that are claimed on each host by these, and who is left alone for them."""
    after, rules = claims.reckon(model, Rules(frozenset(model.hosts), allow=ALLOW), rows)
    taken = {name: after.used(name)["MEMORY_MB"] - model.used(name)["MEMORY_MB"] for name in model.hosts}
    return {name: mib for name, mib in taken.items() if mib}, set(rules.frozen_instances)


def test_a_resize_claims_what_its_server_grows_by() -> None:
    """Where it is, for there it may stay; and nobody else touches it."""
    cloud = crowded()
    model = observed(cloud)
    assert reckoned(model, grows(cloud)) == ({"a1": 4096}, {uuid_of(cloud, "web")})
    assert reckoned(model, grows(cloud, flavor="m1.same")) == ({}, {uuid_of(cloud, "web")})
    assert reckoned(model, grows(cloud, flavor="withdrawn")) == ({}, {uuid_of(cloud, "web")})
    both = reckoned(model, goes(cloud, "ci", "a1"), grows(cloud, "ci"))
    assert both == ({"a1": 8192}, {uuid_of(cloud, "ci")}), "it is resized where it was moved to"


def test_a_resize_without_room_where_it_is_claims_nothing_there() -> None:
    """Nova has to put it elsewhere: a host is never counted as fuller than it can be."""
    cloud = crowded(room=3 * 4096 + 512)
    assert reckoned(observed(cloud), grows(cloud), grows(cloud, "db"))[0] == {"a1": 4096}
    for rows in permutations([goes(cloud, "ci", "a1"), grows(cloud)]):
        assert reckoned(observed(cloud), *rows)[0] == {"a1": 4096}


def test_what_is_done_claims_nothing_more() -> None:
    """It takes its room as it is, wherever it came to."""
    cloud = crowded()
    rows = grows(cloud), goes(cloud, "ci", "a1")
    assert reckoned(observed(cloud), *rows)[0] == {"a1": 8192}
    assert run(cloud, resize(cloud)).outcome == "done"
    cloud.advance(5)
    assert reckoned(observed(cloud), rows[0])[0] == {}


@pytest.mark.parametrize("beside", [True, False])
def test_a_decision_leaves_the_room_that_another_plans_resize_needs(beside: bool) -> None:
    """Of two moves to its host only one finds room beside it, both where nothing is resized."""
    cloud = crowded()
    given = [{"id": name, **goes(cloud, name, "a1")} for name in ("ci", "wiki")]
    actions = [{k: v for k, v in row.items() if k != "instance"} for row in given]
    audit = {"ballast": "v1", "kind": "Audit", "name": "a", "cloud": "simcloud", "strategy": "actuator"}
    asked = admit.audit({**audit, "parameters": {"actions": actions}}, load())
    plan = plan_for(asked, observed(cloud), load(), moves=[grows(cloud)] if beside else []).plan
    assert plan is not None
    assert len(plan.actions) == (1 if beside else 2)
    assert [refusal.code for refusal in plan.rejected] == (["capacity"] if beside else [])
