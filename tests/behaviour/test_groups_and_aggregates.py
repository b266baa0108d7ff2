"""Server groups and host aggregates: how they are made, shown, obeyed and refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.behaviour.clouds import Cloud
from tests.behaviour.sights import Row
from tests.behaviour.test_boots import NO_HOST, ended

FIELD = "Invalid input for field/attribute "
STRANGER = "Additional properties are not allowed ('foo' was unexpected)"


def shown(cloud: Cloud, group: str) -> Row:
    rows = cloud.get("/os-server-groups?all_projects=true")["server_groups"]
    return dict(next(row for row in rows if row["id"] == group))


def test_a_group_shows_its_members(cloud: Cloud) -> None:
    """The listing names policy, rules, project and members, each server its group."""
    group = cloud.group("anti-affinity")
    server = cloud.boot(host="cmp-001", group=group)
    row = shown(cloud, group)
    assert (row["policy"], row["rules"], row["members"]) == ("anti-affinity", {}, [server])
    assert row["project_id"] == cloud.server(server)["tenant_id"]
    assert cloud.server(server)["server_groups"] == [group]
    cloud.request("DELETE", f"/servers/{server}")
    cloud.until(lambda: shown(cloud, group)["members"] == [], "a deleted server stays a member")


@pytest.mark.parametrize(
    ("policy", "host", "status"),
    [
        ("anti-affinity", "cmp-001", "ERROR"),
        ("anti-affinity", "cmp-003", "ACTIVE"),
        ("affinity", "cmp-003", "ERROR"),
        ("affinity", "cmp-001", "ACTIVE"),
        ("soft-anti-affinity", "cmp-001", "ACTIVE"),
        ("soft-affinity", "cmp-003", "ACTIVE"),
    ],
)
def test_a_group_is_obeyed_at_boot(cloud: Cloud, policy: str, host: str, status: str) -> None:
    """A second member on a host that a hard policy forbids is in ERROR; a soft policy forbids nothing."""
    group = cloud.group(policy)
    cloud.boot(host="cmp-001", group=group)
    view = ended(cloud, host=host, group=group)
    assert view["status"] == status
    if status == "ERROR":
        assert view["fault"]["message"] == NO_HOST + "There are not enough hosts available."


def test_groups_come_in_pages_by_offset(cloud: Cloud) -> None:
    """One behind the other they are all there is, and behind the last there is nothing."""
    for policy in ("affinity", "soft-affinity"):
        cloud.group(policy)
    every = [row["id"] for row in cloud.get("/os-server-groups?all_projects=true")["server_groups"]]
    seen = []
    for offset in range(len(every)):
        path = f"/os-server-groups?all_projects=true&limit=1&offset={offset}"
        (row,) = cloud.get(path)["server_groups"]
        seen.append(row["id"])
    assert seen == every
    past = f"/os-server-groups?all_projects=true&limit=1&offset={len(every)}"
    assert cloud.get(past)["server_groups"] == []


def test_a_group_may_allow_more_than_one_server_per_host(cloud: Cloud) -> None:
    """The rule is shown as it was given, and it belongs to anti-affinity alone."""
    wanted: Row = {"name": "pairs", "policy": "anti-affinity", "rules": {"max_server_per_host": 2}}
    made = cloud.request("POST", "/os-server-groups", {"server_group": wanted})
    cloud.groups.append(made.body["server_group"]["id"])
    assert shown(cloud, cloud.groups[-1])["rules"] == {"max_server_per_host": 2}
    refused = cloud.request("POST", "/os-server-groups", {"server_group": {**wanted, "policy": "affinity"}})
    assert refused.refusal == (400, "Only anti-affinity policy supports rules.")


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (
            {"name": "x", "policy": "nope"},
            "policy. Value: nope. 'nope' is not one of "
            "['anti-affinity', 'affinity', 'soft-anti-affinity', 'soft-affinity']",
        ),
        ({"name": "x"}, "server_group. Value: {'name': 'x'}. 'policy' is a required property"),
        ({"name": "", "policy": "affinity"}, "name. Value: . '' should be non-empty"),
    ],
)
def test_a_wrong_group_is_refused_in_novas_words(cloud: Cloud, wanted: Row, problem: str) -> None:
    """An unknown policy, none, and no name."""
    answer = cloud.request("POST", "/os-server-groups", {"server_group": wanted})
    assert answer.refusal == (400, FIELD + problem)


def test_a_group_nobody_has_is_not_found(cloud: Cloud) -> None:
    """Neither shown nor deleted twice."""
    group = cloud.group("affinity")
    assert cloud.request("DELETE", f"/os-server-groups/{group}").status == 204
    gone = (404, f"Instance group {group} could not be found.")
    assert cloud.request("GET", f"/os-server-groups/{group}").refusal == gone
    assert cloud.request("DELETE", f"/os-server-groups/{group}").refusal == gone


def test_an_aggregate_tells_its_hosts_and_metadata(cloud: Cloud) -> None:
    """Hosts join and leave, a key of null is taken away, and every listing shows it."""
    number = cloud.aggregate({"a": "1", "b": "2"}, "cmp-001", "cmp-003")
    path = f"/os-aggregates/{number}"
    change = {"set_metadata": {"metadata": {"a": None, "c": "3"}}}
    assert cloud.request("POST", f"{path}/action", change).status == 200
    leaves = cloud.request("POST", f"{path}/action", {"remove_host": {"host": "cmp-001"}})
    assert leaves.body["aggregate"]["hosts"] == ["cmp-003"]
    (row,) = [row for row in cloud.get("/os-aggregates")["aggregates"] if row["id"] == number]
    assert (row["hosts"], row["metadata"]) == (["cmp-003"], {"b": "2", "c": "3"})
    assert row["availability_zone"] is None


@pytest.mark.parametrize(
    ("action", "refusal"),
    [
        ({"add_host": {"host": "cmp-001"}}, (409, "Aggregate {number} already has host cmp-001.")),
        ({"add_host": {"host": "nowhere"}}, (404, "Compute host nowhere could not be found.")),
        ({"remove_host": {"host": "cmp-002"}}, (404, "Cannot remove host cmp-002 in aggregate {number}")),
        ({"add_host": {}}, (400, FIELD + "add_host. Value: {}. 'host' is a required property")),
        (
            {"set_metadata": {"metadata": {"a": 1}}},
            (400, FIELD + "a. Value: 1. 1 is not of type 'string', 'null'"),
        ),
        ({"foo": 1}, (400, "There is no such action: foo")),
        ({}, (400, "Malformed request body")),
    ],
)
def test_a_wrong_change_of_an_aggregate_is_refused(
    cloud: Cloud, action: dict[str, Any], refusal: tuple[int, str]
) -> None:
    """Each refusal has Nova's own words."""
    number = cloud.aggregate({}, "cmp-001")
    status, text = refusal
    answer = cloud.request("POST", f"/os-aggregates/{number}/action", action)
    assert answer.refusal == (status, text.replace("{number}", str(number)))


