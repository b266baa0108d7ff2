"""The rules of placement: each host of the world `rules` has one thing against somebody."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.rules import checks
from activities.rules.extra_specs import matches
from plan_schemas.audit import Rules, Scope, Selection
from plan_schemas.frozen import FrozenDict
from plan_schemas.model import Cluster, Host, Instance, Inventory, build, from_document
from tests import worlds

RULES = from_document(worlds.named("rules"))


def open_rules(cluster: Cluster, **changes: object) -> Rules:
    return Scope(**changes).rules(cluster, ("live", "service"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("instance", "host", "code"),
    [
        ("small", "far", None),
        ("small", "nowhere", "unknown_host"),
        ("small", "off", "disabled"),
        ("small", "dead", "down"),
        ("small", "fenced", "disabled"),
        ("small", "doubt", "uncertain"),
        ("small", "other", "hypervisor_type"),
        ("small", "kept", "tenant"),
        ("golden", "far", "tenant"),
        ("small", "claimed", "capacity"),
        ("big", "plain", "capacity"),
        ("key", "plain", "capacity"),
        ("pinned", "far", "zone"),
        ("pinned", "plain", None),
        ("nvme", "plain", "traits"),
        ("shy", "plain", "traits"),
        ("fast", "plain", "aggregate"),
        ("fast", "far", None),
        ("twin1", "plain", "anti_affinity"),
        ("twin1", "far", None),
        ("pair1", "plain", "affinity"),
    ],
)
def test_a_host_refuses_by_the_rule_that_it_stands_for(instance: str, host: str, code: str | None) -> None:
    """Exactly the expected rule is named, with a sentence about both, or none at all."""
    found = checks.refusals(RULES, checks.Occupancy(RULES), instance, host, open_rules(RULES))
    assert [r.code for r in found] == ([code] if code else [])
    assert all(host in r.text for r in found)


@pytest.mark.parametrize(
    ("instance", "code"),
    [
        ("small", None),
        ("paused", None),
        ("locked", "locked"),
        ("busy", "busy"),
        ("half", "status"),
        ("stopped", "not_allowed"),
        ("numa", "pinned_resources"),
        ("gpu", "pinned_resources"),
        ("own", "pinned_resources"),
        ("pair1", "affinity"),
        ("stranded", "down"),
        ("rescued", "recovery"),
    ],
)
def test_an_instance_says_why_it_stays(instance: str, code: str | None) -> None:
    """Exactly the expected reason keeps it where it is, or none at all."""
    found = checks.immovable(RULES, instance, open_rules(RULES))
    assert [r.code for r in found] == ([code] if code else [])


def test_a_stopped_server_moves_cold_where_that_is_allowed() -> None:
    """`allow: [cold]` makes SHUTOFF servers movable, and active ones move cold when live is not allowed."""
    cold = Rules(frozenset(RULES.hosts), allow=frozenset({"cold"}))
    assert checks.immovable(RULES, "stopped", cold) == ()
    assert checks.kind_of_move(RULES.instances["small"], cold) == "cold"
    assert checks.kind_of_move(RULES.instances["paused"], cold) is None


@pytest.mark.parametrize(
    ("metadata", "allow", "kind", "code"),
    [
        ({"lifecycle:livemigratable": "True"}, ("live",), "live", None),
        ({"lifecycle:livemigratable": "False"}, ("live", "cold"), "cold", None),
        ({"lifecycle:livemigratable": "False"}, ("live",), None, "lifecycle"),
        ({"lifecycle:livemigratable": "perhaps"}, ("live",), None, "lifecycle"),
        ({"lifecycle:coldmigratable": "no"}, ("live", "cold"), "live", None),
        ({"lifecycle:coldmigratable": "False"}, (), None, "not_allowed"),
    ],
)
def test_a_tenant_says_how_a_server_may_be_moved(
    metadata: dict[str, str], allow: tuple[str, ...], kind: str | None, code: str | None
) -> None:
    """A kind that its metadata rules out is not taken, the refusal names key and value, and a policy that
    does not honour the key lets it pass."""
    one = replace(RULES.instances["small"], metadata=FrozenDict(metadata))
    cluster = replace(RULES, instances=FrozenDict({**RULES.instances, "small": one}))
    rules = Rules(frozenset(RULES.hosts), allow=frozenset(allow))
    assert checks.kind_of_move(one, rules) == kind
    found = checks.immovable(cluster, "small", rules)
    assert [r.code for r in found] == ([code] if code else [])
    if code == "lifecycle":
        assert f"small has lifecycle:livemigratable={metadata['lifecycle:livemigratable']}" in found[0].text
        assert checks.immovable(cluster, "small", replace(rules, lifecycle=frozenset())) == ()


def test_the_scope_closes_hosts_and_freezes_instances() -> None:
    """What is excluded is neither source nor destination, and says so."""
    rules = open_rules(RULES, exclude=Selection(hosts=("far",), instances=("small",)))
    ledger = checks.Occupancy(RULES)
    assert [r.code for r in checks.refusals(RULES, ledger, "small", "far", rules)] == ["out_of_scope"]
    assert [r.code for r in checks.immovable(RULES, "small", rules)] == ["excluded"]


def test_anti_affinity_names_who_is_in_the_way() -> None:
    """The refusal carries the members whose departure would lift it, and their departure lifts it."""
    ledger = checks.Occupancy(RULES)
    (found,) = checks.refusals(RULES, ledger, "twin1", "plain", open_rules(RULES))
    assert found.culprits == ("twin2",)
    ledger.remove("twin2", "plain")
    assert checks.refusals(RULES, ledger, "twin1", "plain", open_rules(RULES)) == ()


def test_a_hint_keeps_two_apart_from_either_side() -> None:
    """`different_host` closes the other's host for the one that has the hint, and the other way round."""
    room = FrozenDict({"VCPU": Inventory(8)})
    hosts = [Host(n, n, n, inventory=room) for n in "ab"]
    hint = FrozenDict({"different_host": ["y"]})
    both = [Instance("x", "x", "a", scheduler_hints=hint), Instance("y", "y", "b")]
    cluster = build("c", "", hosts, both)
    for instance, host in (("x", "b"), ("y", "a")):
        found = checks.refusals(cluster, checks.Occupancy(cluster), instance, host, open_rules(cluster))
        assert [r.code for r in found] == ["anti_affinity"]


