"""Cold migrations that succeed: their course, what they leave behind, and how they are confirmed."""

from __future__ import annotations

from tests.behaviour.clouds import Cloud
from tests.behaviour.sights import Sighting, in_order, records, servers

SOURCE, DESTINATION = "cmp-001", "cmp-003"
COURSE = [
    ("RESIZE", "resize_prep", SOURCE),
    ("RESIZE", "resize_migrating", SOURCE),
    ("RESIZE", "resize_migrated", DESTINATION),
    ("RESIZE", "resize_finish", DESTINATION),
    ("VERIFY_RESIZE", None, DESTINATION),
]
RECORDS = (None, "pre-migrating", "migrating", "post-migrating", "finished")
SMALL = {"VCPU": 1, "MEMORY_MB": 2048, "DISK_GB": 10}
EVENTS = (
    "conductor_migrate_server",
    "cold_migrate",
    "compute_prep_resize",
    "compute_resize_instance",
    "compute_finish_resize",
)


def rests(now: Sighting) -> bool:
    return now.task is None and now.status in ("ACTIVE", "SHUTOFF")


def move(cloud: Cloud, server: str) -> list[Sighting]:
    """Move it cold to the destination, as far as VERIFY_RESIZE."""
    assert cloud.cold(server, DESTINATION).refusal == (202, "")
    seen = cloud.watch(server, lambda now: now.status == "VERIFY_RESIZE")
    assert cloud.record(server)["status"] == "finished"
    return seen


def shut_off(cloud: Cloud) -> str:
    server = cloud.boot(host=SOURCE)
    assert cloud.act(server, "os-stop").refusal == (202, "")
    cloud.until(lambda: cloud.server(server)["status"] == "SHUTOFF", f"{server} does not stop")
    return server


def test_cold_migration_comes_to_rest_on_the_chosen_host(cloud: Cloud) -> None:
    """A server asked to a host goes through RESIZE to VERIFY_RESIZE there, and its record to finished."""
    server = cloud.boot("medium", SOURCE)
    seen = move(cloud, server)
    assert in_order(COURSE, servers(seen))
    assert servers(seen)[-1] == COURSE[-1]
    assert in_order(RECORDS, records(seen))


def test_cold_migration_leaves_a_record_and_its_events(cloud: Cloud) -> None:
    """The record names both hosts and nodes and the flavor twice; the action has five successful events."""
    server = cloud.boot(host=SOURCE)
    move(cloud, server)
    (record,) = cloud.records(server)
    assert (record["migration_type"], record["status"]) == ("migration", "finished")
    assert (record["source_compute"], record["source_node"]) == (SOURCE, SOURCE)
    assert (record["dest_compute"], record["dest_node"]) == (DESTINATION, DESTINATION)
    assert record["old_instance_type_id"] == record["new_instance_type_id"]
    cloud.until(lambda: len(cloud.deeds(server)[0].events) == len(EVENTS), "events are missing")
    deed = cloud.deeds(server)[0]
    assert (deed.action, deed.message) == ("migrate", None)
    assert deed.events == dict.fromkeys(EVENTS, ("Success", None))


def test_cold_migration_without_a_host_goes_where_the_scheduler_wants(cloud: Cloud) -> None:
    """A server asked anywhere comes to another host than its own."""
    server = cloud.boot(host=SOURCE)
    assert cloud.cold(server).refusal == (202, "")
    cloud.watch(server, lambda now: now.status == "VERIFY_RESIZE")
    assert cloud.host_of(server) != SOURCE
    assert cloud.record(server)["dest_compute"] == cloud.host_of(server)


def test_a_stopped_server_migrates_cold_and_stays_stopped(cloud: Cloud) -> None:
    """A SHUTOFF server goes the same way and is SHUTOFF again when it is confirmed."""
    server = shut_off(cloud)
    assert in_order(COURSE, servers(move(cloud, server)))
    assert cloud.act(server, "confirmResize").refusal == (204, "")
    seen = cloud.watch(server, rests)
    ends = [("VERIFY_RESIZE", None, DESTINATION), ("SHUTOFF", None, DESTINATION)]
    assert in_order(ends, servers(seen))


