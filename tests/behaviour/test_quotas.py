"""Quotas: what is shown of them, and how they refuse."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.behaviour.clouds import Cloud

KEYS = {
    "id",
    "cores",
    "instances",
    "ram",
    "key_pairs",
    "metadata_items",
    "server_groups",
    "server_group_members",
}
ABSOLUTE = {
    "maxServerGroupMembers",
    "maxServerGroups",
    "maxServerMeta",
    "maxTotalCores",
    "maxTotalInstances",
    "maxTotalKeypairs",
    "maxTotalRAMSize",
    "totalCoresUsed",
    "totalInstancesUsed",
    "totalRAMUsed",
    "totalServerGroupsUsed",
}


@pytest.fixture
def project(cloud: Cloud) -> Iterator[str]:
    """The project of the administrator, without limits again afterwards."""
    found = str(cloud.admin.current_project_id)
    yield found
    limit(cloud, found, cores=-1, ram=-1, instances=-1)


def limit(cloud: Cloud, project: str, **limits: int) -> None:
    assert cloud.request("PUT", f"/os-quota-sets/{project}", {"quota_set": limits}).status == 200


def test_quota_and_limits_tell_what_is_used(cloud: Cloud, project: str) -> None:
    """Both have all their keys; a server more is a server, its cores and its memory more."""
    before = cloud.get("/limits")["limits"]["absolute"]
    assert set(before) == ABSOLUTE
    assert set(cloud.get(f"/os-quota-sets/{project}")["quota_set"]) == KEYS
    cloud.boot("medium", "cmp-001")
    after = cloud.get("/limits")["limits"]["absolute"]
    assert after["totalInstancesUsed"] == before["totalInstancesUsed"] + 1
    assert after["totalCoresUsed"] == before["totalCoresUsed"] + 2
    detail = cloud.get(f"/os-quota-sets/{project}/detail")["quota_set"]
    assert detail["ram"] == {"limit": -1, "in_use": after["totalRAMUsed"], "reserved": 0}


def test_a_boot_beyond_the_quota_is_forbidden(cloud: Cloud, project: str) -> None:
    """Nova says 403 with what was asked, what is used and what is allowed."""
    cloud.boot(host="cmp-001")
    used = cloud.get("/limits")["limits"]["absolute"]["totalCoresUsed"]
    limit(cloud, project, cores=used + 1)
    refused = cloud.ask_boot("medium")
    text = f"Quota exceeded for cores: Requested 2, but already used {used} of {used + 1} cores"
    assert refused.refusal == (403, text)


def test_a_resize_beyond_the_quota_is_forbidden(cloud: Cloud, project: str) -> None:
    """Only what is more than before is asked for; the server stays as it is."""
    server = cloud.boot(host="cmp-001")
    used = cloud.get("/limits")["limits"]["absolute"]["totalCoresUsed"]
    limit(cloud, project, cores=used)
    refused = cloud.act(server, "resize", {"flavorRef": cloud.flavor("medium")})
    text = f"Quota exceeded for cores: Requested 1, but already used {used} of {used} cores"
    assert refused.refusal == (403, text)
    assert cloud.server(server)["status"] == "ACTIVE"


def test_a_migration_needs_no_quota(cloud: Cloud, project: str) -> None:
    """A server of a project that is full can be moved."""
    server = cloud.boot(host="cmp-001")
    used = cloud.get("/limits")["limits"]["absolute"]
    limit(cloud, project, cores=used["totalCoresUsed"], ram=used["totalRAMUsed"])
    limit(cloud, project, instances=used["totalInstancesUsed"])
    assert cloud.ask_boot().status == 403
    assert cloud.live(server, "cmp-003").refusal == (202, "")
    cloud.watch(server)
    assert cloud.host_of(server) == "cmp-003"


def test_a_project_nobody_has_has_no_quota(cloud: Cloud) -> None:
    """Nova asks Keystone and says that there is none."""
    refused = cloud.request("GET", "/os-quota-sets/nope")
    assert refused.refusal == (400, "Project ID nope is not a valid project.")
