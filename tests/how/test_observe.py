"""The collector: a whole and true picture of a living cloud, or a refusal that lists what is missing."""

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from activities.answers import refusal
from activities.door import Failed, Gone, Reader, Transient
from activities.observe import Incomplete, amounts, collect, nova
from deploy.commands import snapshot
from deploy.simcloud import churn, fleet
from deploy.simcloud import nova as simulated_nova
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.faults import ApiFault
from deploy.simcloud.generate import Mix, generate
from plan_schemas import loader, schema
from plan_schemas.model import Cluster, from_document, to_document
from tests.how.acting import door_to, observed
from tests.simcloud.kit import small


def full(hosts: int = 12, seed: int = 3, **mix: Any) -> Cloud:
    """A generated cloud with some of everything."""
    return generate(hosts, seed, mix=Mix(groups=0.3, disabled=0.15, down=0.1, locked=0.1, **mix))


def requests_of(cloud: Cloud, do: Callable[[], object]) -> list[str]:
    before = len(cloud.journal.requests())
    do()
    return [line["path"] for line in cloud.journal.requests()[before:]]


def books_agree(cloud: Cloud, cluster: Cluster) -> None:
    """Each host is counted with exactly what Placement counts there."""
    for name in cloud.hosts:
        used = {k: v for k, v in cluster.used(name).items() if v}
        assert used == {k: v for k, v in cloud.books.used(name).items() if v}, name


class Altered:
    """A reader between collector and cloud that changes what some answers say."""

    def __init__(self, cloud: Cloud, alter: Callable[[str, Any], Any]) -> None:
        self.inner: Reader = door_to(cloud).reader
        self.alter = alter

    def get(self, service: str, path: str, microversion: str) -> bytes:
        answer = json.loads(self.inner.get(service, path, microversion))
        return json.dumps(self.alter(path, answer)).encode()

    def newest(self, service: str) -> str:
        return self.inner.newest(service)

    def clock(self) -> datetime | None:
        return self.inner.clock()


class Living:
    """A reader in whose cloud time goes on: each request takes `seconds`."""

    def __init__(self, cloud: Cloud, seconds: float) -> None:
        self.inner: Reader = door_to(cloud).reader
        self.cloud, self.seconds, self.lock = cloud, seconds, threading.Lock()

    def get(self, service: str, path: str, microversion: str) -> bytes:
        with self.lock:
            self.cloud.advance(self.seconds)
            return self.inner.get(service, path, microversion)

    def newest(self, service: str) -> str:
        return self.inner.newest(service)

    def clock(self) -> datetime | None:
        return self.cloud.moment


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
    assert len(paths) <= 4 * len(cloud.hosts) + 14


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


def test_an_orphan_makes_its_host_uncertain() -> None:
    """What nobody can explain counts as used, and keeps its host out of every decision."""
    cloud = full(hosts=60)
    cloud.books.claim("00000000-0000-4000-8000-000000000000", next(iter(cloud.hosts)), {"VCPU": 3})
    cluster = observed(cloud)
    (host,) = [h for h in cluster.hosts.values() if h.uncertain]
    assert dict(host.claimed) == {"VCPU": 3}
    assert "VCPU 3 held by unknown consumer 00000000" in str(host.uncertain)
    books_agree(cloud, cluster)


def test_a_record_that_is_too_small_counts_at_the_higher_value() -> None:
    """When Placement has less than the flavor needs, the host is uncertain and counted with the more."""
    cloud = full(hosts=60)
    server = next(i for i in cloud.instances.values() if i.host and not i.from_volume)
    cloud.books.claim(server.uuid, str(server.host), {**server.resources(), "VCPU": 1})
    server.flavor.extra_specs.clear()
    cluster = observed(cloud)
    if server.flavor.vcpus > 1:
        assert cluster.instances[server.uuid].resources["VCPU"] == server.flavor.vcpus
        assert "VCPU 1 allocated" in str(cluster.hosts[str(server.host)].uncertain)


def test_too_many_uncertain_hosts_are_refused_with_the_list() -> None:
    """Above the limit nothing is decided; the refusal names each host and what is odd about it."""
    cloud = full()
    names = list(cloud.hosts)[:2]
    for name in names:
        cloud.books.claim(f"00000000-0000-4000-8000-{names.index(name):012d}", name, {"VCPU": 3})
    with pytest.raises(Incomplete, match="2 of 12 hosts") as why:
        observed(cloud)
    assert all(any(name in row for row in why.value.missing) for name in names)
    cluster = collect(door_to(cloud).reader, "sim", now=cloud.moment, max_uncertain=20)
    assert {h.name for h in cluster.hosts.values() if h.uncertain} == set(names)


