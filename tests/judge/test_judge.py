"""The judge judged: each broken rule is reported by its name, and what is legal is not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from tests import judge, worlds
from tests.judge.hand import OUT, Row, move, plan, releasing, rules, service
from tests.judge.picture import Picture

WHY_NOT = [
    ("small", "plain", []),
    ("small", "home", []),
    ("small", "nowhere", ["unknown_host"]),
    ("small", "off", ["disabled"]),
    ("small", "dead", ["down"]),
    ("small", "doubt", ["uncertain"]),
    ("small", "claimed", ["capacity"]),
    ("small", "kept", ["tenant"]),
    ("golden", "far", ["tenant"]),
    ("pinned", "far", ["zone"]),
    ("pinned", "plain", []),
    ("nvme", "far", ["traits"]),
    ("shy", "plain", ["traits"]),
    ("shy", "far", []),
    ("fast", "plain", ["aggregate"]),
    ("fast", "far", []),
    ("big", "plain", ["capacity"]),
    ("big", "far", []),
    ("key", "far", ["capacity"]),
    ("wide", "far", []),
    ("wide", "plain", ["max_unit"]),
    ("small", "other", ["hypervisor_type"]),
    ("kvm", "far", []),
    ("kvm", "other", ["hypervisor_type"]),
    ("twin1", "plain", ["anti_affinity"]),
    ("twin1", "far", []),
    ("pair1", "far", ["affinity"]),
    ("locked", "far", ["locked"]),
    ("busy", "far", ["busy"]),
    ("half", "far", ["status"]),
    ("stopped", "far", ["not_allowed", "status"]),
    ("paused", "far", []),
    ("numa", "far", ["pinned_resources"]),
    ("gpu", "far", ["pinned_resources"]),
    ("own", "far", ["pinned_resources"]),
    ("stranded", "far", ["down"]),
    ("rescued", "far", ["recovery"]),
]


@pytest.mark.parametrize(("instance", "host", "expected"), WHY_NOT)
def test_a_placement_is_refused_by_its_rule(instance: str, host: str, expected: list[str]) -> None:
    """Each rule forbids exactly the placement that breaks it, alone and as the one move of a plan."""
    world = worlds.named("rules")
    assert judge.placement(world, instance, host) == expected
    if host in ("home", "nowhere"):
        return
    at = next(i["host"] for i in world["instances"] if i["uuid"] == instance)
    found = rules(world, plan(move("m", instance, at, host)))
    assert found == set(expected) - ({"not_allowed"} if instance == "stopped" else set())


@pytest.mark.parametrize(
    ("scope", "instance", "host", "expected"),
    [
        ({"include": {"zones": ["az1"]}}, "small", "far", ["out_of_scope"]),
        ({"include": {"hosts": ["far", "plain"]}}, "small", "far", ["out_of_scope"]),
        ({"exclude": {"aggregates": ["disks"]}}, "small", "plain", ["out_of_scope"]),
        ({"exclude": {"projects": ["blue"]}}, "blue", "far", ["excluded"]),
        ({"exclude": {"instances": ["small"]}}, "small", "far", ["excluded"]),
        ({"exclude": {"hosts": ["gone"], "metadata": {"optimize": "false"}}}, "small", "far", []),
    ],
)
def test_a_scope_binds(scope: Row, instance: str, host: str, expected: list[str]) -> None:
    """What an audit's scope leaves out is neither source nor destination nor moved."""
    world = worlds.named("rules")
    assert judge.placement(world, instance, host, audit={"scope": scope}) == expected


def test_cold_migration_must_be_allowed() -> None:
    """A stopped server moves cold, where cold is allowed by the audit and by the plan."""
    world, cold = worlds.named("rules"), move("m", "stopped", "home", "far", "cold")
    assert rules(world, plan(cold)) == {"not_allowed"}
    allowing = {"execution": {"allow": ["live", "cold", "service"]}}
    assert rules(world, plan(cold, **allowing)) == set()
    assert rules(world, plan(cold, **allowing), {"execution": {"allow": ["live"]}}) == {"not_allowed"}
    assert judge.placement(world, "paused", "far", audit=allowing, kind="cold") == ["status"]


def test_max_server_per_host_counts() -> None:
    """An anti-affinity group with room for two per host takes a second member and refuses a third."""
    world = worlds.named("rules")
    world["groups"][0] |= {"max_server_per_host": 2, "members": ["twin1", "twin2", "small"]}
    first, second = move("m1", "twin1", "home", "plain"), move("m2", "small", "home", "plain")
    assert rules(world, plan(first)) == set()
    assert rules(world, plan(first, second)) == {"anti_affinity"}


