"""The REST face: versions, errors, listings, partial records, small resources."""

from typing import Any

import pytest

from deploy.simcloud.cloud import Cloud
from tests.simcloud.kit import Nova, message, small


@pytest.fixture
def cloud() -> Cloud:
    return small(
        servers=[
            {"name": "s", "flavor": "m1", "host": "a1", "count": 5},
            {"name": "t", "flavor": "m2", "host": "b1"},
        ],
        settings={"max_limit": 2},
        groups=[{"name": "ha", "policy": "anti-affinity", "max_server_per_host": 3}],
    )


def _walk(nova: Nova, url: str, key: str) -> list[list[dict[str, Any]]]:
    pages: list[list[dict[str, Any]]] = []
    while True:
        body = nova.get(url).json()
        pages.append(body[key])
        more = body.get(f"{key}_links")
        if not more:
            return pages
        url = more[0]["href"].partition("/compute/v2.1")[2]


def test_listings_come_in_pages_and_a_full_last_page_promises_one_more(cloud: Cloud) -> None:
    """max_limit cuts every page; with an exact fit the last one is empty, as Nova's."""
    nova = Nova(cloud)
    pages = _walk(nova, "/servers/detail?all_tenants=true", "servers")
    assert [len(page) for page in pages] == [2, 2, 2, 0]
    assert {row["id"] for page in pages for row in page} == set(cloud.instances)
    assert [len(page) for page in _walk(nova, "/os-hypervisors/detail", "hypervisors")] == [2, 1]
    assert nova.get("/servers?all_tenants=true&marker=nonsense").status_code == 400


def test_listings_filter(cloud: Cloud) -> None:
    """By host, status, name and project; without all_tenants only one's own."""
    nova = Nova(cloud)
    cloud.settings.max_limit = 100

    def count(query: str) -> int:
        return len(nova.get(f"/servers/detail?{query}").json()["servers"])

    assert count("all_tenants=1") == 6
    assert count("") == 0
    assert count("all_tenants=1&host=a1") == 5
    assert count("all_tenants=1&status=shutoff") == 0
    assert count("all_tenants=1&name=t") == 1
    project = cloud.identity.projects["demo"]
    assert count(f"all_tenants=1&project_id={project}") == 6


def test_changes_since_shows_what_changed_and_what_is_gone(cloud: Cloud) -> None:
    """A deleted server is listed as DELETED; an untouched one is not listed."""
    nova = Nova(cloud)
    cloud.settings.max_limit = 100
    cloud.advance(60)
    since = cloud.moment.isoformat().replace("+00:00", "Z")
    cloud.advance(60)
    gone = nova.id("t")
    nova.sdk.compute.delete_server(gone)
    nova.act("s-1", {"os-stop": None})
    cloud.settle()
    rows = nova.get(f"/servers/detail?all_tenants=1&changes-since={since}").json()["servers"]
    assert {row["name"]: row["status"] for row in rows} == {"t": "DELETED", "s-1": "SHUTOFF"}


@pytest.mark.parametrize(
    ("field", "since"),
    [
        ("locked", 9),
        ("host_status", 16),
        ("tags", 26),
        ("server_groups", 71),
        ("pinned_availability_zone", 96),
        ("scheduler_hints", 100),
    ],
)
def test_fields_appear_with_their_microversion(cloud: Cloud, field: str, since: int) -> None:
    """Not one microversion earlier."""
    nova = Nova(cloud)
    path = f"/servers/{nova.id('t')}"
    assert field not in nova.get(path, f"2.{since - 1}").json()["server"]
    assert field in nova.get(path, f"2.{since}").json()["server"]


def test_the_flavor_is_embedded_from_2_47_on(cloud: Cloud) -> None:
    """Before it is a link; the server groups are in a show, never in a list."""
    nova = Nova(cloud)
    path = f"/servers/{nova.id('t')}"
    assert nova.get(path, "2.46").json()["server"]["flavor"]["id"] == "m2"
    flavor = nova.get(path, "2.47").json()["server"]["flavor"]
    assert (flavor["original_name"], flavor["vcpus"], flavor["ram"]) == ("m2", 4, 8192)
    assert "server_groups" not in nova.get("/servers/detail?all_tenants=1").json()["servers"][0]


