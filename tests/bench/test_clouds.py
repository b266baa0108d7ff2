"""The clouds of the benches: legal, of the size and the fill that was asked for, the same each time."""

from __future__ import annotations

import pytest

from plan_schemas import schema
from plan_schemas.model import Cluster, to_document
from tests import judge
from tests.bench.clouds import cloud, usage


def filled(cluster: Cluster) -> float:
    have = sum(h.capacity("MEMORY_MB") for h in cluster.hosts.values())
    return sum(i.resources["MEMORY_MB"] for i in cluster.instances.values()) / have


@pytest.mark.parametrize(("per_host", "fill"), [(15, (0.35, 0.75)), (15, (0.93, 0.93)), (4, (0.35, 0.75))])
@pytest.mark.parametrize("constrained", [False, True])
def test_a_cloud_breaks_no_rule(per_host: int, fill: tuple[float, float], constrained: bool) -> None:
    """The judge finds every instance where it may be; the document passes its schema."""
    for seed in range(2):
        snapshot = to_document(cloud(10, per_host, seed, constrained, fill))
        assert schema.problems(snapshot, "Snapshot") == ()
        for one in snapshot["instances"]:
            assert judge.placement(snapshot, one["uuid"], one["host"]) == []


@pytest.mark.parametrize(
    ("per_host", "fill"), [(4, (0.35, 0.75)), (15, (0.35, 0.75)), (15, (0.85, 0.85)), (15, (0.93, 0.93))]
)
def test_a_cloud_has_the_size_and_the_fill_that_was_asked_for(
    per_host: int, fill: tuple[float, float]
) -> None:
    made = cloud(300, per_host, 5, True, fill)
    assert len(made.instances) == pytest.approx(300 * per_host, rel=0.04)
    assert filled(made) == pytest.approx(sum(fill) / 2, abs=0.02 if per_host > 4 else 0.06)


def test_the_constraints_are_as_many_as_they_are_said_to_be() -> None:
    """Three zones that pin, a quarter of trait hosts, a tenth of trait instances, a tenth in triples."""
    made = cloud(300, seed=1, constrained=True)
    count = len(made.instances)
    assert {i.pinned_az for i in made.instances.values()} == {"az1", "az2", "az3"}
    assert sum(bool(h.traits) for h in made.hosts.values()) == pytest.approx(75, rel=0.2)
    assert sum(bool(i.extra_specs) for i in made.instances.values()) == pytest.approx(count / 10, rel=0.2)
    assert sum(len(g.members) for g in made.groups.values()) == pytest.approx(count / 10, rel=0.01)
    assert {len(g.members) for g in made.groups.values()} == {3}


def test_a_seed_gives_one_cloud_and_one_use_of_it() -> None:
    made = cloud(40, seed=3, constrained=True)
    assert made == cloud(40, seed=3, constrained=True)
    assert made != cloud(40, seed=4, constrained=True)
    assert usage(made, 3) == usage(made, 3)
    assert usage(made, 3) != usage(made, 4)


def test_the_use_of_a_host_is_what_its_instances_use() -> None:
    """Of its cores and of its memory, each in the metric's own unit."""
    made = cloud(40, seed=3)
    used = usage(made, 1)
    assert set(used.of("instance_cpu_usage")) == set(made.instances)
    for name, host in made.hosts.items():
        here = made.on(name)
        cores = sum(used.of("instance_cpu_usage")[i.uuid] * i.resources["VCPU"] for i in here) / 100
        share = min(100.0, 100 * cores / host.inventory["VCPU"].total)
        assert used.of("host_cpu_usage")[name] == pytest.approx(share, abs=0.01)
        assert used.of("host_ram_usage")[name] == sum(used.of("instance_ram_usage")[i.uuid] for i in here)
        assert used.of("host_ram_usage")[name] <= host.capacity("MEMORY_MB")
