"""What may be done to a live migration under way: abort it, force it to its end; and how many run at once."""

from __future__ import annotations

import pytest

from tests.behaviour.clouds import Cloud
from tests.behaviour.sights import Answer, Row, in_order, records, servers

STAYS = [("MIGRATING", "migrating", "cmp-001"), ("ACTIVE", None, "cmp-001")]


def under_way(cloud: Cloud, seconds: float = 60) -> tuple[str, Row]:
    """A server in the middle of a long live migration, and the record of that."""
    server = cloud.boot(host="cmp-001")
    cloud.seconds(server, live=seconds)
    assert cloud.live(server, "cmp-003").status == 202
    return server, cloud.reaches(server, "running")


def abort(cloud: Cloud, server: str, key: object, microversion: str | None = None) -> Answer:
    return cloud.request("DELETE", f"/servers/{server}/migrations/{key}", microversion=microversion)


def force(cloud: Cloud, server: str, key: object, microversion: str | None = None) -> Answer:
    body = {"force_complete": None}
    path = f"/servers/{server}/migrations/{key}/action"
    return cloud.request("POST", path, body, microversion=microversion)


def test_a_running_migration_can_be_aborted(cloud: Cloud) -> None:
    """The server stays on its source, the record ends as cancelled, and the claim on the destination goes."""
    server, record = under_way(cloud)
    assert abort(cloud, server, record["id"]).refusal == (202, "")
    seen = cloud.watch(server)
    assert in_order(STAYS, servers(seen))
    assert in_order(("running", "cancelled"), records(seen))
    cancel, move = cloud.deeds(server)[:2]
    assert (cancel.action, cancel.message) == ("live_migration_cancel", None)
    assert cancel.events == {"compute_live_migration_abort": ("Success", None)}
    assert move.message is None
    assert {result for result, _ in move.events.values()} == {"Success"}
    assert "compute_post_live_migration_at_destination" not in move.events
    assert list(cloud.allocations(server)) == ["cmp-001"]
    assert cloud.allocations(record["uuid"]) == {}


def test_a_running_migration_can_be_forced_to_its_end(cloud: Cloud) -> None:
    """The server is on its destination long before its time, by an action of its own."""
    server, record = under_way(cloud)
    assert force(cloud, server, record["id"]).refusal == (202, "")
    seen = cloud.watch(server)
    assert in_order([STAYS[0], ("ACTIVE", None, "cmp-003")], servers(seen))
    assert in_order(("running", "completed"), records(seen))
    forced = cloud.deeds(server)[0]
    assert (forced.action, forced.message) == ("live_migration_force_complete", None)
    assert forced.events == {"compute_live_migration_force_complete": ("Success", None)}


def test_what_has_ended_is_neither_aborted_nor_forced(cloud: Cloud) -> None:
    """Once the server is busy with nothing, abort and force-complete are 409 whatever migration is named."""
    server = cloud.boot(host="cmp-001")
    cloud.live(server, "cmp-003")
    cloud.watch(server)
    for key in (cloud.record(server)["id"], 999999):
        why = f"Instance {server} is in an invalid state for "
        assert abort(cloud, server, key).refusal == (409, why + "'abort live migration'")
        assert force(cloud, server, key).refusal == (409, why + "'force_complete'")


def test_another_migration_than_the_one_under_way_is_not_found(cloud: Cloud) -> None:
    """While one runs, aborting another one is 404 and forcing it 400, also by the uuid of the right one."""
    server, record = under_way(cloud)
    for key in (999999, record["uuid"], "abc"):
        why = f"Migration {key} not found for instance {server}"
        assert abort(cloud, server, key).refusal == (404, why)
        assert force(cloud, server, key).refusal == (400, why)
    assert cloud.record(server)["status"] == "running"


def test_only_force_complete_can_be_asked_of_a_migration(cloud: Cloud) -> None:
    """Another word in the body is 400 by name, and no word at all is malformed."""
    server, record = under_way(cloud)
    path = f"/servers/{server}/migrations/{record['id']}/action"
    assert cloud.request("POST", path, {"x": None}).refusal == (400, "There is no such action: x")
    assert cloud.request("POST", path, {}).refusal == (400, "Malformed request body")


@pytest.mark.parametrize(("ask", "version"), [(abort, "2.23"), (force, "2.21")], ids=["abort", "force"])
def test_before_their_microversion_they_do_not_exist(cloud: Cloud, ask: object, version: str) -> None:
    """Abort came with 2.24 and force-complete with 2.22; before there is nothing at that address."""
    server, record = under_way(cloud)
    answer = ask(cloud, server, record["id"], version)  # type: ignore[operator]
    assert answer.refusal == (404, "The resource could not be found.")


def test_a_plain_member_may_do_neither(cloud: Cloud) -> None:
    """Who is no administrator is refused by policy, each with the rule's name."""
    server, record = under_way(cloud)
    path, rule = f"/servers/{server}/migrations/{record['id']}", "os_compute_api:servers:migrations:"
    refused = [
        cloud.request("DELETE", path, by=cloud.tenant()),
        cloud.request("POST", path + "/action", {"force_complete": None}, by=cloud.tenant()),
    ]
    assert [answer.refusal for answer in refused] == [
        (403, f"Policy doesn't allow {rule}{word} to be performed.") for word in ("delete", "force_complete")
    ]


def queue(cloud: Cloud, count: int, seconds: float) -> dict[str, list[str]]:
    """So many live migrations off one host at once; answers the two that run and the others, which wait."""
    waiting = [cloud.boot(host="cmp-001") for _ in range(count)]
    for server in waiting:
        cloud.seconds(server, live=seconds)
    for server in waiting:
        assert cloud.live(server, "cmp-003").status == 202

    def sorted_out() -> dict[str, list[str]] | None:
        found: dict[str, list[str]] = {"running": [], "queued": []}
        for server in waiting:
            rows = cloud.records(server)
            found.setdefault(rows[-1]["status"] if rows else "", []).append(server)
        return found if (len(found["running"]), len(found["queued"])) == (2, count - 2) else None

    return dict(cloud.until(sorted_out, "never do two of the migrations run while the others are queued"))


def test_a_host_sends_two_servers_at_a_time(cloud: Cloud) -> None:
    """Of three live migrations off one host two run and one is queued until one of them has ended."""
    found = queue(cloud, 3, 16)
    (waiting,) = found["queued"]
    view = cloud.look(waiting)
    assert (view.status, view.task, view.host) == ("MIGRATING", "migrating", "cmp-001")
    for server in (*found["running"], waiting):
        cloud.watch(server)
        assert cloud.host_of(server) == "cmp-003"


def test_a_queued_migration_can_be_taken_back_from_2_65_on(cloud: Cloud) -> None:
    """Before 2.65 a queued migration cannot be aborted; from then on it ends as cancelled at once."""
    found = queue(cloud, 3, 60)
    (waiting,) = found["queued"]
    record = cloud.record(waiting)
    why = (
        f"Migration {record['id']} state of instance {waiting} is queued. "
        "Cannot abort live migration while the migration is in this state."
    )
    assert abort(cloud, waiting, record["id"], "2.64").refusal == (400, why)
    assert force(cloud, waiting, record["id"]).refusal == (
        400,
        why.replace("abort live migration", "force complete"),
    )
    assert abort(cloud, waiting, record["id"]).refusal == (202, "")
    seen = cloud.watch(waiting)
    assert in_order(STAYS, servers(seen))
    assert in_order(("queued", "cancelled"), records(seen))
    assert list(cloud.allocations(waiting)) == ["cmp-001"]
