"""Cold migrations that are taken back."""

from __future__ import annotations

from tests.behaviour.clouds import Cloud
from tests.behaviour.sights import in_order, records, servers
from tests.behaviour.test_cold_moves import DESTINATION, SMALL, SOURCE, move, rests, shut_off

BACK = [
    ("REVERT_RESIZE", "resize_reverting", DESTINATION),
    ("REVERT_RESIZE", "resize_reverting", SOURCE),
]


def test_reverting_brings_a_server_back(cloud: Cloud) -> None:
    """A reverted server changes its host while REVERT_RESIZE and is ACTIVE on the source again."""
    server = cloud.boot(host=SOURCE)
    move(cloud, server)
    assert cloud.act(server, "revertResize").refusal == (202, "")
    seen = cloud.watch(server, rests)
    assert in_order([*BACK, ("ACTIVE", None, SOURCE)], servers(seen))
    assert in_order(("reverting", "reverted"), records(seen))
    cloud.reaches(server, "reverted")


def test_reverting_gives_the_destination_back(cloud: Cloud) -> None:
    """Afterwards the server holds the source alone, and the migration nothing."""
    server = cloud.boot(host=SOURCE)
    move(cloud, server)
    cloud.act(server, "revertResize")
    cloud.watch(server, rests)
    assert cloud.allocations(server) == {SOURCE: SMALL}
    assert cloud.allocations(cloud.record(server)["uuid"]) == {}


def test_reverting_leaves_its_events(cloud: Cloud) -> None:
    """The action has one event of each host."""
    server = cloud.boot(host=SOURCE)
    move(cloud, server)
    cloud.act(server, "revertResize")
    cloud.watch(server, rests)
    cloud.until(lambda: len(cloud.deeds(server)[0].events) == 2, "events are missing")
    deed = cloud.deeds(server)[0]
    assert (deed.action, deed.message) == ("revertResize", None)
    wanted = ("compute_revert_resize", "compute_finish_revert_resize")
    assert deed.events == dict.fromkeys(wanted, ("Success", None))


def test_a_stopped_server_is_stopped_after_reverting(cloud: Cloud) -> None:
    """A SHUTOFF server that is taken back is stopped once more, which the action tells."""
    server = shut_off(cloud)
    move(cloud, server)
    cloud.act(server, "revertResize")
    seen = cloud.watch(server, rests)
    allowed = [*BACK, ("VERIFY_RESIZE", "powering-off", SOURCE), ("SHUTOFF", None, SOURCE)]
    assert in_order(allowed, servers(seen))
    cloud.until(lambda: len(cloud.deeds(server)[0].events) == 3, "events are missing")
    assert "compute_stop_instance" in cloud.deeds(server)[0].events


def test_a_reverted_server_can_be_neither_confirmed_nor_reverted(cloud: Cloud) -> None:
    """Both are conflicts with the vm_state active."""
    server = cloud.boot(host=SOURCE)
    move(cloud, server)
    cloud.act(server, "revertResize")
    cloud.watch(server, rests)
    for verb in ("confirmResize", "revertResize"):
        text = f"Cannot '{verb}' instance {server} while it is in vm_state active"
        assert cloud.act(server, verb).refusal == (409, text)
