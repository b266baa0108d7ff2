"""Cold migrations that Nova refuses at once, accepts and cannot place, or begins and breaks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.behaviour.clouds import Cloud
from tests.behaviour.sights import in_order, records, servers
from tests.behaviour.test_cold_moves import DESTINATION, SMALL, SOURCE

NO_PLACE = "No valid host was found. No valid host found for cold migrate"
Scene = Callable[[Cloud], tuple[str, str]]  # the server, and the host to ask for


def disabled(cloud: Cloud) -> tuple[str, str]:
    server = cloud.boot(host=SOURCE)
    cloud.set_service(DESTINATION, status="disabled", disabled_reason="the test wants it so")
    return server, DESTINATION


def down(cloud: Cloud) -> tuple[str, str]:
    server = cloud.boot(host=SOURCE)
    cloud.set_service(DESTINATION, forced_down=True)
    return server, DESTINATION


def full(cloud: Cloud) -> tuple[str, str]:
    """64 GiB do not fit beside what a host of 64 GiB keeps for itself."""
    return cloud.boot("huge", "cmp-003"), "cmp-001"


def another_zone(cloud: Cloud) -> tuple[str, str]:
    return cloud.boot(availability_zone="az-1:cmp-001"), "cmp-002"


def lacks_a_trait(cloud: Cloud) -> tuple[str, str]:
    return cloud.boot("medium-ssd", SOURCE), "cmp-003"


def a_peer_is_there(cloud: Cloud) -> tuple[str, str]:
    group = cloud.group("anti-affinity")
    cloud.boot(host=DESTINATION, group=group)
    return cloud.boot(host=SOURCE, group=group), DESTINATION


@pytest.mark.parametrize("scene", [disabled, down, full, another_zone, lacks_a_trait, a_peer_is_there])
def test_no_place_is_told_by_the_record_alone(cloud: Cloud, scene: Scene) -> None:
    """Nova says 202; the record ends as error and the server is as it was, without a fault."""
    server, host = scene(cloud)
    source = cloud.host_of(server)
    held = cloud.allocations(server)
    assert cloud.cold(server, host).refusal == (202, "")
    seen = cloud.watch(server)
    assert in_order([("RESIZE", "resize_prep", source), ("ACTIVE", None, source)], servers(seen))
    assert in_order((None, "pre-migrating", "error"), records(seen))
    record, view = cloud.record(server), cloud.server(server)
    assert (record["dest_compute"], record["dest_node"]) == (None, None)
    assert (view["status"], "fault" in view) == ("ACTIVE", False)
    cloud.until(lambda: cloud.allocations(server) == held, "the books are not as before")
    assert cloud.allocations(record["uuid"]) == {}


def test_no_place_is_explained_by_both_events(cloud: Cloud) -> None:
    """The action says Error, and its two events why."""
    server, host = disabled(cloud)
    cloud.cold(server, host)
    cloud.watch(server)
    cloud.until(lambda: len(cloud.deeds(server)[0].events) == 2, "events are missing")
    deed = cloud.deeds(server)[0]
    assert (deed.action, deed.message) == ("migrate", "Error")
    assert deed.events == dict.fromkeys(("cold_migrate", "conductor_migrate_server"), ("Error", NO_PLACE))


def test_an_unknown_host_and_its_own_are_refused_at_once(cloud: Cloud) -> None:
    """Both are 400 with the reason, and no record is written."""
    server = cloud.boot(host=SOURCE)
    assert cloud.cold(server, "nowhere").refusal == (400, "Compute host nowhere could not be found.")
    own = "Cannot migrate to the host where the server exists."
    assert cloud.cold(server, SOURCE).refusal == (400, own)
    assert cloud.records(server) == []
    assert [deed.action for deed in cloud.deeds(server)] == ["create"]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (
            {"foo": 1},
            "migrate. Value: {'foo': 1}. Additional properties are not allowed ('foo' was unexpected)",
        ),
        ({"host": 5}, "host. Value: 5. 5 is not of type 'string', 'null'"),
    ],
)
def test_a_wrong_body_is_refused_in_novas_words(cloud: Cloud, given: dict[str, object], problem: str) -> None:
    """The sentence names the field and the value."""
    server = cloud.boot(host=SOURCE)
    text = f"Invalid input for field/attribute {problem}"
    assert cloud.act(server, "migrate", given).refusal == (400, text)


def test_a_migration_that_breaks_leaves_the_server_in_error(cloud: Cloud) -> None:
    """The server is in ERROR on the source with a fault, the record in error, the books as before."""
    server = cloud.boot(host=SOURCE)
    cloud.fault(server, "cold")
    assert cloud.cold(server, DESTINATION).refusal == (202, "")
    seen = cloud.watch(server)
    course = [
        ("RESIZE", "resize_prep", SOURCE),
        ("RESIZE", "resize_migrating", SOURCE),
        ("ERROR", "resize_migrating", SOURCE),
        ("ERROR", None, SOURCE),
    ]
    assert in_order(course, servers(seen))
    assert in_order((None, "pre-migrating", "migrating", "error"), records(seen))
    fault = cloud.server(server)["fault"]
    assert fault["code"] == 500
    assert fault["message"].startswith("Migration error: ")
    assert cloud.record(server)["dest_compute"] == DESTINATION
    cloud.until(lambda: cloud.allocations(server) == {SOURCE: SMALL}, "the books are not as before")
    assert cloud.allocations(cloud.record(server)["uuid"]) == {}


def test_a_migration_that_breaks_is_explained_by_its_event(cloud: Cloud) -> None:
    """Only the event of the step that broke is an error, with the words of the fault."""
    server = cloud.boot(host=SOURCE)
    cloud.fault(server, "cold")
    cloud.cold(server, DESTINATION)
    cloud.watch(server, lambda now: now.status == "ERROR" and now.task is None)
    cloud.until(lambda: len(cloud.deeds(server)[0].events) == 4, "events are missing")
    deed = cloud.deeds(server)[0]
    assert deed.message == "Error"
    broken = deed.events.pop("compute_resize_instance")
    assert broken == ("Error", cloud.server(server)["fault"]["message"])
    good = ("conductor_migrate_server", "cold_migrate", "compute_prep_resize")
    assert deed.events == dict.fromkeys(good, ("Success", None))


def test_a_server_in_error_moves_again_once_its_state_is_reset(cloud: Cloud) -> None:
    """In ERROR it may not migrate; reset to active it shows no fault and may."""
    server = cloud.boot(host=SOURCE)
    cloud.fault(server, "cold")
    cloud.cold(server, DESTINATION)
    cloud.watch(server, lambda now: now.status == "ERROR" and now.task is None)
    text = f"Cannot '{{}}' instance {server} while it is in vm_state error"
    assert cloud.cold(server, DESTINATION).refusal == (409, text.format("migrate"))
    assert cloud.live(server, DESTINATION).refusal == (409, text.format("os-migrateLive"))
    cloud.hand.forget()
    assert cloud.act(server, "os-resetState", {"state": "active"}).refusal == (202, "")
    view = cloud.server(server)
    assert (view["status"], "fault" in view) == ("ACTIVE", False)
    assert cloud.live(server, DESTINATION).refusal == (202, "")
    cloud.watch(server)
    assert cloud.host_of(server) == DESTINATION