def test_confirming_ends_the_record_and_then_the_server_works(cloud: Cloud) -> None:
    """A confirmed server is ACTIVE on the destination, the record went over confirming to confirmed."""
    server = cloud.boot(host=SOURCE)
    move(cloud, server)
    assert cloud.act(server, "confirmResize").refusal == (204, "")
    seen = cloud.watch(server, rests)
    assert in_order([("VERIFY_RESIZE", None, DESTINATION), ("ACTIVE", None, DESTINATION)], servers(seen))
    assert in_order(("confirming", "confirmed"), records(seen))
    cloud.reaches(server, "confirmed")
    cloud.until(lambda: cloud.deeds(server)[0].events, "the confirmation leaves no event")
    deed = cloud.deeds(server)[0]
    assert (deed.action, deed.message) == ("confirmResize", None)
    assert deed.events == {"compute_confirm_resize": ("Success", None)}


def test_a_confirmed_server_can_be_neither_confirmed_nor_reverted(cloud: Cloud) -> None:
    """Both are conflicts with the vm_state active."""
    server = cloud.boot(host=SOURCE)
    move(cloud, server)
    cloud.act(server, "confirmResize")
    cloud.watch(server, rests)
    for verb in ("confirmResize", "revertResize"):
        text = f"Cannot '{verb}' instance {server} while it is in vm_state active"
        assert cloud.act(server, verb).refusal == (409, text)


def test_a_server_waiting_to_be_confirmed_does_nothing_else(cloud: Cloud) -> None:
    """In VERIFY_RESIZE a live and a cold migration, a stop and a pause are conflicts."""
    server = cloud.boot(host=SOURCE)
    move(cloud, server)
    text = f"Cannot '{{}}' instance {server} while it is in vm_state resized"
    assert cloud.live(server, SOURCE).refusal == (409, text.format("os-migrateLive"))
    assert cloud.cold(server, SOURCE).refusal == (409, text.format("migrate"))
    assert cloud.act(server, "os-stop").refusal == (409, text.format("stop"))
    assert cloud.act(server, "pause").refusal == (409, text.format("pause"))
    assert cloud.server(server)["status"] == "VERIFY_RESIZE"


def test_on_the_way_both_hosts_are_booked(cloud: Cloud) -> None:
    """The server holds the destination and the migration the source, until it is confirmed."""
    server = cloud.boot(host=SOURCE)
    cloud.seconds(server, cold=16)
    cloud.cold(server, DESTINATION)
    migration = cloud.reaches(server, "migrating")["uuid"]
    assert cloud.allocations(server) == {DESTINATION: SMALL}
    assert cloud.allocations(migration) == {SOURCE: SMALL}
    cloud.watch(server, lambda now: now.status == "VERIFY_RESIZE")
    assert cloud.allocations(migration) == {SOURCE: SMALL}
    cloud.act(server, "confirmResize")
    cloud.watch(server, rests)
    cloud.until(lambda: not cloud.allocations(migration), "the source stays booked")
    assert cloud.allocations(server) == {DESTINATION: SMALL}


def test_a_server_on_its_way_is_left_in_peace(cloud: Cloud) -> None:
    """While it migrates cold, another migration and a stop conflict with its task."""
    server = cloud.boot(host=SOURCE)
    cloud.seconds(server, cold=16)
    cloud.cold(server, DESTINATION)
    cloud.until(lambda: cloud.look(server).task == "resize_migrating", f"{server} does not leave")
    text = f"Cannot '{{}}' instance {server} while it is in task_state resize_migrating"
    assert cloud.cold(server, DESTINATION).refusal == (409, text.format("migrate"))
    assert cloud.live(server, DESTINATION).refusal == (409, text.format("os-migrateLive"))
    assert cloud.act(server, "os-stop").refusal == (409, text.format("stop"))
    cloud.watch(server, lambda now: now.status == "VERIFY_RESIZE")
