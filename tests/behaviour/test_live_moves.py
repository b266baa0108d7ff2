"""Live migrations that succeed: to a chosen host, to one of the scheduler's choice, of a paused server."""

from __future__ import annotations

from tests.behaviour.clouds import Cloud
from tests.behaviour.sights import in_order, subsequence

ON_ITS_WAY = [
    ("MIGRATING", "migrating", "cmp-001", record)
    for record in (None, "accepted", "queued", "preparing", "running", "completed")
]


def test_live_migration_brings_a_server_to_the_chosen_host(cloud: Cloud) -> None:
    """A server asked to a host is MIGRATING on the source, then ACTIVE there, and its record completed."""
    server = cloud.boot("medium", "cmp-001")
    assert cloud.live(server, "cmp-003").refusal == (202, "")
    seen = cloud.watch(server)
    arrived = [("ACTIVE", None, "cmp-003", record) for record in ("running", "completed")]
    assert in_order([*ON_ITS_WAY, *arrived], seen)
    assert subsequence([("MIGRATING", "migrating", "cmp-001", "running"), arrived[-1]], seen)


def test_live_migration_leaves_a_record(cloud: Cloud) -> None:
    """The record of a live migration that succeeded names both hosts and nodes and the flavor twice."""
    server = cloud.boot(host="cmp-001")
    cloud.live(server, "cmp-003")
    cloud.watch(server)
    (record,) = cloud.records(server)
    assert record["migration_type"] == "live-migration"
    assert record["status"] == "completed"
    assert (record["source_compute"], record["source_node"]) == ("cmp-001", "cmp-001")
    assert (record["dest_compute"], record["dest_node"]) == ("cmp-003", "cmp-003")
    assert record["old_instance_type_id"] == record["new_instance_type_id"]


def test_live_migration_leaves_its_events(cloud: Cloud) -> None:
    """The instance action of a live migration that succeeded has no message and six successful events."""
    server = cloud.boot(host="cmp-001")
    cloud.live(server, "cmp-003")
    cloud.watch(server)
    deed = cloud.deeds(server)[0]
    assert (deed.action, deed.message) == ("live-migration", None)
    assert deed.events == dict.fromkeys(
        (
            "conductor_live_migrate_instance",
            "compute_check_can_live_migrate_source",
            "compute_check_can_live_migrate_destination",
            "compute_pre_live_migration",
            "compute_live_migration",
            "compute_post_live_migration_at_destination",
        ),
        ("Success", None),
    )