def test_an_unknown_microversion_is_406_and_every_answer_names_its_own(cloud: Cloud) -> None:
    """The headers say which version was spoken and which request this was."""
    nova = Nova(cloud)
    answer = nova.get("/servers", "2.101")
    assert answer.status_code == 406
    answer = nova.get("/servers", "2.60")
    assert answer.headers["OpenStack-API-Version"] == "compute 2.60"
    assert answer.headers["x-openstack-request-id"].startswith("req-")
    assert answer.headers["x-compute-request-id"] == answer.headers["x-openstack-request-id"]


def test_hypervisors_lose_their_numbers_with_2_88(cloud: Cloud) -> None:
    """And their ids are uuids from 2.53 on."""
    nova = Nova(cloud)
    old = nova.get("/os-hypervisors/detail", "2.52").json()["hypervisors"][0]
    assert (old["id"], old["vcpus"], old["running_vms"]) == (1, 32, 5)
    new = nova.get("/os-hypervisors/detail?with_servers=true", "2.88").json()["hypervisors"][0]
    assert "vcpus" not in new
    assert new["id"] == cloud.hosts["a1"].uuid
    assert len(new["servers"]) == 5


def test_a_down_cell_answers_in_parts_from_2_69_on() -> None:
    """Its servers keep id, project and age, its service is UNKNOWN; a filter by host shows nothing."""
    cloud = small(
        hosts=[{"name": "a1"}, {"name": "b1", "cell": "cell2"}],
        servers=[
            {"name": "web", "flavor": "m1", "host": "a1"},
            {"name": "lost", "flavor": "m1", "host": "b1"},
        ],
        down_cells=["cell2"],
    )
    nova = Nova(cloud)
    rows = {row["id"]: row for row in nova.get("/servers/detail?all_tenants=1", "2.69").json()["servers"]}
    assert rows[nova.id("lost")]["status"] == "UNKNOWN"
    assert set(rows[nova.id("lost")]) == {"id", "status", "tenant_id", "created", "links"}
    assert len(nova.get("/servers/detail?all_tenants=1", "2.68").json()["servers"]) == 1
    assert nova.get("/servers/detail?all_tenants=1&host=b1", "2.69").json()["servers"] == []
    assert nova.server("lost")["OS-EXT-STS:power_state"] == 0
    services = {row["host"]: row for row in nova.get("/os-services?binary=nova-compute").json()["services"]}
    assert services["b1"] == {"binary": "nova-compute", "host": "b1", "status": "UNKNOWN"}
    assert [row["hypervisor_hostname"] for row in nova.get("/os-hypervisors").json()["hypervisors"]] == ["a1"]


def test_disabling_shows_at_once_in_placement(cloud: Cloud) -> None:
    """The trait comes and goes with the service's status; the reason is kept."""
    nova = Nova(cloud)
    service = next(row for row in nova.sdk.compute.services() if row.host == "a1")
    nova.sdk.compute.update_service(service, status="disabled", disabled_reason="why not")
    traits = f"/resource_providers/{cloud.hosts['a1'].uuid}/traits"
    assert "COMPUTE_STATUS_DISABLED" in nova.sdk.placement.get(traits, microversion="1.6").json()["traits"]
    row = nova.get("/os-services?host=a1").json()["services"][0]
    assert (row["status"], row["disabled_reason"]) == ("disabled", "why not")
    assert nova.server("s-1")["host_status"] == "MAINTENANCE"
    nova.sdk.compute.update_service(service, status="enabled")
    assert (
        "COMPUTE_STATUS_DISABLED" not in nova.sdk.placement.get(traits, microversion="1.6").json()["traits"]
    )


def test_placement_knows_room_and_use(cloud: Cloud) -> None:
    """Through the SDK's own resources: inventories, usages, allocations and filters."""
    nova = Nova(cloud)
    (provider,) = nova.sdk.placement.resource_providers(name="a1")
    rows = {row.resource_class: row for row in nova.sdk.placement.resource_provider_inventories(provider)}
    assert (rows["VCPU"].total, rows["VCPU"].allocation_ratio) == (32, 4.0)
    assert provider.fetch_usages(nova.sdk.placement).usages["VCPU"] == 10
    path = f"/resource_providers/{provider.id}/allocations"
    assert len(nova.sdk.placement.get(path).json()["allocations"]) == 5
    found = nova.sdk.placement.get("/resource_providers?resources=VCPU:127").json()["resource_providers"]
    assert found == []
    candidates = nova.sdk.placement.get(
        "/allocation_candidates?resources=VCPU:1,MEMORY_MB:64", microversion="1.30"
    )
    assert len(candidates.json()["allocation_requests"]) == 3


