"""Live and cold moves in detail: queues, progress, aborting, books, planted troubles."""

from typing import Any

from deploy.simcloud import fleet
from deploy.simcloud.adapter import connect
from deploy.simcloud.faults import MigrationFault
from tests.simcloud.kit import Nova, message, small

MIB = 1024 * 1024


def _progress(nova: Nova, name: str) -> dict[str, Any]:
    (row,) = nova.get(f"/servers/{nova.id(name)}/migrations").json()["migrations"]
    found: dict[str, Any] = row
    return found


def _abort(nova: Nova, name: str, version: str) -> Any:
    number = _progress(nova, name)["id"]
    return nova.sdk.compute.delete(f"/servers/{nova.id(name)}/migrations/{number}", microversion=version)


def test_books_double_while_a_server_moves() -> None:
    """The migration holds the source's claim, the server the destination's, until the record is completed."""
    cloud = small()
    nova = Nova(cloud)
    nova.live("web", "a2")
    cloud.advance(3)
    record = nova.migrations("web")[0]["uuid"]
    assert list(cloud.books.held(record)) == ["a1"]
    assert list(cloud.books.held(nova.id("web"))) == ["a2"]
    owner = nova.sdk.placement.get(f"/allocations/{record}", microversion="1.38").json()
    assert owner["consumer_type"] == "MIGRATION"
    cloud.settle()
    assert cloud.books.held(record) == {}
    assert list(cloud.books.held(nova.id("web"))) == ["a2"]


def test_a_failed_live_migration_gives_both_claims_back_to_the_source() -> None:
    """After the roll-back the books read as before; that it failed is told by the record alone."""
    cloud = small(faults={"migration": [{"effect": "on_the_way"}]})
    nova = Nova(cloud)
    before = cloud.copy().books.by_consumer
    nova.live("web", "a2")
    cloud.settle()
    assert cloud.books.by_consumer == before
    assert nova.statuses("web") == ["failed"]
    story = nova.story("web", "live-migration")
    assert (story["message"], {event["result"] for event in story["events"]}) == (None, {"Success"})


def test_live_migrations_off_one_host_queue_two_at_a_time() -> None:
    """The third waits as 'queued' and starts when a slot is free."""
    cloud = small(servers=[{"name": "s", "flavor": "m1", "host": "a1", "count": 3}])
    nova = Nova(cloud)
    for name in ("s-1", "s-2", "s-3"):
        nova.live(name, "a2")
    cloud.advance(3)
    assert [nova.statuses(name)[0] for name in ("s-1", "s-2", "s-3")] == ["running", "running", "queued"]
    cloud.settle()
    assert [nova.where(name)[1] for name in ("s-1", "s-2", "s-3")] == ["a2"] * 3


def test_a_queued_migration_can_be_taken_back_from_2_65_on() -> None:
    """Before 2.65 only a running one can be aborted."""
    cloud = small(servers=[{"name": "s", "flavor": "m1", "host": "a1", "count": 3}])
    nova = Nova(cloud)
    for name in ("s-1", "s-2", "s-3"):
        nova.live(name, "a2")
    cloud.advance(3)
    assert _abort(nova, "s-3", "2.64").status_code == 400
    assert _abort(nova, "s-3", "2.65").status_code == 202
    assert nova.statuses("s-3") == ["cancelled"]
    assert nova.where("s-3") == ("ACTIVE", "a1")


def test_progress_is_visible_and_grows() -> None:
    """Bytes of memory are those of the flavor; processed and remaining always sum up to it."""
    cloud = small()
    nova = Nova(cloud)
    nova.live("web", "a2")
    cloud.advance(3)
    early = _progress(nova, "web")
    cloud.advance(3)
    late = _progress(nova, "web")
    assert early["memory_total_bytes"] == 4096 * MIB
    assert 0 < early["memory_processed_bytes"] < late["memory_processed_bytes"]
    assert late["memory_processed_bytes"] + late["memory_remaining_bytes"] == 4096 * MIB


