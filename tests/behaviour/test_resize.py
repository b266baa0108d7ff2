"""Resize: another flavor by the same road as a cold migration."""

from __future__ import annotations

from tests.behaviour.clouds import Cloud
from tests.behaviour.sights import in_order, records
from tests.behaviour.test_cold_moves import RECORDS, SMALL, SOURCE, rests

MEDIUM = {"VCPU": 2, "MEMORY_MB": 4096, "DISK_GB": 20}


def resize(cloud: Cloud, server: str, flavor: str = "medium") -> None:
    assert cloud.act(server, "resize", {"flavorRef": cloud.flavor(flavor)}).refusal == (202, "")
    seen = cloud.watch(server, lambda now: now.status == "VERIFY_RESIZE")
    assert in_order(RECORDS, records(seen))
    assert cloud.record(server)["status"] == "finished"


def test_a_confirmed_resize_leaves_the_new_flavor(cloud: Cloud) -> None:
    """The server is ACTIVE with the new flavor, books and all; the record is a resize between two flavors."""
    server = cloud.boot(host=SOURCE)
    resize(cloud, server)
    record = cloud.record(server)
    assert record["migration_type"] == "resize"
    assert record["old_instance_type_id"] != record["new_instance_type_id"]
    assert cloud.act(server, "confirmResize").refusal == (204, "")
    cloud.watch(server, rests)
    cloud.reaches(server, "confirmed")
    assert cloud.server(server)["flavor"]["original_name"] == "medium"
    assert cloud.allocations(server) == {cloud.host_of(server): MEDIUM}
    assert [deed.action for deed in cloud.deeds(server)] == ["confirmResize", "resize", "create"]


def test_a_reverted_resize_leaves_the_old_flavor(cloud: Cloud) -> None:
    """The server is ACTIVE on its old host with its old flavor, books and all."""
    server = cloud.boot(host=SOURCE)
    resize(cloud, server)
    assert cloud.server(server)["flavor"]["original_name"] == "medium"
    assert cloud.allocations(cloud.record(server)["uuid"]) == {SOURCE: SMALL}
    assert cloud.act(server, "revertResize").refusal == (202, "")
    cloud.watch(server, rests)
    assert cloud.server(server)["flavor"]["original_name"] == "small"
    assert cloud.host_of(server) == SOURCE
    assert cloud.allocations(server) == {SOURCE: SMALL}


def test_the_same_and_an_unknown_flavor_are_refused(cloud: Cloud) -> None:
    """Both are 400, as is a body without a flavor."""
    server = cloud.boot(host=SOURCE)
    same = cloud.act(server, "resize", {"flavorRef": cloud.flavor("small")})
    assert same.refusal == (400, "When resizing, instances must change flavor!")
    unknown = cloud.act(server, "resize", {"flavorRef": "nope"})
    assert unknown.refusal == (400, "Flavor nope could not be found.")
    text = "Invalid input for field/attribute resize. Value: {}. 'flavorRef' is a required property"
    assert cloud.act(server, "resize", {}).refusal == (400, text)


def test_a_resize_nobody_has_room_for_is_told_by_the_record_alone(cloud: Cloud) -> None:
    """Accepted, then an error in the record and in the events; the server is as it was."""
    server = cloud.boot(host=SOURCE)
    for number in range(2, 7):
        cloud.set_service(f"cmp-00{number}", status="disabled")
    wanted = {"flavorRef": cloud.flavor("medium")}
    assert cloud.act(server, "resize", wanted).refusal == (202, "")
    cloud.watch(server, lambda now: now.task is None and now.record == "error")
    assert cloud.server(server)["status"] == "ACTIVE"
    cloud.until(lambda: len(cloud.deeds(server)[0].events) == 2, "events are missing")
    why = "No valid host was found. No valid host found for resize"
    assert cloud.deeds(server)[0].events["conductor_migrate_server"] == ("Error", why)
