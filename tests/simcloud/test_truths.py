"""The manners of a real Nova that an optimiser must cope with, numbered as in the reference."""

from typing import Any

import pytest

from deploy.simcloud import fleet
from deploy.simcloud.cloud import Cloud
from tests.simcloud.kit import Nova, message, small

NO_HOST = "No valid host was found."


def test_truth_0_before_2_34_no_valid_host_is_a_400_with_a_record() -> None:
    """Below 2.34 the scheduler runs inside the POST; the failed record exists without a destination."""
    nova = Nova(small(servers=[{"name": "web", "flavor": "m1", "host": "a1", "pinned_zone": "az1"}]))
    refused = nova.live("web", "b1", version="2.30")
    assert refused.status_code == 400
    assert NO_HOST in message(refused)
    (record,) = nova.migrations("web")
    assert (record["status"], record["dest_compute"]) == ("error", None)
    assert nova.where("web") == ("ACTIVE", "a1")


def test_truth_0_the_sdk_method_pins_2_30_and_so_is_told_at_once() -> None:
    """openstacksdk's own live_migrate_server raises where a raw call from 2.34 on would be accepted."""
    cloud = small()
    nova = Nova(cloud)
    for host in ("a2", "b1"):
        service = next(row for row in nova.sdk.compute.services() if row.host == host)
        nova.sdk.compute.update_service(service, status="disabled", disabled_reason="test")
    with pytest.raises(Exception, match=NO_HOST):
        nova.sdk.compute.live_migrate_server(nova.id("web"), block_migration="auto")


def _disabled(nova: Nova) -> str:
    service = next(row for row in nova.sdk.compute.services() if row.host == "a2")
    nova.sdk.compute.update_service(service, status="disabled", disabled_reason="test")
    return "a2"


def _other_zone(nova: Nova) -> str:
    nova.cloud.instances[nova.id("web")].pinned_zone = "az1"
    return "b1"


def _peer(nova: Nova) -> str:
    body = {"server_group": {"name": "ha", "policy": "anti-affinity"}}
    group = nova.sdk.compute.post("/os-server-groups", json=body, microversion="2.64").json()["server_group"][
        "id"
    ]
    for name, host in (("web", "a1"), ("db", "a2")):
        instance = nova.cloud.instances[nova.id(name)]
        instance.group = group
        nova.cloud.groups[group].members.append(instance.uuid)
        nova.cloud.relocate(instance, host)
    return "a2"


def _full(nova: Nova) -> str:
    nova.cloud.books.claim("somebody", "a2", {"MEMORY_MB": 196_608 - 512 - 4095})
    return "a2"


def _dead(nova: Nova) -> str:
    nova.cloud.hosts["a1"].forced_down = True
    return "a2"


@pytest.mark.parametrize("obstacle", [_disabled, _other_zone, _peer, _full, _dead])
def test_truth_1_accepted_is_not_done(obstacle: Any) -> None:
    """202, the server stays ACTIVE on the source, and only the record and the action's events tell why."""
    nova = Nova(small())
    target = obstacle(nova)
    assert nova.live("web", target).status_code == 202
    assert nova.where("web") == ("MIGRATING", "a1")
    nova.cloud.advance(2)
    assert nova.where("web") == ("ACTIVE", "a1")
    assert nova.statuses("web") == ["error"]
    story = nova.story("web", "live-migration")
    assert story["message"] == "Error"
    (event,) = story["events"]
    assert event["event"] == "conductor_live_migrate_instance"
    assert event["result"] == "Error"
    expected = "unavailable" if obstacle is _dead else NO_HOST
    assert expected in event["details"]


def test_truth_1_a_cold_migration_that_finds_no_place_leaves_the_server_as_it_was() -> None:
    """202, then the record says error; a stopped server is SHUTOFF again, not ERROR."""
    nova = Nova(small())
    target = _disabled(nova)
    assert nova.act("db", {"migrate": {"host": target}}).status_code == 202
    nova.cloud.advance(2)
    assert nova.where("db") == ("SHUTOFF", "a1")
    assert nova.statuses("db") == ["error"]
    events = {event["event"]: event for event in nova.story("db", "migrate")["events"]}
    assert NO_HOST in events["cold_migrate"]["details"]


