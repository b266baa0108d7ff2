"""What the collector cannot explain or read: doubts about a host, or a refusal that lists what is missing."""

from typing import Any

import pytest

from activities.answers import refusal
from activities.door import Failed, Gone, Transient
from activities.observe import Incomplete, collect
from deploy.simcloud import fleet
from deploy.simcloud.faults import ApiFault
from tests.how.acting import door_to, observed
from tests.observe.reading import Altered, books_agree, full
from tests.simcloud.kit import small


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


@pytest.mark.parametrize(
    ("status", "kind"), [(404, Gone), (403, Failed), (400, Failed), (409, Transient), (500, Transient)]
)
def test_an_error_passes_on_one_sentence_and_no_body(status: int, kind: type[Exception]) -> None:
    """Of an error answer only its own message goes on; a body in another form stays behind."""
    told = refusal("compute", "GET", "/x", status, b'{"e": {"message": "no\\nway", "adminPass": "hunter2"}}')
    assert isinstance(told, kind)
    assert "no way" in str(told)
    assert "hunter2" not in str(told) + str(refusal("compute", "GET", "/x", status, b"<html>hunter2</html>"))