def test_duration_follows_memory_and_may_be_given() -> None:
    """Six seconds and 1.3 times the memory at 1.25 GB/s, unless server or host says otherwise."""
    cloud = small(
        servers=[
            {"name": "web", "flavor": "m1", "host": "a1"},
            {"name": "quick", "flavor": "m1", "host": "a1", "live_seconds": 1},
        ],
        settings={"prompt_share": 0},
    )
    nova = Nova(cloud)
    nova.live("web", "a2")
    nova.live("quick", "a2")
    cloud.advance(0.5 + 1.1)
    assert nova.where("quick") == ("ACTIVE", "a2")
    cloud.advance(6 + 4096 * 1.3 / 1250 - 1.1 - 0.1)
    assert nova.where("web") == ("MIGRATING", "a1")
    cloud.advance(0.2)
    assert nova.where("web") == ("ACTIVE", "a2")


def test_a_stalled_migration_stands_still_until_it_is_aborted() -> None:
    """Hours pass, the bytes stay; forcing does not help, aborting leaves the server on the source."""
    cloud = small(faults={"migration": [{"instance": "web", "effect": "stall", "at": 0.3}]})
    nova = Nova(cloud)
    nova.live("web", "a2")
    cloud.advance(3600)
    stuck = _progress(nova, "web")
    assert stuck["memory_processed_bytes"] == int(4096 * MIB * 0.3)
    path = f"/servers/{nova.id('web')}/migrations/{stuck['id']}/action"
    assert nova.sdk.compute.post(path, json={"force_complete": None}, microversion="2.80").status_code == 202
    cloud.advance(60)
    assert nova.where("web") == ("MIGRATING", "a1")
    assert _abort(nova, "web", "2.80").status_code == 202
    cloud.settle()
    assert nova.where("web") == ("ACTIVE", "a1")
    assert nova.statuses("web") == ["cancelled"]


def test_force_complete_brings_a_running_migration_to_its_end() -> None:
    """It ends within about a second instead of ten."""
    cloud = small()
    nova = Nova(cloud)
    nova.live("web", "a2")
    cloud.advance(2)
    path = f"/servers/{nova.id('web')}/migrations/{_progress(nova, 'web')['id']}/action"
    assert nova.sdk.compute.post(path, json={"force_complete": None}, microversion="2.80").status_code == 202
    cloud.advance(1.6)
    assert nova.statuses("web") == ["completed"]


def test_a_move_may_end_elsewhere() -> None:
    """A planted trouble sends the server to another host than the one that was asked for."""
    cloud = small(faults={"migration": [{"instance": "web", "effect": "elsewhere", "to": "b1"}]})
    nova = Nova(cloud)
    nova.live("web", "a2")
    cloud.settle()
    assert nova.where("web") == ("ACTIVE", "b1")
    assert nova.migrations("web")[0]["dest_compute"] == "b1"


def test_preparing_may_fail() -> None:
    """The record says error and then failed, and the pre_live_migration event names the destination."""
    cloud = small()
    cloud.faults.plant(MigrationFault(effect="pre", dest="a2", count=1))
    nova = Nova(cloud)
    nova.live("web", "a2")
    cloud.settle()
    assert nova.statuses("web") == ["failed"]
    events = {event["event"]: event["result"] for event in nova.story("web", "live-migration")["events"]}
    assert events["compute_pre_live_migration"] == "Error"


def test_wrong_states_are_409_in_novas_words() -> None:
    """A stopped server does not live migrate, and a server does one thing at a time."""
    nova = Nova(small())
    refused = nova.live("db", "a2")
    assert refused.status_code == 409
    wanted = f"Cannot 'os-migrateLive' instance {nova.id('db')} while it is in vm_state stopped"
    assert message(refused) == wanted
    nova.live("web", "a2")
    second = nova.live("web", "b1")
    assert second.status_code == 409
    assert "task_state migrating" in message(second)
    assert nova.act("web", {"os-stop": None}).status_code == 409
    assert nova.act("web", {"confirmResize": None}).status_code == 409