def test_disk_of_a_shared_provider_is_not_asked_of_hosts() -> None:
    """A class that neither host has in its own inventory is someone else's to give."""
    hosts = [Host(n, n, n, inventory=FrozenDict({"VCPU": Inventory(4)})) for n in "ab"]
    one = Instance("x", "x", "a", resources=FrozenDict({"VCPU": 1, "DISK_GB": 500}))
    cluster = build("c", "", hosts, [one])
    rules = open_rules(cluster)
    assert checks.immovable(cluster, "x", rules) == ()
    assert checks.refusals(cluster, checks.Occupancy(cluster), "x", "b", rules) == ()


@pytest.mark.parametrize(
    ("have", "wanted", "met"),
    [
        ("ssd", "ssd", True),
        ("ssd", "hdd", False),
        ("ssd", "<or> ssd <or> nvme", True),
        ("hdd", "<or> ssd <or> nvme", False),
        ("a b c", "<all-in> a c", True),
        ("10", ">= 8", True),
        ("10", "= 12", False),
        ("ten", ">= 8", False),
        ("b", "s> a", True),
    ],
)
def test_extra_specs_are_read_with_novas_operators(have: str, wanted: str, met: bool) -> None:
    """An aggregate's value meets a spec exactly when Nova's own filter would say so."""
    assert matches(have, wanted) is met


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_ledger_is_the_model_after_the_same_moves(data: st.DataObject) -> None:
    """A mover counts on both hosts, twice is once, and the numbers in the end are the moved cloud's."""
    cluster = data.draw(worlds.clusters())
    ledger, after = checks.Occupancy(cluster), cluster
    placed = [i.uuid for i in cluster.instances.values() if i.host is not None]
    for uuid in data.draw(st.lists(st.sampled_from(placed), max_size=5)) if placed else ():
        source, host = after.instances[uuid].host, data.draw(st.sampled_from(list(cluster.hosts)))
        if source is None or host == source:
            continue
        before = dict(ledger.free(host))
        ledger.add(uuid, host)
        ledger.add(uuid, host)
        assert ledger.where(uuid) == (source, host)
        for name, amount in cluster.instances[uuid].resources.items():
            assert name not in before or ledger.free(host)[name] == before[name] - amount
        ledger.remove(uuid, source)
        after = after.moved(uuid, host)
    assert all(dict(ledger.free(h)) == dict(after.free(h)) for h in cluster.hosts)