def test_soft_groups_bind_nobody() -> None:
    """Soft affinity and soft anti-affinity are wishes, not rules."""
    world = worlds.named("rules")
    for group in world["groups"]:
        group["policy"] = "soft-" + group["policy"]
    both = plan(move("m1", "twin1", "home", "plain"), move("m2", "pair1", "home", "far"))
    assert rules(world, both) == set()


@pytest.mark.parametrize(
    ("changes", "aggregate", "expected"),
    [
        ({}, {"trait:CUSTOM_NVME": "required"}, {"aggregate"}),
        ({"extra_specs": {"trait:CUSTOM_NVME": "required"}}, {"trait:CUSTOM_NVME": "required"}, {"traits"}),
        ({"image_properties": {"os": "windows"}}, {"os": "linux, bsd"}, {"aggregate"}),
        ({"image_properties": {"os": "linux"}}, {"os": "linux, bsd"}, set()),
        ({"scheduler_hints": {"different_host": ["twin2"]}}, {}, {"anti_affinity"}),
        ({"scheduler_hints": {"different_host": "gone"}}, {}, set()),
        ({"scheduler_hints": {"same_host": ["big"]}}, {}, {"affinity"}),
        ({"scheduler_hints": {"same_host": ["twin2"]}}, {}, set()),
        ({"resources": {"VCPU": 1, "DISK_GB": 10}}, {}, set()),
    ],
)
def test_isolation_hints_and_shared_disks_count(changes: Row, aggregate: Row, expected: set[str]) -> None:
    """Isolated aggregates and scheduler hints bind; disk that a shared provider gives does not."""
    world = worlds.named("rules")
    small = next(i for i in world["instances"] if i["uuid"] == "small")
    small |= changes
    world["aggregates"].append({"id": "3", "name": "only", "hosts": ["plain"], "metadata": aggregate})
    assert rules(world, plan(move("m", "small", "home", "plain"))) == expected
    assert set(judge.placement(world, "small", "plain")) == expected


def test_an_affinity_group_may_come_together_again() -> None:
    """A member that strayed may join the others; none may leave them."""
    world = worlds.named("rules")
    next(i for i in world["instances"] if i["uuid"] == "pair2")["host"] = "far"
    assert rules(world, plan(move("m", "pair1", "home", "far"))) == set()
    assert rules(world, plan(move("m", "pair1", "home", "plain"))) == {"affinity"}


def broken(**changes: Any) -> Row:
    return {**move("m1", "small", "home", "plain"), **changes}


PAPERS = [
    (broken(), set()),
    (broken(reason="  "), {"reason"}),
    (broken(needs=["m7"]), {"edges"}),
    (broken(freed_by=["m1"]), {"cycle"}),
    (broken(type="teleport"), {"parameters"}),
    (broken(parameters={"instance": "small"}), {"parameters"}),
    (move("m1", "small", "home", "plain", "warm"), {"parameters"}),
    (move("m1", "nobody", "home", "plain"), {"parameters"}),
    (move("m1", "small", "home", "nowhere"), {"unknown_host"}),
    (broken(touches={"instance": "small", "out": "home", "into": "far"}), {"touches"}),
    (broken(expects={"host": "home", "status": "ACTIVE", "task_state": None}), set()),
    (broken(expects={"host": "far"}), {"expects"}),
    (broken(expects={"locked": True}), {"expects"}),
]


@pytest.mark.parametrize(("action", "expected"), PAPERS)
def test_the_paper_is_read(action: Row, expected: set[str]) -> None:
    """Reasons, references, parameters, footprints and expectations are judged before any effect."""
    assert rules(worlds.named("rules"), plan(action)) == expected


def test_ids_digest_and_cycles_are_read() -> None:
    """Doubled ids, a digest of other content, and edges that run in a circle are each found."""
    world = worlds.named("rules")
    one, two = move("m1", "small", "home", "far"), move("m2", "pinned", "home", "plain")
    assert rules(world, plan(one, {**two, "id": "m1"})) == {"ids"}
    assert rules(world, plan(one, digest="sha256:0")) == {"digest"}
    assert rules(world, plan({**one, "needs": ["m2"]}, {**two, "freed_by": ["m1"]})) == {"cycle"}


