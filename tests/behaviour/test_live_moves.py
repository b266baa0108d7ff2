"""Live migrations that succeed: who may ask, what is seen on the way, what is written down."""

from __future__ import annotations

import pytest

from tests.behaviour.clouds import Cloud
from tests.behaviour.sights import in_order, records, servers, subsequence

STEPS = (
    "compute_check_can_live_migrate_source",
    "compute_check_can_live_migrate_destination",
    "compute_pre_live_migration",
    "compute_live_migration",
    "compute_post_live_migration_at_destination",
)
COURSE = (None, "accepted", "queued", "preparing", "running", "completed")


def test_a_live_migration_brings_a_server_to_the_chosen_host(cloud: Cloud) -> None:
    """A server is MIGRATING on the source, then ACTIVE on the chosen host; only then the record completes."""
    server = cloud.boot("medium", "cmp-001")
    assert cloud.live(server, "cmp-003").refusal == (202, "")
    seen = cloud.watch(server)
    assert servers(seen) == [("MIGRATING", "migrating", "cmp-001"), ("ACTIVE", None, "cmp-003")]
    assert in_order(COURSE, records(seen))
    assert subsequence(["running", "completed"], records(seen))
    assert not [one for one in seen if one.record == "completed" and one.task is not None]


def test_a_live_migration_leaves_a_record_with_both_ends(cloud: Cloud) -> None:
    """The record of a live migration names hosts and nodes, the flavor twice, and no address."""
    server = cloud.boot(host="cmp-001")
    cloud.live(server, "cmp-003")
    cloud.watch(server)
    (record,) = cloud.records(server)
    assert (record["migration_type"], record["status"]) == ("live-migration", "completed")
    assert (record["source_compute"], record["source_node"]) == ("cmp-001", "cmp-001")
    assert (record["dest_compute"], record["dest_node"], record["dest_host"]) == ("cmp-003", "cmp-003", None)
    assert record["old_instance_type_id"] == record["new_instance_type_id"]


def test_a_live_migration_leaves_its_steps(cloud: Cloud) -> None:
    """The instance action of a live migration has no message and six successful events."""
    server = cloud.boot(host="cmp-001")
    cloud.live(server, "cmp-003")
    cloud.watch(server)
    deed = cloud.deeds(server)[0]
    assert (deed.action, deed.message) == ("live-migration", None)
    assert deed.events == dict.fromkeys(("conductor_live_migrate_instance", *STEPS), ("Success", None))


def test_the_scheduler_chooses_when_nobody_does(cloud: Cloud) -> None:
    """Without a host the scheduler picks one other than the source, and the record names it."""
    server = cloud.boot(host="cmp-001")
    assert cloud.live(server).status == 202
    cloud.watch(server)
    host = cloud.host_of(server)
    assert host != "cmp-001"
    assert cloud.record(server)["dest_compute"] == host


def test_below_2_34_the_destination_is_known_with_the_answer(cloud: Cloud) -> None:
    """With 2.30 the scheduler decides within the request, and its event has another name."""
    server = cloud.boot(host="cmp-001")
    assert cloud.live(server, "cmp-003", microversion="2.30").refusal == (202, "")
    assert cloud.record(server)["dest_compute"] == "cmp-003"
    cloud.watch(server)
    assert cloud.host_of(server) == "cmp-003"
    assert cloud.deeds(server)[0].events == dict.fromkeys(
        ("conductor_migrate_server", *STEPS), ("Success", None)
    )


def test_a_paused_server_migrates_live_and_stays_paused(cloud: Cloud) -> None:
    """A PAUSED server goes over like an ACTIVE one and is PAUSED on the destination."""
    server = cloud.boot(host="cmp-001")
    assert cloud.act(server, "pause").status == 202
    cloud.until(lambda: cloud.server(server)["status"] == "PAUSED", "the server is not paused")
    assert cloud.live(server, "cmp-003").status == 202
    assert servers(cloud.watch(server)) == [
        ("MIGRATING", "migrating", "cmp-001"),
        ("PAUSED", None, "cmp-003"),
    ]


def test_a_lock_does_not_stop_an_administrator(cloud: Cloud) -> None:
    """A locked server migrates when an administrator asks, and stays locked."""
    server = cloud.boot(host="cmp-001")
    assert cloud.act(server, "lock", {"locked_reason": "mine"}).status == 202
    assert cloud.live(server, "cmp-003").status == 202
    cloud.watch(server)
    view = cloud.server(server)
    assert (view["OS-EXT-SRV-ATTR:host"], view["locked"], view["locked_reason"]) == ("cmp-003", True, "mine")


@pytest.mark.parametrize(
    ("host", "rule"),
    [("cmp-003", "migrate_live:host"), (None, "migrate_live")],
    ids=["to_a_host", "anywhere"],
)
def test_a_plain_member_may_not_migrate(cloud: Cloud, host: str | None, rule: str) -> None:
    """Who is no administrator is refused by policy, whether he names a host or not."""
    server = cloud.boot(host="cmp-001")
    answer = cloud.live(server, host, by=cloud.tenant())
    wanted = f"Policy doesn't allow os_compute_api:os-migrate-server:{rule} to be performed."
    assert answer.refusal == (403, wanted)
    assert cloud.records(server) == []


def test_both_hosts_are_charged_while_a_server_moves(cloud: Cloud) -> None:
    """In flight the migration holds the source's claim and the server the destination's; then only that."""
    server = cloud.boot("medium", "cmp-001")
    claim = {"VCPU": 2, "MEMORY_MB": 4096, "DISK_GB": 20}
    assert cloud.allocations(server) == {"cmp-001": claim}
    cloud.seconds(server, live=20)
    cloud.live(server, "cmp-003")
    migration = cloud.reaches(server, "running")["uuid"]
    assert cloud.allocations(server) == {"cmp-003": claim}
    assert cloud.allocations(migration) == {"cmp-001": claim}
    cloud.watch(server)
    assert cloud.allocations(server) == {"cmp-003": claim}
    assert cloud.allocations(migration) == {}


def test_progress_is_told_by_the_server_and_in_bytes(cloud: Cloud) -> None:
    """Memory goes over in bytes that add up; the server shows it in per cent, and forgets it at its end."""
    server = cloud.boot(host="cmp-001")
    cloud.seconds(server, live=24)
    cloud.live(server, "cmp-003")
    cloud.reaches(server, "running")
    cloud.until(lambda: cloud.server(server)["progress"] >= 30, "the server shows no progress")
    (row,) = cloud.get(f"/servers/{server}/migrations")["migrations"]
    total = row["memory_total_bytes"]
    assert total == 2048 * 1024**2
    assert 0.3 * total <= row["memory_processed_bytes"] <= total
    assert row["memory_processed_bytes"] + row["memory_remaining_bytes"] == total
    assert (row["disk_total_bytes"], row["server_uuid"], row["status"]) == (0, server, "running")
    cloud.watch(server)
    assert cloud.server(server)["progress"] == 0
