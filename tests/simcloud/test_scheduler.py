"""Where servers may go: every filter, for boots and for moves alike."""

from typing import Any

import pytest

from deploy.simcloud.cloud import Cloud
from deploy.simcloud.refusal import NoValidHost
from deploy.simcloud.scheduler import Wish, pick
from tests.simcloud.kit import Nova, small


def _place(cloud: Cloud, name: str, **wish: Any) -> str:
    instance = next(row for row in cloud.instances.values() if row.name == name)
    return pick(cloud, Wish(instance, instance.flavor, ignore=frozenset({str(instance.host)}), **wish)).name


def _group(policy: str, **rules: int) -> Cloud:
    return small(
        groups=[{"name": "g", "policy": policy, **rules}],
        servers=[
            {"name": "one", "flavor": "m1", "host": "a1", "group": "g"},
            {"name": "two", "flavor": "m1", "host": "a2", "group": "g"},
        ],
    )


def test_anti_affinity_counts_up_to_max_server_per_host() -> None:
    """With the default of one the peer's host is closed; with two it is open."""
    with pytest.raises(NoValidHost):
        _place(_group("anti-affinity"), "one", only="a2")
    assert _place(_group("anti-affinity", max_server_per_host=2), "one", only="a2") == "a2"


def test_affinity_wants_the_peers_host() -> None:
    """Only where another member is."""
    assert _place(_group("affinity"), "one") == "a2"


def test_soft_policies_prefer_but_do_not_insist() -> None:
    """Soft anti-affinity avoids the peer's host, yet takes it when it is named."""
    assert _place(_group("soft-anti-affinity"), "one") == "b1"
    assert _place(_group("soft-anti-affinity"), "one", only="a2") == "a2"


def test_a_peer_on_its_way_counts_already() -> None:
    """Two members cannot race to one host."""
    cloud = _group("anti-affinity")
    nova = Nova(cloud)
    nova.live("one", "b1")
    cloud.advance(1)
    nova.live("two", "b1")
    cloud.settle()
    assert (nova.where("one")[1], nova.where("two")[1]) == ("b1", "a2")


def test_required_and_forbidden_traits() -> None:
    """trait:X=required wants it, trait:X=forbidden wants it not."""
    for value, expected in (("required", "b1"), ("forbidden", "a2")):
        cloud = small(
            hosts=[{"name": "a1"}, {"name": "a2"}, {"name": "b1", "traits": ["CUSTOM_X"]}],
            flavors=[
                {
                    "name": "f",
                    "vcpus": 1,
                    "memory_mb": 1,
                    "disk_gb": 1,
                    "extra_specs": {"trait:CUSTOM_X": value},
                }
            ],
            servers=[{"name": "web", "flavor": "f", "host": "a1"}],
        )
        assert _place(cloud, "web") == expected


def test_an_isolated_aggregate_admits_its_tenants_only() -> None:
    """filter_tenant_id closes a host to everybody else."""
    cloud = small()
    theirs = cloud.identity.add_project("theirs")
    cloud.add_aggregate("private", {"filter_tenant_id": theirs}, ["a2"])
    with pytest.raises(NoValidHost):
        _place(cloud, "web", only="a2")
    next(row for row in cloud.instances.values() if row.name == "web").project_id = theirs
    assert _place(cloud, "web", only="a2") == "a2"


def test_aggregate_extra_specs_must_be_offered() -> None:
    """A scoped extra spec needs an aggregate of the host that has the value."""
    cloud = small(
        flavors=[
            {
                "name": "fast",
                "vcpus": 1,
                "memory_mb": 1,
                "extra_specs": {"aggregate_instance_extra_specs:ssd": "true"},
            }
        ],
        servers=[{"name": "web", "flavor": "fast", "host": "a1"}],
        aggregates=[{"name": "ssd", "metadata": {"ssd": "true"}, "hosts": ["b1"]}],
    )
    assert _place(cloud, "web") == "b1"


def test_capacity_respects_reserved_ratio_and_the_largest_unit() -> None:
    """(total - reserved) x ratio is the room; one server never gets more than the host has."""
    cloud = small(
        hosts=[{"name": "a1"}, {"name": "a2", "vcpus": 4, "vcpu_ratio": 2.0, "reserved_vcpus": 1}],
        flavors=[{"name": f"f{n}", "vcpus": n, "memory_mb": 1, "disk_gb": 1} for n in (5, 6)],
        servers=[{"name": "five", "flavor": "f5", "host": "a1"}],
    )
    with pytest.raises(NoValidHost):
        _place(cloud, "five", only="a2")
    cloud.hosts["a2"].inventories["VCPU"].max_unit = 6
    assert _place(cloud, "five", only="a2") == "a2"
    cloud.books.claim("x", "a2", {"VCPU": 2})
    with pytest.raises(NoValidHost):
        _place(cloud, "five", only="a2")


def test_boot_from_volume_claims_no_root_disk() -> None:
    """The claim of such a server lacks DISK_GB altogether."""
    cloud = small(servers=[{"name": "web", "flavor": "m1", "host": "a1", "from_volume": True}])
    (instance,) = cloud.instances.values()
    assert instance.resources() == {"VCPU": 2, "MEMORY_MB": 4096}