def test_the_same_host_and_an_unknown_host_are_400() -> None:
    """These two are told at once, whatever the microversion."""
    nova = Nova(small())
    assert nova.act("web", {"migrate": {"host": "a1"}}).status_code == 400
    assert nova.act("web", {"migrate": {"host": "nowhere"}}).status_code == 400
    assert nova.live("web", "nowhere").status_code == 400
    assert nova.live("web", "a1", version="2.30").status_code == 400


def test_a_lock_stops_members_but_not_admins() -> None:
    """Nova's lock check lets admins through; the service user may be made a plain member."""
    servers = [{"name": "web", "flavor": "m1", "host": "a1", "locked": True, "project": "admin"}]
    assert Nova(small(servers=servers)).act("web", {"os-stop": None}).status_code == 202
    plain = Nova(small(servers=servers, service_roles=["member"]))
    assert plain.act("web", {"os-stop": None}).status_code == 409
    assert plain.live("web", "a2").status_code == 403


def test_revert_brings_a_resized_server_home() -> None:
    """Flavor, host and books are those of before."""
    cloud = small()
    nova = Nova(cloud)
    before = cloud.copy().books.by_consumer
    assert nova.act("web", {"resize": {"flavorRef": "m2"}}).status_code == 202
    cloud.settle()
    assert nova.where("web")[0] == "VERIFY_RESIZE"
    assert nova.server("web")["flavor"]["vcpus"] == 4
    assert nova.act("web", {"revertResize": None}).status_code == 202
    assert nova.where("web")[0] == "REVERT_RESIZE"
    cloud.settle()
    assert nova.where("web") == ("ACTIVE", "a1")
    assert nova.server("web")["flavor"]["vcpus"] == 2
    assert cloud.books.by_consumer == before


def test_a_stopped_server_migrates_cold_and_stays_stopped() -> None:
    """It goes through VERIFY_RESIZE and ends SHUTOFF."""
    cloud = small()
    nova = Nova(cloud)
    nova.act("db", {"migrate": None})
    cloud.settle()
    assert nova.where("db")[0] == "VERIFY_RESIZE"
    nova.act("db", {"confirmResize": None})
    cloud.settle()
    assert nova.where("db")[0] == "SHUTOFF"
    assert nova.where("db")[1] != "a1"


def test_a_source_that_dies_in_mid_move_leaves_it_hanging_until_it_is_back() -> None:
    """MIGRATING for ever; the restarted compute fails the record and the server is ACTIVE at home."""
    cloud = small()
    nova = Nova(cloud)
    nova.live("web", "a2")
    cloud.advance(3)
    fleet.kill(cloud, cloud.hosts["a1"])
    cloud.advance(600)
    assert nova.where("web") == ("MIGRATING", "a1")
    assert nova.statuses("web") == ["running"]
    fleet.restart(cloud, cloud.hosts["a1"])
    cloud.settle()
    assert nova.where("web") == ("ACTIVE", "a1")
    assert nova.statuses("web") == ["error"]
    assert list(cloud.books.held(nova.id("web"))) == ["a1"]


def test_a_server_deleted_in_mid_move_leaves_nothing_behind() -> None:
    """No claim, no running record, and its slot is free for the next."""
    cloud = small()
    nova = Nova(cloud)
    nova.live("web", "a2")
    cloud.advance(3)
    uuid = nova.id("web")
    nova.sdk.compute.delete_server(uuid)
    cloud.settle()
    assert nova.get(f"/servers/{uuid}").status_code == 404
    assert list(cloud.books.by_consumer) == [nova.id("db")]
    assert not cloud.moving
    assert cloud.live_busy["a1"] == []