def test_a_mismatch_is_read_again_before_it_is_believed() -> None:
    """A number that is odd only once leaves no trace but two more looks."""
    cloud = full()
    names = iter(cloud.hosts.values())
    provider, seen = next(names).uuid, []

    def alter(path: str, answer: Any) -> Any:
        if path.startswith(f"/resource_providers/{provider}/allocations"):
            seen.append(path)
            if len(seen) == 1:
                answer["allocations"]["ghost"] = {"resources": {"VCPU": 1}}
        return answer

    cluster = collect(Altered(cloud, alter), "sim", now=cloud.moment)
    assert len(seen) == 2
    assert not any(h.uncertain for h in cluster.hosts.values())


def test_all_failed_listings_are_named_at_once() -> None:
    """A host whose page fails is not dropped or taken for empty: the collection is refused with the list."""
    cloud = full()
    failing = list(cloud.hosts)[2:5]
    for name in failing:
        cloud.faults.plant(ApiFault(effect="status", status=504, host=name, path="/servers/detail"))
    with pytest.raises(Incomplete) as why:
        observed(cloud)
    assert len(why.value.missing) == 3
    assert all(any(name in row and "504" in row for row in why.value.missing) for name in failing)


def test_a_later_page_that_fails_is_a_hole() -> None:
    """The second page of a listing is as necessary as the first."""
    cloud = small()
    cloud.settings.max_limit = 1
    calls: list[str] = []

    def alter(path: str, answer: Any) -> Any:
        if "marker" in path and "host=a1" in path:
            calls.append(path)
            raise Transient("GET /servers/detail: 500")
        return answer

    with pytest.raises(Incomplete, match="host a1"):
        collect(Altered(cloud, alter), "sim", now=cloud.moment)
    assert calls


def test_a_small_trouble_is_ridden_out() -> None:
    """A single 503 or a single lost connection does not cost a collection."""
    cloud = full()
    cloud.faults.plant(ApiFault(effect="status", status=503, path="/allocations", count=1))
    cloud.faults.plant(ApiFault(effect="refuse", path="/traits", count=1))
    assert len(observed(cloud).hosts) == 12


def test_a_cell_that_is_down_is_refused() -> None:
    """Hosts of a cell that does not answer are missing, not absent; each is named."""
    cloud = full(cells=2)
    fleet.set_cell(cloud, "cell2", down=True)
    lost = [h.name for h in cloud.hosts.values() if h.cell == "cell2"]
    with pytest.raises(Incomplete) as why:
        observed(cloud)
    assert [row for row in why.value.missing if "its cell does not answer" in row]
    assert {name for name in lost if any(name in row for row in why.value.missing)} == set(lost)


def test_a_partial_record_is_refused() -> None:
    """A server with a minimal record has an unknown size; nothing is planned around it."""
    cloud = small()

    def alter(path: str, answer: Any) -> Any:
        if "host=a1" in path and "servers" in answer:
            keep = ("id", "created", "tenant_id", "links")
            answer["servers"][0] = {
                **{k: v for k, v in answer["servers"][0].items() if k in keep},
                "status": "UNKNOWN",
            }
        return answer

    with pytest.raises(Incomplete, match=r"host a1: 1 servers with partial records"):
        collect(Altered(cloud, alter), "sim", now=cloud.moment)


@pytest.mark.parametrize(
    ("listing", "key", "said"),
    [
        ("/os-hypervisors/detail", "hypervisors", "host a1: a compute service without a hypervisor"),
        ("/os-services", "services", "host a1: a hypervisor without a compute service"),
        ("/resource_providers", "resource_providers", "host a1: a compute service without a resource"),
    ],
)
def test_halves_of_a_host_are_holes(listing: str, key: str, said: str) -> None:
    """A service without hypervisor or provider, or the reverse, is named."""
    cloud = small()

    def alter(path: str, answer: Any) -> Any:
        if path.split("?")[0] == listing:
            answer[key] = answer[key][1:]
        return answer

    with pytest.raises(Incomplete, match=said):
        collect(Altered(cloud, alter), "sim", now=cloud.moment)


