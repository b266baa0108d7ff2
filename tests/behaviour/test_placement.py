"""Placement: what hosts have, what is claimed of it and by whom, as Ballast reads it."""

from __future__ import annotations

from tests.behaviour.asking import Asking
from tests.behaviour.clouds import Cloud
from tests.behaviour.sights import Row

NOBODY = "00000000-0000-0000-0000-000000000009"
SMALL = {"VCPU": 1, "MEMORY_MB": 2048, "DISK_GB": 10}


def ask(cloud: Asking, path: str) -> Row:
    return cloud.get(path, service="placement", microversion="1.29")


def provider(cloud: Asking, host: str) -> str:
    (row,) = ask(cloud, f"/resource_providers?name={host}")["resource_providers"]
    return str(row["uuid"])


def test_each_host_is_a_provider_without_parent(cloud: Cloud) -> None:
    """Providers name themselves as root, and a tree is found by any of its own."""
    rows = ask(cloud, "/resource_providers")["resource_providers"]
    assert sorted(row["name"] for row in rows) == [f"cmp-00{number}" for number in range(1, 7)]
    for row in rows:
        assert (row["parent_provider_uuid"], row["root_provider_uuid"]) == (None, row["uuid"])
        tree = ask(cloud, f"/resource_providers?in_tree={row['uuid']}")["resource_providers"]
        assert [one["uuid"] for one in tree] == [row["uuid"]]
    assert ask(cloud, f"/resource_providers?in_tree={NOBODY}")["resource_providers"] == []


def test_inventories_tell_what_a_host_has(cloud: Cloud) -> None:
    """Three classes with their total, unit and ratio, and the generation of the provider."""
    found = ask(cloud, f"/resource_providers/{provider(cloud, 'cmp-002')}/inventories")
    rows = found["inventories"]
    totals = {name: row["total"] for name, row in rows.items()}
    assert totals == {"VCPU": 32, "MEMORY_MB": 131072, "DISK_GB": 1000}
    for row in rows.values():
        assert (row["min_unit"], row["step_size"], row["max_unit"]) == (1, 1, row["total"])
        assert 0 <= row["reserved"] < row["total"]
        assert row["allocation_ratio"] >= 1.0
    assert isinstance(found["resource_provider_generation"], int)


def test_traits_tell_what_a_host_can(cloud: Cloud) -> None:
    """An SSD is a trait of those hosts alone that have one."""
    for host, has in (("cmp-001", True), ("cmp-003", False)):
        found = ask(cloud, f"/resource_providers/{provider(cloud, host)}/traits")["traits"]
        assert ("CUSTOM_SSD" in found) == has


def test_a_server_is_booked_where_it_is(cloud: Cloud) -> None:
    """The host's allocations and usages have it, the server's name the host, its project and its user."""
    here = provider(cloud, "cmp-004")
    before = ask(cloud, f"/resource_providers/{here}/usages")["usages"]
    server = cloud.boot(host="cmp-004")
    held = ask(cloud, f"/resource_providers/{here}/allocations")["allocations"]
    assert held[server] == {"resources": SMALL, "consumer_generation": 1}
    after = ask(cloud, f"/resource_providers/{here}/usages")["usages"]
    assert {name: after[name] - before[name] for name in after} == SMALL
    own = ask(cloud, f"/allocations/{server}")
    assert {place: row["resources"] for place, row in own["allocations"].items()} == {here: SMALL}
    view = cloud.server(server)
    assert (own["project_id"], own["user_id"]) == (view["tenant_id"], view["user_id"])


def test_a_booking_changes_the_generation(cloud: Cloud) -> None:
    """Whoever read before a boot can see that it happened."""
    path = f"/resource_providers/{provider(cloud, 'cmp-004')}/usages"
    before = ask(cloud, path)["resource_provider_generation"]
    cloud.boot(host="cmp-004")
    assert ask(cloud, path)["resource_provider_generation"] > before


def test_who_holds_nothing_is_no_error(cloud: Cloud) -> None:
    """A consumer nobody knows has no allocations, a provider nobody knows is 404 in each of its parts."""
    assert ask(cloud, f"/allocations/{NOBODY}") == {"allocations": {}}
    for part in ("", "/inventories", "/traits", "/allocations", "/usages"):
        answer = cloud.request("GET", f"/resource_providers/{NOBODY}{part}", service="placement")
        assert answer.status == 404
        detail = answer.body["errors"][0]["detail"]
        assert detail.startswith("The resource could not be found.\n\n ")
        assert f"No resource provider with uuid {NOBODY} found" in detail


def test_a_version_nobody_speaks_is_refused(cloud: Cloud) -> None:
    """Placement and Nova say 406, and Nova which ones there are."""
    assert cloud.request("GET", "/resource_providers", service="placement", microversion="1.99").status == 406
    answer = cloud.request("GET", "/servers", microversion="2.999")
    assert answer.status == 406
    text = "Version 2.999 is not supported by the API. Minimum is 2.1 and maximum is "
    assert answer.message.startswith(text)