def test_a_destination_that_dies_on_the_way_fails_the_move() -> None:
    """The server works on at home, the record says failed, and nothing is booked on the dead host."""
    cloud = small()
    nova = Nova(cloud)
    nova.live("web", "a2")
    cloud.advance(3)
    fleet.kill(cloud, cloud.hosts["a2"])
    cloud.settle()
    assert nova.where("web") == ("ACTIVE", "a1")
    assert nova.statuses("web") == ["failed"]
    assert cloud.books.consumers("a2") == {}


def test_the_reply_names_the_request_that_the_history_knows() -> None:
    """x-openstack-request-id of the 202 finds the action, whatever else happened to the server."""
    nova = Nova(small())
    request = nova.live("web", "a2").headers["x-openstack-request-id"]
    found = nova.get(f"/servers/{nova.id('web')}/os-instance-actions/{request}").json()["instanceAction"]
    assert found["action"] == "live-migration"
    assert found["user_id"] == nova.cloud.identity.users["ballast"].id


def test_a_client_that_polls_sees_an_end_if_requests_take_time() -> None:
    """With request_seconds nobody has to advance the clock."""
    cloud = small()
    sdk = connect(cloud, request_seconds=0.5)
    server = sdk.compute.get_server(Nova(cloud).id("web"))
    sdk.compute.migrate_server(server, host="a2")
    done = sdk.compute.wait_for_server(server, status="VERIFY_RESIZE", interval=0, wait=10)
    assert done.compute_host == "a2"


def test_below_2_34_an_accepted_move_is_placed_already() -> None:
    """The synchronous POST returns with the record written and the destination known."""
    nova = Nova(small())
    assert nova.live("web", "a2", version="2.30").status_code == 202
    assert nova.migrations("web")[0]["dest_compute"] == "a2"


def test_force_bypasses_the_scheduler_between_2_30_and_2_67() -> None:
    """A disabled host takes a forced server; from 2.68 on the word is refused."""
    nova = Nova(small())
    cloud = nova.cloud
    fleet.set_status(cloud, cloud.hosts["a2"], enabled=False, reason=None)
    body = {"os-migrateLive": {"host": "a2", "block_migration": "auto", "force": True}}
    assert nova.act("web", body, version="2.68").status_code == 400
    assert nova.act("web", body, version="2.67").status_code == 202
    cloud.settle()
    assert nova.where("web") == ("ACTIVE", "a2")


def test_history_tells_the_steps_of_a_good_migration() -> None:
    """Conductor, checks of both ends, preparing and moving, all Success, no message."""
    nova = Nova(small())
    nova.live("web", "a2")
    nova.cloud.settle()
    story = nova.story("web", "live-migration")
    assert story["message"] is None
    assert {event["result"] for event in story["events"]} == {"Success"}
    assert {"conductor_live_migrate_instance", "compute_pre_live_migration", "compute_live_migration"} <= {
        event["event"] for event in story["events"]
    }


def test_a_source_that_was_away_for_a_moment_has_lost_its_moves_all_the_same() -> None:
    """Restarted before anything else was due, the compute does not take the move up again."""
    cloud = small()
    nova = Nova(cloud)
    nova.live("web", "a2")
    cloud.advance(3)
    fleet.kill(cloud, cloud.hosts["a1"])
    fleet.restart(cloud, cloud.hosts["a1"])
    cloud.settle()
    assert nova.where("web") == ("ACTIVE", "a1")
    assert nova.statuses("web") == ["error"]


def test_looking_does_not_change_what_happens() -> None:
    """Durations vary by the seed, and no listing in between shifts the dice."""

    def seconds(looks: int) -> float:
        cloud = small(settings={"noise": 0.3}, seed=5)
        nova = Nova(cloud)
        for _ in range(looks):
            nova.server("web")
        nova.live("web", "a2")
        cloud.settle()
        return cloud.now

    assert seconds(0) == seconds(7)
