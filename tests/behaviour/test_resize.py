"""Resize: another flavor by the same road as a cold migration."""

from __future__ import annotations

from tests.behaviour.clouds import Cloud
from tests.behaviour.sights import in_order, records, servers
from tests.behaviour.test_cold_moves import RECORDS, SMALL, SOURCE, rests, shut_off

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


def test_a_resize_leaves_its_host_though_that_has_room(cloud: Cloud) -> None:
    """Nova chooses among the others, unless it is configured to stay; the request takes no host at all."""
    server = cloud.boot(host=SOURCE)
    resize(cloud, server)
    assert cloud.host_of(server) != SOURCE
    given = {"flavorRef": cloud.flavor("medium"), "host": "cmp-003"}
    assert cloud.act(cloud.boot(host=SOURCE), "resize", given).status == 400


def test_a_stopped_server_is_stopped_after_a_resize(cloud: Cloud) -> None:
    """A SHUTOFF server is SHUTOFF again with the new flavor when it is confirmed."""
    server = shut_off(cloud)
    resize(cloud, server)
    assert cloud.act(server, "confirmResize").refusal == (204, "")
    cloud.watch(server, rests)
    view = cloud.server(server)
    assert (view["status"], view["flavor"]["original_name"]) == ("SHUTOFF", "medium")


def test_a_paused_server_is_not_resized(cloud: Cloud) -> None:
    """A conflict with its vm_state, whatever the flavor is."""
    server = cloud.boot(host=SOURCE)
    assert cloud.act(server, "pause").status == 202
    cloud.until(lambda: cloud.server(server)["status"] == "PAUSED", "it is not paused")
    text = f"Cannot 'resize' instance {server} while it is in vm_state paused"
    assert cloud.act(server, "resize", {"flavorRef": cloud.flavor("medium")}).refusal == (409, text)
    assert cloud.act(server, "resize", {"flavorRef": "nope"}).refusal == (409, text)


def test_a_locked_server_is_not_resized_by_its_owner(cloud: Cloud) -> None:
    """He meets 409; an administrator is not stopped."""
    server = cloud.boot(host=SOURCE)
    assert cloud.act(server, "lock").status == 202
    wanted = {"flavorRef": cloud.flavor("medium")}
    refused = cloud.act(server, "resize", wanted, by=cloud.tenant())
    assert refused.refusal == (409, f"Instance {server} is locked")
    resize(cloud, server)


def test_a_smaller_disk_than_at_its_boot_is_refused_at_once(cloud: Cloud) -> None:
    """Nova takes the disk of the first flavor for the least that the image needs: 400, and no record."""
    server = cloud.boot("medium", SOURCE)
    text = (
        "Flavor's disk is smaller than the minimum size specified in image metadata. "
        "Flavor disk is 10737418240 bytes, minimum size is 21474836480 bytes."
    )
    assert cloud.act(server, "resize", {"flavorRef": cloud.flavor("small")}).refusal == (400, text)
    assert cloud.records(server) == []


def test_a_disk_that_has_grown_does_not_shrink_again(cloud: Cloud) -> None:
    """Accepted, then an error in the record and in the event; the server is as it was, books and all."""
    server = cloud.boot(host=SOURCE)
    resize(cloud, server)
    assert cloud.act(server, "confirmResize").refusal == (204, "")
    cloud.watch(server, rests)
    cloud.reaches(server, "confirmed")
    host = cloud.host_of(server)
    assert cloud.act(server, "resize", {"flavorRef": cloud.flavor("small")}).refusal == (202, "")
    seen = cloud.watch(server, lambda now: now.task is None and now.record == "error")
    course = [
        ("RESIZE", "resize_prep", host),
        ("RESIZE", "resize_migrating", host),
        ("ACTIVE", None, host),
    ]
    assert in_order(course, servers(seen))
    view = cloud.server(server)
    assert (view["flavor"]["original_name"], "fault" in view) == ("medium", False)
    cloud.until(lambda: cloud.allocations(server) == {host: MEDIUM}, "the books are not as before")
    cloud.until(lambda: "compute_resize_instance" in cloud.deeds(server)[0].events, "the event is missing")
    told = cloud.deeds(server)[0].events["compute_resize_instance"]
    assert told == ("Error", "Resize error: Unable to resize disk down.")


def test_a_resize_that_breaks_leaves_the_server_in_error(cloud: Cloud) -> None:
    """In ERROR on the source with its old flavor and a fault; the record in error, the books as before."""
    server = cloud.boot(host=SOURCE)
    cloud.fault(server, "cold")
    assert cloud.act(server, "resize", {"flavorRef": cloud.flavor("medium")}).refusal == (202, "")
    cloud.watch(server, lambda now: now.status == "ERROR" and now.task is None)
    assert cloud.record(server)["status"] == "error"
    view = cloud.server(server)
    assert (view["flavor"]["original_name"], cloud.host_of(server)) == ("small", SOURCE)
    assert view["fault"]["message"].startswith("Migration error: ")
    cloud.until(lambda: cloud.allocations(server) == {SOURCE: SMALL}, "the books are not as before")