def test_an_aggregate_with_hosts_stays_and_its_name_is_taken(cloud: Cloud) -> None:
    """It is not deleted before it is empty, nor made twice, nor with strange fields, nor without a name."""
    number = cloud.aggregate({}, "cmp-001")
    name = cloud.get(f"/os-aggregates/{number}")["aggregate"]["name"]
    full = f"Cannot remove host from aggregate {number}. Reason: Host aggregate is not empty."
    assert cloud.request("DELETE", f"/os-aggregates/{number}").refusal == (400, full)
    for wanted, refusal in (
        ({"name": name}, (409, f"Aggregate {name} already exists.")),
        ({"name": "x", "foo": 1}, (400, f"{FIELD}aggregate. Value: {{'name': 'x', 'foo': 1}}. {STRANGER}")),
        ({}, (400, FIELD + "aggregate. Value: {}. 'name' is a required property")),
    ):
        assert cloud.request("POST", "/os-aggregates", {"aggregate": wanted}).refusal == refusal
    assert cloud.request("GET", "/os-aggregates/99999").refusal == (
        404,
        "Aggregate 99999 could not be found.",
    )


def test_zones_tell_their_hosts(cloud: Cloud) -> None:
    """Each zone is available and lists its hosts with their service; Nova's own are in a zone of theirs."""
    rows = {row["zoneName"]: row for row in cloud.get("/os-availability-zone/detail")["availabilityZoneInfo"]}
    assert set(rows) == {"az-1", "az-2", "internal"}
    assert set(rows["az-1"]["hosts"]) == {"cmp-001", "cmp-003", "cmp-005"}
    service = rows["az-2"]["hosts"]["cmp-002"]["nova-compute"]
    assert (service["available"], service["active"]) == (True, True)
    assert all(row["zoneState"] == {"available": True} for row in rows.values())


def test_who_is_no_administrator_sees_no_aggregates(cloud: Cloud) -> None:
    """A tenant meets 403 with the name of the right that he lacks."""
    text = "Policy doesn't allow os_compute_api:os-aggregates:index to be performed."
    assert cloud.request("GET", "/os-aggregates", by=cloud.tenant()).refusal == (403, text)
