"""Budgets and reserves of policies: who has a part in which, and what a plan cannot say of itself."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from activities import complete
from activities.decide import plan_for
from activities.doing.execute import carry_out
from activities.planner import inverse
from activities.rules import reserve, shares
from plan_schemas import admit
from plan_schemas.budget import Budget, Reserve, Share
from plan_schemas.catalog import load
from plan_schemas.frozen import FrozenDict
from plan_schemas.model import Cluster, Host, Instance, Inventory, build, from_document
from plan_schemas.plan import Action, Plan, Refused, SkipCause, Touches
from plan_schemas.plan import from_document as plan_from
from plan_schemas.plan import to_document as plan_document
from plan_schemas.policy import Policy
from plan_schemas.policy import from_document as policy_from
from tests.deciding.crowds import crowd
from tests.deciding.test_golden import HERE
from tests.how.acting import ALLOW, VirtualWatch, door_to, no_new_writes, observed, planned
from tests.simcloud.kit import small
from tests.worlds import clusters

CATALOG = load()


def drained(cluster: Cluster) -> Plan:
    """A plan that moves every instance one host on."""
    names = list(cluster.hosts)
    rows = [
        {
            "id": f"m{n}",
            "type": "migrate",
            "parameters": {
                "instance": one.uuid,
                "source": one.host,
                "destination": names[(names.index(str(one.host)) + 1) % len(names)],
                "kind": "live",
            },
            "touches": {
                "instance": one.uuid,
                "out": one.host,
                "into": names[(names.index(str(one.host)) + 1) % len(names)],
            },
        }
        for n, one in enumerate(cluster.instances.values())
        if one.host in cluster.hosts
    ]
    document = {"ballast": "v1", "kind": "ActionPlan", "cloud": cluster.cloud, "actions": rows}
    types = {"migrate": complete_type()}
    execution = admit.effective_execution({})
    return plan_from({**document, "name": "p", "created_at": "", "execution": execution, "types": types})


def complete_type() -> dict[str, Any]:
    kind = CATALOG.actions["migrate"].type
    out = {n: getattr(kind, n) for n in kind.__dataclass_fields__ if n not in ("name", "retry")}
    return out | {"retry": {n: getattr(kind.retry, n) for n in kind.retry.__dataclass_fields__}}


@given(count=st.none() | st.integers(1, 9), percent=st.none() | st.floats(0.1, 100), size=st.integers(0, 500))
def test_of_count_and_percent_the_smaller_holds_and_never_zero(
    count: int | None, percent: float | None, size: int
) -> None:
    """A percentage is rounded down, but one is always let through."""
    if count is None and percent is None:
        count = 3
    limit = Budget("zone", count, percent).limit(size)
    assert limit >= 1
    assert count is None or limit <= count
    assert percent is None or limit == 1 or limit <= size * percent / 100


KINDS = ("host", "aggregate", "zone", "project", "server_group", "cloud")


@settings(max_examples=60, deadline=None)
@given(cluster=clusters(), kind=st.sampled_from(KINDS), count=st.integers(1, 3))
def test_a_move_has_a_part_in_every_group_that_it_touches(cluster: Cluster, kind: str, count: int) -> None:
    """And in no other: counted again from the model by other means."""
    plan = shares.shared(drained(cluster), cluster, (Policy("night", budgets=(Budget(kind, count),)),))
    for action in plan.actions:
        one = cluster.instances[str(action.touches.instance)]
        hosts = (str(action.touches.out), str(action.touches.into))
        found = {
            "host": set(hosts),
            "aggregate": {a.name for a in cluster.aggregates.values() if {*hosts} & {*a.hosts}},
            "zone": {cluster.hosts[h].zone for h in hosts},
            "project": {one.project},
            "server_group": {
                f"{g.name} ({g.uuid[:8]})" for g in cluster.groups.values() if g.uuid == one.server_group
            },
            "cloud": {cluster.cloud},
        }[kind]
        assert {*action.shares} == {f"budget of {kind} {name} of policy night" for name in found}
        assert all(plan.shares[name] == Share(count) for name in action.shares)


def test_the_names_of_a_budget_choose_its_groups() -> None:
    """A budget of one zone says nothing of the others; a percentage is of the instances of the group."""
    cluster = from_document(yaml.safe_load((HERE / "world.yaml").read_text()))
    zones = Counter(h.zone for h in cluster.hosts.values())
    zone = sorted(zones)[0]
    policy = Policy("p", budgets=(Budget("zone", None, 50.0, 0.0, (zone,)), Budget("cloud", 5, None, 3600.0)))
    plan = shares.shared(drained(cluster), cluster, (policy,))
    there = sum(cluster.hosts[str(i.host)].zone == zone for i in cluster.instances.values() if i.host)
    assert dict(plan.shares) == {
        f"budget of zone {zone} of policy p": Share(there // 2),
        f"budget of cloud {cluster.cloud} in 3600 s of policy p": Share(5, 3600.0),
    }


def test_a_plan_keeps_its_shares_as_a_document_and_its_undo_those_of_what_moves_at_once() -> None:
    """What is frozen into a plan is read back the same; the way back is in no budget of an hour."""
    cluster = crowd(4, 0.3, 1)
    budgets = (Budget("host", 2), Budget("cloud", 5, None, 3600.0))
    plan = shares.shared(drained(cluster), cluster, (Policy("p", budgets=budgets),))
    again = plan_from(plan_document(plan))
    assert again == plan
    assert again.digest == plan.digest
    back = inverse.undo_plan(plan, [plan.actions[0].id], reason="test").plan
    assert back is not None
    assert {*back.actions[0].shares} == {n for n in plan.actions[0].shares if not plan.shares[n].seconds}
    assert {*back.actions[0].shares} <= {*back.shares}


# -- what a worker makes of a plan --------------------------------------------------------------------------


def handmade(instance: str, source: str, destination: str, **more: Any) -> dict[str, Any]:
    parameters = {"instance": instance, "source": source, "destination": destination, "kind": "live"}
    row = {"id": "m", "type": "migrate", "parameters": parameters, **more}
    document = {"ballast": "v1", "kind": "ActionPlan", "cloud": "simcloud", "actions": [row]}
    return admit.plan(document, CATALOG, name="p", created_at="2026-01-01T00:00:00Z")


def test_a_forged_plan_gets_the_shares_of_the_workers_policies() -> None:
    """Whatever a plan says of its shares is left aside: the worker works them out from policies and cloud."""
    cloud = small()
    uuid = next(i.uuid for i in cloud.instances.values() if i.name == "web")
    document = handmade(uuid, "a1", "a2", shares=["mine"]) | {"shares": {"mine": {"limit": 99}}}
    policies = (
        Policy("night", budgets=(Budget("host", 1),)),
        Policy("day", ("elsewhere",), budgets=(Budget("cloud", 1),)),
    )
    made = plan_from(complete.plan(document, lambda _: door_to(cloud), policies))
    assert made.actions[0].shares == (
        "budget of host a1 of policy night",
        "budget of host a2 of policy night",
    )
    assert {*made.shares} == {*made.actions[0].shares}
    bare = plan_from(complete.plan(document, lambda _: door_to(cloud)))
    assert (bare.actions[0].shares, dict(bare.shares)) == ((), {})


# -- reserve ------------------------------------------------------------------------------------------------


def ring(used: int, hosts: int = 4, capacity: int = 10) -> Cluster:
    """Hosts of one zone with equal room; so many units are used, spread over them."""
    room = FrozenDict({"VCPU": Inventory(capacity)})
    rows = [Host(f"h{n}", f"rp{n}", f"s{n}", zone="z", inventory=room) for n in range(hosts)]
    one = FrozenDict({"VCPU": 1})
    guests = [Instance(f"i{n:03}", f"i{n}", f"h{n % hosts}", resources=one) for n in range(used)]
    return build("c", "2026-01-01T00:00:00Z", rows, guests)


@given(used=st.integers(0, 40), hosts=st.integers(1, 6), k=st.integers(1, 3), off=st.integers(0, 3))
def test_a_reserve_is_what_can_be_lost(used: int, hosts: int, k: int, off: int) -> None:
    """It is there exactly when the hosts that are left after the loss hold everything."""
    cluster = ring(used, hosts)
    for n in range(min(off, hosts)):
        cluster = cluster.with_host(f"h{n}", status="disabled")
    serving = hosts - min(off, hosts)
    enough = serving >= k and used <= 10 * (serving - k)
    assert (reserve.shortage(Reserve("zone", k), "z", cluster) == "") == enough


def test_the_last_hosts_of_a_reserve_are_not_closed() -> None:
    """An audit that would take them is refused with the numbers, and so is a plan by hand."""
    cluster = from_document(yaml.safe_load((HERE / "world.yaml").read_text()))
    strategy = "vm_workload_consolidation"
    document = {"ballast": "v1", "kind": "Audit", "name": "x", "cloud": "grove", "strategy": strategy}
    audit = admit.audit(document, CATALOG)
    assert plan_for(audit, cluster, CATALOG).plan is not None
    policy = Policy("n-plus", reserve=(Reserve("cloud", 1),))
    assert plan_for(audit, cluster, CATALOG, policies=(policy,)).plan is not None
    two = Policy("n-plus", reserve=(Reserve("cloud", 2),))
    made = plan_for(audit, cluster, CATALOG, policies=(two,))
    assert made.plan is not None, "one of the two hosts can be released all the same"
    assert [a.touches.sets for a in made.plan.actions].count("disabled") == 1
    assert "More hosts would break a reserve: the policy n-plus keeps 2 hosts" in made.summary
    assert reserve.broken(made.plan, cluster, (two,)) == ()
    greedy = Policy("n-plus", reserve=(Reserve("cloud", len(cluster.hosts) - 1),))
    with pytest.raises(Refused, match=r"the policy n-plus keeps \d hosts in reserve; then cloud grove"):
        plan_for(audit, cluster, CATALOG, policies=(greedy,))


def test_what_takes_from_a_reserve_does_so_one_at_a_time() -> None:
    """Closing a host and bringing a server into a zone share one slot; a move within it does not."""
    cluster = build(
        "c",
        "",
        [Host(n, n, n, zone=z) for n, z in (("a", "x"), ("b", "x"), ("c", "y"))],
        [Instance("i", "i", "a")],
    )
    kept = Reserve("zone", 1)
    assert reserve.drawn_on(kept, Touches(service="a", sets="disabled"), cluster) == ("x",)
    assert reserve.drawn_on(kept, Touches(service="a", sets="enabled"), cluster) == ()
    assert reserve.drawn_on(kept, Touches("i", "a", "b"), cluster) == ()
    assert reserve.drawn_on(kept, Touches("i", "a", "c"), cluster) == ("y",)
    plan = Plan(
        "p",
        "c",
        "",
        drained(ring(1)).execution,
        FrozenDict(),
        (Action("off", "nop", FrozenDict(), "", touches=Touches(service="a", sets="disabled")),),
    )
    made = shares.shared(plan, cluster, (Policy("n", reserve=(kept,)),))
    assert dict(made.shares) == {"reserve of zone x of policy n": Share(1)}


def test_a_reserve_holds_where_the_action_is_carried_out() -> None:
    """The last host that a reserve needs is not closed, whatever the plan says, with the numbers."""
    cloud = small()
    hosts = len(cloud.hosts)
    policies = (Policy("n-plus", reserve=(Reserve("cloud", hosts - 1),)),)
    action = planned(observed(cloud), "change_nova_service_state", host="a2", state="disabled")
    with no_new_writes(cloud):
        outcome = carry_out(action, door_to(cloud), VirtualWatch.new(cloud), allow=ALLOW, policies=policies)
    assert (outcome.outcome, outcome.cause) == ("skipped", SkipCause.PRECONDITION)
    assert f"the policy n-plus keeps {hosts - 1} hosts in reserve; then cloud" in outcome.reason
    fine = carry_out(action, door_to(cloud), VirtualWatch.new(cloud), allow=ALLOW)
    assert fine.outcome == "done"


def test_a_policy_says_its_budgets_and_reserves_in_yaml() -> None:
    """The document becomes the value, durations in seconds."""
    document = yaml.safe_load("""
ballast: v1
kind: Policy
name: night-shift
budgets:
  - {per: zone, count: 2, names: [az1]}
  - {per: server_group, percent: 34}
  - {per: project, count: 10, within: 1h}
reserve:
  - {per: aggregate, hosts: 1, names: [gpu]}
""")
    assert admit.problems(document, CATALOG) == ()
    policy = policy_from(document)
    assert policy.budgets[2] == Budget("project", 10, None, 3600.0)
    assert policy.reserve == (Reserve("aggregate", 1, ("gpu",)),)
    wrong = document | {
        "budgets": [{"per": "zone", "count": 0}, {"per": "zone"}, {"per": "moon", "count": 1}]
    }
    assert len(admit.problems(wrong, CATALOG)) == 3
