"""Live migrations that fail after a destination was chosen: at its check, while it prepares, on the way."""

from __future__ import annotations

from tests.behaviour.clouds import Cloud
from tests.behaviour.sights import in_order, records, servers

STAYS = [("MIGRATING", "migrating", "cmp-001"), ("ACTIVE", None, "cmp-001")]


def fail(cloud: Cloud, where: str) -> tuple[str, list[str | None]]:
    """Let a server's live migration fail there; answers the server and what its record went through."""
    server = cloud.boot(host="cmp-001")
    cloud.seconds(server, live=2)
    cloud.fault(server, where)  # type: ignore[arg-type]  # the words below are Faults
    assert cloud.live(server, "cmp-003").refusal == (202, "")
    seen = cloud.watch(server, lambda now: now.task is None and now.record in ("error", "failed"))
    assert in_order(STAYS, servers(seen))
    return server, records(seen)


def stays_at_home(cloud: Cloud, server: str) -> None:
    """The server runs on its source, holds nothing elsewhere and shows no fault."""
    record = cloud.record(server)
    view = cloud.server(server)
    assert (view["status"], view["OS-EXT-SRV-ATTR:host"], view["progress"]) == ("ACTIVE", "cmp-001", 0)
    assert "fault" not in view
    assert list(cloud.allocations(server)) == ["cmp-001"]
    assert cloud.allocations(record["uuid"]) == {}


def test_a_destination_that_fails_its_check_is_as_good_as_none(cloud: Cloud) -> None:
    """The chosen host refuses at its check: the record ends as error without it, both events tell why."""
    server, course = fail(cloud, "check")
    assert in_order((None, "accepted", "error"), course)
    record, deed = cloud.record(server), cloud.deeds(server)[0]
    assert (record["dest_compute"], record["source_node"]) == (None, None)
    assert deed.message == "Error"
    assert set(deed.events) == {
        "conductor_live_migrate_instance",
        "compute_check_can_live_migrate_destination",
    }
    assert deed.events["compute_check_can_live_migrate_destination"][0] == "Error"
    why = "No valid host was found. There are not enough hosts available."
    assert deed.events["conductor_live_migrate_instance"] == ("Error", why)
    stays_at_home(cloud, server)


def test_a_destination_that_cannot_prepare_is_told_by_its_event(cloud: Cloud) -> None:
    """Preparing fails: the record says error, then failed, keeps the destination, and one event tells."""
    server, course = fail(cloud, "pre")
    assert in_order((None, "accepted", "queued", "preparing", "error", "failed"), course)
    record = cloud.reaches(server, "failed")
    assert (record["dest_compute"], record["source_node"]) == ("cmp-003", "cmp-001")
    deed = cloud.deeds(server)[0]
    assert deed.message == "Error"
    assert deed.events.pop("compute_pre_live_migration")[0] == "Error"
    assert deed.events == dict.fromkeys(
        (
            "conductor_live_migrate_instance",
            "compute_check_can_live_migrate_source",
            "compute_check_can_live_migrate_destination",
            "compute_live_migration",
        ),
        ("Success", None),
    )
    stays_at_home(cloud, server)


def test_a_move_that_breaks_on_the_way_is_told_by_its_record_alone(cloud: Cloud) -> None:
    """The transfer breaks: the record ends as failed, every event is a success, no message is left."""
    server, course = fail(cloud, "way")
    assert in_order((None, "accepted", "queued", "preparing", "running", "failed"), course)
    assert cloud.record(server)["dest_compute"] == "cmp-003"
    deed = cloud.deeds(server)[0]
    assert deed.message is None
    assert deed.events == dict.fromkeys(
        (
            "conductor_live_migrate_instance",
            "compute_check_can_live_migrate_source",
            "compute_check_can_live_migrate_destination",
            "compute_pre_live_migration",
            "compute_live_migration",
        ),
        ("Success", None),
    )
    stays_at_home(cloud, server)


def test_a_server_whose_move_failed_can_be_asked_again(cloud: Cloud) -> None:
    """After a failure the same server migrates when asked once more, with a record of its own."""
    server, _ = fail(cloud, "way")
    cloud.hand.forget()
    before = [row["id"] for row in cloud.records(server)]
    assert cloud.live(server, "cmp-003").status == 202
    cloud.until(lambda: cloud.host_of(server) == "cmp-003", "the server does not arrive")
    assert cloud.reaches(server, "completed")["id"] not in before