TRUE = {"released_compute_nodes_count": 1, "instance_migrations_count": 2}
PURPOSES = [
    (OUT, TRUE, set()),
    (OUT, {"released_compute_nodes_count": 2}, {"forecast"}),
    (OUT, {"happiness": 1}, {"forecast"}),
    (OUT, {"instances_left": 0}, set()),
    (OUT[:2], {"instances_left": 0}, {"forecast", "half_emptied", "disabled_not_empty"}),
    (OUT[:2], {"instances_left": 1}, {"half_emptied", "disabled_not_empty"}),
    (OUT[:2], {}, {"half_emptied", "disabled_not_empty"}),
    ([{**OUT[1], "needs": []}, {**OUT[2], "needs": []}], {}, {"left_enabled"}),
    ([{**OUT[1], "needs": []}], {}, {"half_emptied", "left_enabled"}),
    ([OUT[0], {**OUT[1], "needs": []}, OUT[2]], {}, {"not_disabled_first"}),
    ([service("s", "h1")], {}, {"disabled_not_empty"}),
    ([service("s", "h4", "enabled")], {}, {"enabled"}),
    ([service("s", "h4")], {}, {"no_effect"}),
    ([service("s", "h3"), service("t", "h3")], {}, {"overlap", "disabled_not_empty"}),
    ([move("m1", "i3", "h3", "h1"), move("m2", "i3", "h1", "h3", needs=["m1"])], {}, {"no_effect"}),
]


@pytest.mark.parametrize(("actions", "forecast", "expected"), PURPOSES)
def test_a_host_is_released_whole(actions: list[Row], forecast: Row, expected: set[str]) -> None:
    """Consolidation empties hosts or leaves them, disables only those, and foretells what comes true."""
    document = releasing(*actions, forecast=forecast)
    assert rules(worlds.named("spare"), document) == expected


def test_a_host_that_the_plan_disables_takes_no_arrivals() -> None:
    """An arrival is legal only where it surely comes before the disabling, or after an enabling."""
    world, there = worlds.named("spare"), move("m", "i1", "h1", "h3")
    assert rules(world, plan(there, service("s", "h3"))) == {"disabled"}
    assert rules(world, plan({**there, "needs": ["s"]}, service("s", "h3"))) == {"disabled"}
    assert rules(world, plan(there, service("s", "h3", needs=["m"]))) == set()
    back = move("m", "i1", "h1", "h4")
    assert rules(world, plan(back)) == {"disabled"}
    assert rules(world, plan(back, service("s", "h4", "enabled"))) == {"disabled"}
    assert rules(world, plan({**back, "needs": ["s"]}, service("s", "h4", "enabled"))) == set()


def test_service_changes_need_permission_and_scope() -> None:
    """A plan that may not change services, or not on this host, is told so."""
    world = worlds.named("spare")
    scope = {"scope": {"include": {"hosts": ["h1"]}}, "execution": {"allow": ["live"]}}
    assert rules(world, plan(service("s", "h3")), scope) == {"out_of_scope", "not_allowed"}


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        ({"bound": 3, "value": 3, "better": "lower"}, set()),
        ({"bound": 3, "value": 2, "better": "lower"}, {"bound"}),
        ({"bound": 3, "value": 4, "better": "higher"}, {"bound"}),
        ({"bound": 3, "value": 0, "better": "higher"}, set()),
    ],
)
def test_no_value_is_better_than_its_bound(bound: Row, expected: set[str]) -> None:
    """A bound that the plan itself beats is no bound."""
    assert rules(worlds.named("spare"), plan(bounds=[{"name": "hosts", **bound}])) == expected


@pytest.mark.parametrize("name", worlds.names())
def test_the_named_worlds_start_legal(name: str) -> None:
    """A plan that does nothing breaks nothing, and nobody stands where the judge would refuse him."""
    world = worlds.named(name)
    assert judge.plan(world, plan()) == []
    picture = Picture(world)
    for host in picture.hosts:
        for resource_class in ("VCPU", "MEMORY_MB"):
            assert picture.used(host, resource_class) <= picture.limit(
                host, resource_class
            ) or not picture.guests(host)


@settings(max_examples=100, deadline=None)
@given(worlds.snapshots())
def test_random_clouds_start_legal(snapshot: Row) -> None:
    """Nobody stands where the judge would refuse him, but for what an operator or a fault did since."""
    since = {"disabled", "down", "uncertain"}
    stay = {"locked", "busy", "status", "not_allowed", "lifecycle", "pinned_resources"}
    for row in snapshot["instances"]:
        if row["host"] is not None:
            assert set(judge.placement(snapshot, row["uuid"], row["host"])) <= since | stay