def test_server_groups_speak_two_dialects(cloud: Cloud) -> None:
    """policy and rules from 2.64 on, policies before; all_projects shows everybody's."""
    nova = Nova(cloud)
    assert nova.get("/os-server-groups").json()["server_groups"] == []
    (new,) = nova.get("/os-server-groups?all_projects=true", "2.64").json()["server_groups"]
    assert (new["policy"], new["rules"]) == ("anti-affinity", {"max_server_per_host": 3})
    (old,) = nova.get("/os-server-groups?all_projects=true", "2.63").json()["server_groups"]
    assert old["policies"] == ["anti-affinity"]


def test_metadata_tags_and_volumes(cloud: Cloud) -> None:
    """The small things of a server can be set through the SDK and are read back."""
    nova = Nova(cloud)
    server = nova.sdk.compute.get_server(nova.id("t"))
    nova.sdk.compute.set_server_metadata(server, owner="me")
    server.add_tag(nova.sdk.compute, "gold")
    found = nova.server("t")
    assert found["metadata"] == {"owner": "me"}
    assert found["tags"] == ["gold"]
    assert found["image"]["id"]
    assert found["os-extended-volumes:volumes_attached"] == []


def test_boot_on_a_chosen_host_and_its_failure(cloud: Cloud) -> None:
    """2.74 names a host through the filters; where there is no place the server is ERROR with a fault."""
    nova = Nova(cloud)
    body = {"name": "n", "flavorRef": "m1", "imageRef": "i", "networks": "none", "host": "a2"}
    assert nova.sdk.compute.post("/servers", json={"server": body}, microversion="2.74").status_code == 202
    assert nova.where("n")[0] == "BUILD"
    cloud.settle()
    assert nova.where("n") == ("ACTIVE", "a2")
    wrong = {**body, "name": "w", "availability_zone": "az2"}
    nova.sdk.compute.post("/servers", json={"server": wrong}, microversion="2.74")
    cloud.settle()
    failed = nova.server("w")
    assert (failed["status"], failed["OS-EXT-SRV-ATTR:host"]) == ("ERROR", None)
    assert "No valid host was found." in failed["fault"]["message"]
    missing = {key: value for key, value in body.items() if key != "networks"}
    refused = nova.sdk.compute.post("/servers", json={"server": missing}, microversion="2.37")
    assert refused.status_code == 400
    assert "networks" in message(refused)


def test_zones_and_aggregates(cloud: Cloud) -> None:
    """A zone is an aggregate with metadata; a host that joins one is in the zone."""
    nova = Nova(cloud)
    body = {"aggregate": {"name": "new", "availability_zone": "az9"}}
    number = nova.sdk.compute.post("/os-aggregates", json=body).json()["aggregate"]["id"]
    nova.sdk.compute.post(f"/os-aggregates/{number}/action", json={"add_host": {"host": "a2"}})
    zones = nova.get("/os-availability-zone/detail").json()["availabilityZoneInfo"]
    assert {row["zoneName"]: sorted(row["hosts"]) for row in zones} == {
        "az1": ["a1"],
        "az2": ["b1"],
        "az9": ["a2"],
        "internal": ["controller-1"],
    }


def test_what_is_not_there_is_404_in_novas_format(cloud: Cloud) -> None:
    """A server, a path, and an action nobody knows."""
    nova = Nova(cloud)
    missing = nova.get("/servers/00000000-0000-0000-0000-000000000000")
    assert missing.status_code == 404
    assert missing.json()["itemNotFound"]["code"] == 404
    assert nova.get("/os-nothing").status_code == 404
    assert nova.act("t", {"os-dance": None}).status_code == 400


def test_a_reader_sees_everything_and_may_do_nothing(cloud: Cloud) -> None:
    """The observer lists all tenants' servers and is forbidden to move one; a member sees his own."""
    observer, member = Nova(cloud, "observer"), Nova(cloud, "member")
    cloud.settings.max_limit = 100
    assert len(observer.get("/servers/detail?all_tenants=1").json()["servers"]) == 6
    assert observer.act("t", {"os-stop": None}).status_code == 403
    assert member.get("/os-services").status_code == 403
    own = member.get("/servers/detail").json()["servers"]
    assert len(own) == 6
    assert "OS-EXT-SRV-ATTR:host" not in own[0]