def test_truth_2_the_record_comes_after_the_202_and_ends_after_the_server() -> None:
    """Right after the POST nothing is listed; the server is ACTIVE elsewhere before the record ends."""
    cloud = small(settings={"prompt_share": 0})
    nova = Nova(cloud)
    nova.live("web", "a2")
    assert nova.migrations("web") == []
    cloud.advance(0.4)
    assert len(nova.migrations("web")) == 1
    while nova.where("web")[0] == "MIGRATING":
        cloud.advance(0.1)
    assert nova.where("web") == ("ACTIVE", "a2")
    assert nova.statuses("web") == ["running"]
    cloud.advance(0.6)
    assert nova.statuses("web") == ["completed"]


def test_truth_2_the_record_may_keep_up_with_the_server() -> None:
    """It may be listed right after the 202 as well, and be completed when the server is first seen ACTIVE."""
    cloud = small(settings={"prompt_share": 1})
    nova = Nova(cloud)
    nova.live("web", "a2")
    assert nova.statuses("web") == ["accepted"]
    while nova.where("web")[0] == "MIGRATING":
        cloud.advance(0.1)
    assert nova.statuses("web") == ["completed"]


def test_truth_2_which_of_both_happens_is_drawn_by_the_seed() -> None:
    """Some records come and end with the server and some later; the same seed draws the same."""

    def course(seed: int) -> list[str]:
        cloud = small(seed=seed)
        nova, seen = Nova(cloud), []
        for number in range(12):
            nova.live("web", "a1" if number % 2 else "a2")
            seen.append(f"{len(nova.migrations('web')) - number} at the 202")
            while nova.where("web")[0] == "MIGRATING":
                cloud.advance(0.1)
            seen.append(nova.statuses("web")[0] + " when ACTIVE")
            cloud.settle()
        return seen

    assert course(3) == course(3)
    assert set(course(3)) == {"0 at the 202", "1 at the 202", "running when ACTIVE", "completed when ACTIVE"}


def test_truth_2_the_newest_record_may_be_an_older_migration() -> None:
    """Between a second 202 and its record the list shows the first migration only."""
    cloud = small(settings={"prompt_share": 0})
    nova = Nova(cloud)
    nova.live("web", "a2")
    cloud.settle()
    (first,) = nova.migrations("web")
    nova.live("web", "a1")
    assert [row["uuid"] for row in nova.migrations("web")] == [first["uuid"]]
    cloud.settle()
    assert nova.migrations("web")[1]["uuid"] == first["uuid"]
    assert nova.migrations("web")[0]["uuid"] != first["uuid"]


def _watch(nova: Nova, name: str) -> list[tuple[str, str | None, str]]:
    """Every (status, task, host) a patient client sees, each once."""
    seen: list[tuple[str, str | None, str]] = []
    for _ in range(200):
        server = nova.server(name)
        now = (server["status"], server["OS-EXT-STS:task_state"], server["OS-EXT-SRV-ATTR:host"])
        if not seen or seen[-1] != now:
            seen.append(now)
        nova.cloud.advance(0.1)
    return seen


def test_truth_3_a_cold_migration_changes_the_host_before_verify_resize() -> None:
    """The whole ladder of states, and the old host's claim until the confirmation."""
    cloud = small()
    nova = Nova(cloud)
    nova.act("web", {"migrate": {"host": "a2"}})
    assert _watch(nova, "web") == [
        ("RESIZE", "resize_prep", "a1"),
        ("RESIZE", "resize_migrating", "a1"),
        ("RESIZE", "resize_migrated", "a2"),
        ("RESIZE", "resize_finish", "a2"),
        ("VERIFY_RESIZE", None, "a2"),
    ]
    assert nova.statuses("web") == ["finished"]
    assert nova.act("web", {"confirmResize": None}).status_code == 204
    cloud.settle()
    assert nova.where("web") == ("ACTIVE", "a2")
    assert nova.statuses("web") == ["confirmed"]


