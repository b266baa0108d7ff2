"""The collector: a whole and true picture of a living cloud."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from activities.door import Failed
from activities.observe import amounts, collect, nova
from deploy.commands import snapshot
from deploy.simcloud import churn
from deploy.simcloud import nova as simulated_nova
from deploy.simcloud.generate import generate
from deploy.simcloud.rates import Rates
from plan_schemas import loader, schema
from plan_schemas.model import from_document, to_document
from tests.how.acting import door_to, observed
from tests.observe.reading import Altered, Living, books_agree, full, requests_of
from tests.simcloud.kit import small


def test_the_picture_is_whole_and_true() -> None:
    """Every host and server is in the picture, with all that decides where it may run."""
    cloud = full()
    cluster = observed(cloud)
    assert {i.uuid: i.host for i in cluster.instances.values()} == cloud.where()
    assert set(cluster.hosts) == set(cloud.hosts)
    for name, host in cloud.hosts.items():
        seen = cluster.hosts[name]
        assert (seen.status == "enabled", seen.state == "up") == (host.enabled, host.up)
        assert (seen.zone, seen.disabled_reason) == (host.zone, host.disabled_reason)
        assert set(seen.traits) == host.traits
        assert {k: v.capacity for k, v in seen.inventory.items()} == {
            k: v.capacity for k, v in host.inventories.items()
        }
    for uuid, server in cloud.instances.items():
        instance = cluster.instances[uuid]
        assert (instance.locked, instance.pinned_az) == (server.locked, server.pinned_zone)
        assert instance.server_group == server.group
        assert instance.boot_from_volume == server.from_volume
        assert dict(instance.resources) == server.resources()
    assert {g.uuid: set(g.members) for g in cluster.groups.values()} == {
        g.uuid: set(g.members) for g in cloud.groups.values() if g.members
    }
    assert not any(h.claimed or h.uncertain for h in cluster.hosts.values())
    books_agree(cloud, cluster)


def test_no_request_is_made_per_server() -> None:
    """A snapshot costs four requests per host and about a dozen more, however many servers there are."""
    cloud = full(hosts=20, vms_per_host=30)
    paths = requests_of(cloud, lambda: observed(cloud))
    assert (
        len([p for p in paths if any(uuid in p for uuid in cloud.instances)]) <= 2
    )  # are they shown at all?
    assert len(paths) <= 4 * len(cloud.hosts) + 15


def test_pages_make_no_difference() -> None:
    """Three rows per page or a thousand: the same picture, to the fingerprint."""
    whole, paged = full(), full()
    paged.settings.max_limit = 3
    assert observed(paged).fingerprint == observed(whole).fingerprint


def test_the_microversions_are_recorded() -> None:
    """The picture says by which microversions it was taken."""
    versions = observed(small()).microversions
    assert versions["compute/servers"] == "2.100"
    assert set(versions) == {"compute", "compute/servers", "compute/os-hypervisors", "placement"}


def test_an_older_nova_is_read_with_what_it_lacks_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fields of later microversions are absent and named; nothing is guessed."""
    monkeypatch.setattr(simulated_nova, "MAX", (2, 90))
    cluster = observed(full())
    assert cluster.microversions["compute/servers"] == "2.90"
    assert any("pinned zones unknown" in note for note in cluster.notes)