def test_a_down_host_is_a_fact() -> None:
    """A host that is down is in the picture, as down, with its servers."""
    cloud = small()
    fleet.kill(cloud, cloud.hosts["a1"])
    cloud.advance(60)
    cluster = observed(cloud)
    assert cluster.hosts["a1"].state == "down"
    assert len(cluster.on("a1")) == 2


def test_an_answer_that_cannot_be_read_is_a_hole() -> None:
    """A listing in another shape than expected is refused by field, without the data itself."""
    cloud = small()

    def alter(path: str, answer: Any) -> Any:
        if path.startswith("/os-aggregates"):
            return {"aggregates": [{"id": "hunter2", "name": "x"}]}
        return answer

    with pytest.raises(Incomplete, match=r"aggregates: an answer that cannot be read") as why:
        collect(Altered(cloud, alter), "sim", now=cloud.moment)
    assert "hunter2" not in str(why.value)


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
    churn.start(cloud, churn.Rates(boots=5, deletes=5, moves=5, seed=seed))
    cloud.advance(30)
    old = {uuid for uuid, one in cloud.instances.items() if one.host}
    cluster = collect(Living(cloud, seconds), "sim", now=cloud.moment)
    assert not [h.name for h in cluster.hosts.values() if h.uncertain]
    missing = {uuid for uuid in old & set(cloud.instances) if uuid not in cluster.instances}
    assert not missing
    assert all(cluster.instances[uuid].host for uuid in old & set(cluster.instances))


def test_a_neighbourhood_is_a_cut_of_the_whole() -> None:
    """The named hosts look as in the whole picture, and every member of their groups is there."""
    cloud = full()
    whole = observed(cloud)
    names = frozenset(list(cloud.hosts)[:2])
    paths = requests_of(cloud, lambda: collect(door_to(cloud).reader, "sim", now=cloud.moment, hosts=names))
    part = collect(door_to(cloud).reader, "sim", now=cloud.moment, hosts=names)
    assert set(part.hosts) == names
    for name in names:
        assert part.hosts[name] == whole.hosts[name]
        assert [i.uuid for i in part.on(name)] == [i.uuid for i in whole.on(name)]
    for group in part.groups.values():
        assert group.members == whole.groups[group.uuid].members
        assert all(part.instances[m].host == whole.instances[m].host for m in group.members)
    assert len(paths) <= 30


def test_a_neighbourhood_lists_no_whole_cloud() -> None:
    """Two hosts are looked at without a list of all servers or hypervisors, which takes Nova long."""
    cloud, asked = full(), list[str]()

    def note(path: str, answer: Any) -> Any:
        asked.append(path)
        return answer

    collect(Altered(cloud, note), "sim", now=cloud.moment, hosts=frozenset(list(cloud.hosts)[:2]))
    lists = [path for path in asked if "/servers/detail" in path or "/os-hypervisors" in path]
    assert lists
    assert all("host=" in path or "hypervisor_hostname_pattern=" in path for path in lists)


def test_a_neighbourhood_about_one_instance_looks_for_its_group_only() -> None:
    """Of the servers elsewhere only the members of that instance's groups are asked for."""
    cloud = full()
    whole = observed(cloud)
    uuid = next(i.uuid for i in whole.instances.values() if i.server_group and i.host)
    host = whole.instances[uuid].host
    part = collect(door_to(cloud).reader, "sim", now=cloud.moment, hosts=frozenset({host or ""}), about=uuid)
    group = whole.groups[whole.instances[uuid].server_group or ""]
    assert set(part.instances) == {i.uuid for i in whole.on(host or "")} | set(group.members)


def test_a_neighbourhood_without_its_host_is_refused() -> None:
    """A host that Nova no longer knows is named."""
    cloud = small()
    with pytest.raises(Incomplete, match="host zz: Nova knows no such compute service"):
        collect(door_to(cloud).reader, "sim", now=cloud.moment, hosts=frozenset({"a1", "zz"}))


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


@pytest.mark.parametrize(
    ("status", "kind"), [(404, Gone), (403, Failed), (400, Failed), (409, Transient), (500, Transient)]
)
def test_an_error_passes_on_one_sentence_and_no_body(status: int, kind: type[Exception]) -> None:
    """Of an error answer only its own message goes on; a body in another form stays behind."""
    told = refusal("compute", "GET", "/x", status, b'{"e": {"message": "no\\nway", "adminPass": "hunter2"}}')
    assert isinstance(told, kind)
    assert "no way" in str(told)
    assert "hunter2" not in str(told) + str(refusal("compute", "GET", "/x", status, b"<html>hunter2</html>"))


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