def test_truth_3_a_broken_cold_migration_is_error_a_broken_live_one_active() -> None:
    """The cold one needs an operator's reset-state; the live one works on."""
    cloud = small(
        faults={"migration": [{"instance": "web", "effect": "on_the_way", "count": 2}]},
    )
    nova = Nova(cloud)
    nova.live("web", "a2")
    cloud.settle()
    assert nova.where("web") == ("ACTIVE", "a1")
    assert nova.statuses("web") == ["failed"]
    nova.act("web", {"migrate": {"host": "a2"}})
    cloud.settle()
    server = nova.server("web")
    assert server["status"] == "ERROR"
    assert "Migration error" in server["fault"]["message"]
    assert nova.statuses("web") == ["error", "failed"]
    assert nova.act("web", {"os-resetState": {"state": "active"}}).status_code == 202
    assert nova.where("web") == ("ACTIVE", "a1")


def test_truth_5_evacuation_leaves_what_forbids_force_up_until_the_host_has_restarted() -> None:
    """A `done` record blocks force-up with 400; the restarted compute completes it and frees its claims."""
    cloud = small()
    nova = Nova(cloud)
    service = next(row.id for row in nova.sdk.compute.services() if row.host == "a1")
    cloud.hosts["a1"].alive = False
    assert _force(nova, service, down=True).status_code == 200
    for name in ("web", "db"):
        assert nova.act(name, {"evacuate": {}}).status_code == 200
    cloud.settle()
    assert {nova.where(name)[1] for name in ("web", "db")} <= {"a2", "b1"}
    assert nova.where("db")[0] == "SHUTOFF"
    assert nova.statuses("web") == ["done"]
    assert len(cloud.books.held(nova.id("web"))) == 2
    assert _force(nova, service, down=False).status_code == 400
    _restart(cloud, "a1")
    assert nova.statuses("web") == ["completed"]
    assert len(cloud.books.held(nova.id("web"))) == 1
    assert _force(nova, service, down=False).status_code == 200


def _force(nova: Nova, service: str, *, down: bool) -> Any:
    return nova.sdk.compute.put(f"/os-services/{service}", json={"forced_down": down}, microversion="2.53")


def _restart(cloud: Cloud, host: str) -> None:
    fleet.restart(cloud, cloud.hosts[host])
    cloud.advance(5)


def test_truth_5_evacuation_needs_a_dead_host_and_is_noticed_late() -> None:
    """A killed compute is up for Nova for some half a minute, and until then evacuation is refused."""
    cloud = small()
    nova = Nova(cloud)
    fleet.kill(cloud, cloud.hosts["a1"])
    assert nova.act("web", {"evacuate": {}}).status_code == 400
    cloud.advance(29)
    assert nova.act("web", {"evacuate": {}}).status_code == 200


def test_truth_6_a_list_may_answer_500_while_something_behind_it_is_away() -> None:
    """A fault on the server paths answers as Nova does without its network service."""
    nova = Nova(small(faults={"api": [{"effect": "status", "status": 500, "path": "/servers", "count": 1}]}))
    failed = nova.get("/servers/detail?all_tenants=true")
    assert failed.status_code == 500
    assert "computeFault" in failed.json()
    assert nova.get("/servers/detail?all_tenants=true").status_code == 200


def test_truth_7_a_quota_refuses_with_403_at_boot() -> None:
    """More cores than the project may have are forbidden, not failed later."""
    nova = Nova(small(quotas={"admin": {"cores": 3}}))
    body = {"name": "n", "flavorRef": "m1", "imageRef": "i", "networks": "none"}
    assert nova.sdk.compute.post("/servers", json={"server": body}, microversion="2.37").status_code == 202
    refused = nova.sdk.compute.post("/servers", json={"server": body}, microversion="2.37")
    assert refused.status_code == 403
    assert "Quota exceeded for cores" in message(refused)