def test_a_nova_that_is_too_old_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before Xena there is no way to know enough; the refusal names both versions."""
    monkeypatch.setattr(simulated_nova, "MAX", (2, 79))
    with pytest.raises(Failed, match=r"2\.79.*2\.90"):
        observed(small())


@pytest.mark.parametrize("kind", ["live", "cold"])
def test_at_every_moment_of_a_move_the_books_agree(kind: str) -> None:
    """From the request to the end of the record, what a move claims is counted once and explained."""
    cloud = small()
    uuid = next(i.uuid for i in cloud.instances.values() if i.name == "web")
    door = door_to(cloud)
    (door.live_migrate if kind == "live" else door.cold_migrate)(uuid, "a2")
    for _ in range(60):
        cluster = observed(cloud)
        books_agree(cloud, cluster)
        assert not any(h.uncertain for h in cluster.hosts.values())
        assert set(cluster.instances) == set(cloud.instances)
        cloud.advance(0.25)
    claimed = cluster.hosts["a1"].claimed
    assert bool(claimed) == (kind == "cold")  # VERIFY_RESIZE may still be reverted
    assert any("migration" in note for note in cluster.notes) == (kind == "cold")


def test_nested_providers_are_kept() -> None:
    """What a child provider has and who holds it there belongs to the host, as a tree."""
    cloud = small()
    root = cloud.hosts["a1"].uuid
    child = "11111111-0000-4000-8000-000000000000"
    guest = next(iter(cloud.on_host["a1"]))

    def get(path: str) -> Any:
        if path == "/resource_providers":
            return None
        parts = {
            "inventories": {"inventories": {"VGPU": {"total": 4}}},
            "traits": {"traits": ["CUSTOM_GPU"]},
            "allocations": {"allocations": {guest: {"resources": {"VGPU": 1}}}},
        }
        return parts.get(path.split("/")[-1]) if child in path else None

    class Nested(Altered):
        def get(self, service: str, path: str, microversion: str) -> bytes:
            found = get(path)
            if found is not None:
                return json.dumps(found).encode()
            answer = json.loads(self.inner.get(service, path, microversion))
            if path.startswith("/resource_providers") and "resource_providers" in answer:
                row = {"uuid": child, "name": "a1_gpu", "parent_provider_uuid": root}
                answer["resource_providers"].append({**row, "root_provider_uuid": root})
            return json.dumps(answer).encode()

    cluster = collect(Nested(cloud, lambda _, a: a), "sim", now=cloud.moment)
    (provider,) = cluster.hosts["a1"].providers
    assert (provider.name, provider.traits, provider.inventory["VGPU"].capacity) == (
        "a1_gpu",
        ("CUSTOM_GPU",),
        4,
    )
    assert cluster.instances[guest].resources["VGPU"] == 1


@pytest.mark.parametrize("seconds", [0.002, 0.02, 0.1])
@pytest.mark.parametrize("seed", range(4))
def test_a_picture_of_a_cloud_that_never_rests(seconds: float, seed: int) -> None:
    """While 5 servers per second are booted, deleted and moved, each old one is in the picture once."""
    cloud = generate(30, seed)
    churn.start(cloud, Rates(boots=5, deletes=5, moves=5, seed=seed))
    cloud.advance(30)
    old = {uuid for uuid, one in cloud.instances.items() if one.host}
    cluster = collect(Living(cloud, seconds), "sim", now=cloud.moment)
    assert not [h.name for h in cluster.hosts.values() if h.uncertain]
    missing = {uuid for uuid in old & set(cloud.instances) if uuid not in cluster.instances}
    assert not missing
    assert all(cluster.instances[uuid].host for uuid in old & set(cluster.instances))


def test_progress_is_told() -> None:
    """The heartbeat counts the hosts up to all of them, from the thread that called."""
    cloud = full()
    beats: list[Any] = []
    collect(door_to(cloud).reader, "sim", now=cloud.moment, heartbeat=beats.append)
    assert [b["done"] for b in beats] == list(range(1, 13))
    assert {b["of"] for b in beats} == {12}


def test_a_stop_from_the_heartbeat_stops_the_collection() -> None:
    """What the heartbeat raises comes out, and hosts that were not begun are not read."""

    class Enough(Exception):
        pass

    def stop(_: Any) -> None:
        raise Enough

    cloud = full(hosts=60)
    with pytest.raises(Enough):
        collect(door_to(cloud).reader, "sim", now=cloud.moment, heartbeat=stop)


@pytest.mark.parametrize(
    ("changes", "from_volume", "expected"),
    [
        ({}, False, {"VCPU": 2, "MEMORY_MB": 4096, "DISK_GB": 25}),
        ({}, True, {"VCPU": 2, "MEMORY_MB": 4096, "DISK_GB": 5}),
        ({"ephemeral": 0, "swap": 0}, True, {"VCPU": 2, "MEMORY_MB": 4096}),
        ({"extra_specs": {"resources:VCPU": "0"}}, False, {"MEMORY_MB": 4096, "DISK_GB": 25}),
        (
            {"extra_specs": {"resources:CUSTOM_X": "3", "resources1:VGPU": "1", "resources2:VGPU": "1"}},
            False,
            {"VCPU": 2, "MEMORY_MB": 4096, "DISK_GB": 25, "CUSTOM_X": 3, "VGPU": 2},
        ),
        (
            {"extra_specs": {"hw:cpu_policy": "dedicated"}},
            False,
            {"PCPU": 2, "MEMORY_MB": 4096, "DISK_GB": 25},
        ),
    ],
)
def test_amounts_are_those_of_placement(
    changes: dict[str, Any], from_volume: bool, expected: dict[str, int]
) -> None:
    """A flavor asks for root, ephemeral and swap (rounded up), overridden and extended by its extra specs."""
    base = {"original_name": "f", "vcpus": 2, "ram": 4096, "disk": 20, "ephemeral": 4, "swap": 512}
    flavor = nova.Flavor.model_validate({**base, **changes})
    assert dict(amounts.of_flavor(flavor, boot_from_volume=from_volume)) == expected


def test_a_snapshot_file_reads_back_the_same() -> None:
    """What is written is a valid document, and the picture read from it has the same fingerprint."""
    cluster = observed(full())
    text = "".join(snapshot.text(to_document(cluster)))
    document = loader.parse(text, max_bytes=10_000_000)
    assert not schema.problems(document, "Snapshot")
    assert from_document(document).fingerprint == cluster.fingerprint
    assert from_document(document) == cluster


def test_the_same_cloud_gives_the_same_file(tmp_path: Path) -> None:
    """Two collections of an unchanged cloud differ in nothing but their time."""
    cloud = full()
    now = datetime(2031, 1, 1, tzinfo=UTC)
    one, two = (collect(door_to(cloud).reader, "sim", now=now) for _ in range(2))
    assert list(snapshot.text(to_document(one))) == list(snapshot.text(to_document(two)))
