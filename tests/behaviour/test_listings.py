"""Servers and hypervisors as they are listed: filters, pages, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from deploy.devcloud import seed
from tests.behaviour.clouds import Cloud
from tests.behaviour.sights import Row

UNEXPECTED = "Additional properties are not allowed ('bogus' was unexpected)"
QUERY = "Invalid input for query parameters "


def ids(rows: list[Row]) -> list[str]:
    return [row["id"] for row in rows]


def test_servers_come_in_pages_newest_first(cloud: Cloud) -> None:
    """Each full page links to the next; by limit and marker all are seen once, and the last page is short."""
    made = [cloud.boot(host="cmp-001") for _ in range(3)]
    path = "/servers/detail?all_tenants=true&host=cmp-001&limit=2"
    first = cloud.get(path)
    assert [link["rel"] for link in first["servers_links"]] == ["next"]
    rest = cloud.get(f"{path}&marker={ids(first['servers'])[-1]}")
    assert "servers_links" not in rest
    seen = [*first["servers"], *rest["servers"]]
    assert sorted(ids(seen)) == sorted(made)
    moments = [row["created"] for row in seen]  # in whole seconds, within which the order is Nova's own
    assert moments == sorted(moments, reverse=True)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("host=cmp-001", True),
        ("host=cmp-002", False),
        ("status=active", True),
        ("status=SHUTOFF", False),
        ("status=SHELVED_OFFLOADED", False),
        ("name=behav", True),
        ("name=^x", False),
        ("availability_zone=az-1", True),
        ("changes-since=2020-01-01T00:00:00Z", True),
        ("changes-since=2037-01-01T00:00:00Z", False),
        ("locked=true", False),
        ("tags=wanted", True),
        ("tags=wanted,missing", False),
        ("deleted=true", False),
    ],
)
def test_filters_narrow_a_listing(cloud: Cloud, query: str, found: bool) -> None:
    """What fits is listed, what does not is not."""
    server = cloud.boot(host="cmp-001")
    cloud.request("PUT", f"/servers/{server}/tags/wanted")
    rows = cloud.get(f"/servers?all_tenants=true&{query}")["servers"]
    assert (server in ids(rows)) == found


def test_servers_are_found_by_project(cloud: Cloud) -> None:
    """With all_tenants a project's servers are found by its id; without it one's own are listed."""
    server = cloud.boot(host="cmp-001")
    project = cloud.server(server)["tenant_id"]
    own = cloud.get(f"/servers?all_tenants=true&project_id={project}")["servers"]
    assert server in ids(own)
    assert server in ids(cloud.get("/servers")["servers"])


def test_a_deleted_server_is_listed_among_the_changes(cloud: Cloud) -> None:
    """changes-since shows it as DELETED on no host, a plain listing not at all."""
    server = cloud.boot(host="cmp-001")
    began = datetime.now(UTC) - timedelta(hours=1)
    since = quote(began.strftime("%Y-%m-%dT%H:%M:%SZ"))
    cloud.request("DELETE", f"/servers/{server}")
    cloud.until(lambda: cloud.request("GET", f"/servers/{server}").status == 404, "it stays")
    rows = cloud.get(f"/servers/detail?all_tenants=true&changes-since={since}")["servers"]
    (row,) = [row for row in rows if row["id"] == server]
    assert row["status"] == "DELETED"
    assert server not in ids(cloud.get("/servers?all_tenants=true")["servers"])


@pytest.mark.parametrize(
    ("path", "refusal"),
    [
        ("/servers?bogus=1", "'bogus' does not match any of the regexes: '^_'"),
        ("/servers?marker=nope", "marker [nope] not found"),
        ("/servers?limit=x", QUERY + "limit. Value: x. 'x' does not match '^[0-9]*$'"),
        ("/servers?limit=-1", QUERY + "limit. Value: -1. '-1' does not match '^[0-9]*$'"),
        ("/servers?status=NOPE", "Invalid status value"),
        (
            "/servers?changes-since=yesterday",
            QUERY + "changes-since. Value: yesterday. 'yesterday' is not a 'date-time'",
        ),
        (
            "/servers?all_tenants=maybe",
            "Unrecognized value 'maybe', acceptable values are: '0', '1', 'f', 'false', 'n', 'no', 'off', "
            "'on', 't', 'true', 'y', 'yes'",
        ),
        ("/os-hypervisors?bogus=1", UNEXPECTED),
        ("/os-hypervisors?marker=nope", "marker [nope] not found"),
        ("/os-hypervisors/nope", "Invalid uuid nope"),
        (
            "/os-hypervisors?hypervisor_hostname_pattern=cmp&limit=1",
            "The server could not comply with the request since it is either malformed or otherwise "
            "incorrect.",
        ),
        ("/flavors?bogus=1", UNEXPECTED),
        ("/os-server-groups?bogus=1", UNEXPECTED),
        ("/os-migrations?bogus=1", UNEXPECTED),
        ("/limits?bogus=1", UNEXPECTED),
    ],
)
def test_a_wrong_question_is_refused_in_novas_words(cloud: Cloud, path: str, refusal: str) -> None:
    """Unknown parameters, markers and words are 400 each."""
    assert cloud.request("GET", path).refusal == (400, refusal)


def test_flavors_are_listed_with_what_they_demand(cloud: Cloud) -> None:
    """All of them, also such as are not for everybody, with sizes and extra specs."""
    rows = cloud.get("/flavors/detail?is_public=None")["flavors"]
    shown = {row["name"]: (row["vcpus"], row["ram"], row["disk"], row["extra_specs"]) for row in rows}
    assert {name: shown.get(name) for name in seed.FLAVORS} == seed.FLAVORS


def test_hypervisors_are_the_resource_providers(cloud: Cloud) -> None:
    """Their ids are Placement's, their names the hosts', and each names its service."""
    rows = cloud.get("/os-hypervisors/detail")["hypervisors"]
    providers = cloud.get("/resource_providers", service="placement")["resource_providers"]
    assert {(row["id"], row["hypervisor_hostname"]) for row in rows} == {
        (row["uuid"], row["name"]) for row in providers
    }
    for row in rows:
        assert row["service"]["host"] == row["hypervisor_hostname"]
        assert row["service"]["id"] == cloud.service(row["hypervisor_hostname"])["id"]
        assert (row["state"], row["status"], row["hypervisor_type"]) == ("up", "enabled", "QEMU")
        assert row["uptime"] is None


def test_hypervisors_come_in_pages(cloud: Cloud) -> None:
    """By limit and marker all six are seen once."""
    seen: list[str] = []
    path = "/os-hypervisors?limit=4"
    first = cloud.get(path)
    seen += ids(first["hypervisors"])
    assert [link["rel"] for link in first["hypervisors_links"]] == ["next"]
    rest = cloud.get(f"{path}&marker={seen[-1]}")
    assert "hypervisors_links" not in rest
    assert len({*seen, *ids(rest["hypervisors"])}) == 6


def test_hypervisors_tell_their_servers(cloud: Cloud) -> None:
    """Asked so, each lists uuid and domain of its servers, an empty one an empty list."""
    server = cloud.boot(host="cmp-001")
    rows = cloud.get("/os-hypervisors/detail?with_servers=true")["hypervisors"]
    shown = {row["hypervisor_hostname"]: row["servers"] for row in rows}
    domain = cloud.server(server)["OS-EXT-SRV-ATTR:instance_name"]
    assert {"uuid": server, "name": domain} in shown["cmp-001"]
    assert shown["cmp-004"] == []


def test_hypervisors_nobody_has_are_not_found(cloud: Cloud) -> None:
    """Neither a uuid nor a pattern that fits none."""
    nobody = "00000000-0000-0000-0000-000000000001"
    missing = cloud.request("GET", f"/os-hypervisors/{nobody}")
    assert missing.refusal == (404, f"Hypervisor with ID '{nobody}' could not be found.")
    none = cloud.request("GET", "/os-hypervisors?hypervisor_hostname_pattern=zzz")
    assert none.refusal == (404, "No hypervisor matching 'zzz' could be found.")
