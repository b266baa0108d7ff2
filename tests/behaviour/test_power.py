"""Servers that are stopped, started, paused, rebooted, locked and deleted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.behaviour.clouds import Cloud
from tests.behaviour.sights import Row, in_order, servers

STATES = {"ACTIVE": "active", "SHUTOFF": "stopped", "PAUSED": "paused", "ERROR": "error"}
INTO: dict[str, tuple[str, Any]] = {
    "SHUTOFF": ("os-stop", None),
    "PAUSED": ("pause", None),
    "ERROR": ("os-resetState", {"state": "error"}),
}


def server_in(cloud: Cloud, status: str) -> str:
    server = cloud.boot(host="cmp-001")
    if status in INTO:
        verb, given = INTO[status]
        assert cloud.act(server, verb, given).refusal == (202, "")
        cloud.until(lambda: rests_in(cloud.server(server), status), f"{server} does not become {status}")
    return server


def rests_in(view: Row, status: str) -> bool:
    return (view["status"], view["OS-EXT-STS:task_state"]) == (status, None)


@pytest.mark.parametrize(
    ("before", "verb", "given", "busy", "after"),
    [
        ("ACTIVE", "os-stop", None, ("ACTIVE", "powering-off"), "SHUTOFF"),
        ("ERROR", "os-stop", None, ("ERROR", "powering-off"), "SHUTOFF"),
        ("SHUTOFF", "os-start", None, ("SHUTOFF", "powering-on"), "ACTIVE"),
        ("ACTIVE", "pause", None, ("ACTIVE", "pausing"), "PAUSED"),
        ("PAUSED", "unpause", None, ("PAUSED", "unpausing"), "ACTIVE"),
        ("ACTIVE", "reboot", {"type": "SOFT"}, ("REBOOT", "rebooting"), "ACTIVE"),
    ],
)
def test_a_server_changes_its_state(
    cloud: Cloud, before: str, verb: str, given: Any, busy: tuple[str, str], after: str
) -> None:
    """The request is accepted, the server busy for a moment and then in the state wanted, with an event."""
    server = server_in(cloud, before)
    assert cloud.act(server, verb, given).refusal == (202, "")
    seen = cloud.watch(server, lambda now: (now.status, now.task) == (after, None))
    allowed = [(*busy, "cmp-001"), (busy[0], "reboot_started", "cmp-001"), (after, None, "cmp-001")]
    assert in_order(allowed, servers(seen))
    name = verb.removeprefix("os-")
    cloud.until(lambda: cloud.deeds(server)[0].events, "the event is missing")
    deed = cloud.deeds(server)[0]
    assert (deed.action, deed.message) == (name, None)
    assert deed.events == {f"compute_{name}_instance": ("Success", None)}


@pytest.mark.parametrize("before", ["ACTIVE", "SHUTOFF", "PAUSED"])
def test_a_hard_reboot_ends_in_a_server_that_runs(cloud: Cloud, before: str) -> None:
    """Whatever the server was before, it is ACTIVE afterwards."""
    server = server_in(cloud, before)
    assert cloud.act(server, "reboot", {"type": "HARD"}).refusal == (202, "")
    cloud.until(lambda: rests_in(cloud.server(server), "ACTIVE"), f"{server} does not run again")
    assert cloud.server(server)["OS-EXT-STS:power_state"] == 1


@pytest.mark.parametrize(
    ("before", "verb", "given"),
    [
        ("SHUTOFF", "os-stop", None),
        ("PAUSED", "os-stop", None),
        ("ACTIVE", "os-start", None),
        ("PAUSED", "os-start", None),
        ("PAUSED", "pause", None),
        ("SHUTOFF", "pause", None),
        ("ACTIVE", "unpause", None),
        ("SHUTOFF", "reboot", {"type": "SOFT"}),
        ("PAUSED", "migrate", None),
        ("SHUTOFF", "os-migrateLive", {"host": "cmp-003", "block_migration": "auto"}),
        ("ACTIVE", "confirmResize", None),
        ("SHUTOFF", "revertResize", None),
    ],
)
def test_a_wrong_state_is_a_conflict(cloud: Cloud, before: str, verb: str, given: Any) -> None:
    """Nova says 409 and names what it was asked and the vm_state."""
    server = server_in(cloud, before)
    name = verb.removeprefix("os-") if verb in ("os-stop", "os-start") else verb
    text = f"Cannot '{name}' instance {server} while it is in vm_state {STATES[before]}"
    assert cloud.act(server, verb, given).refusal == (409, text)
    assert cloud.server(server)["status"] == before


def test_a_lock_stops_whoever_is_no_administrator(cloud: Cloud) -> None:
    """The owner meets 409, the administrator nothing; both see the reason; unlocked, the owner may again."""
    server = cloud.boot(host="cmp-001")
    assert cloud.act(server, "lock", {"locked_reason": "mine"}).refusal == (202, "")
    view = cloud.server(server)
    assert (view["locked"], view["locked_reason"]) == (True, "mine")
    refused = cloud.act(server, "os-stop", by=cloud.tenant())
    assert refused.refusal == (409, f"Instance {server} is locked")
    assert cloud.act(server, "os-stop").refusal == (202, "")
    cloud.until(lambda: rests_in(cloud.server(server), "SHUTOFF"), f"{server} does not stop")
    assert cloud.act(server, "unlock").refusal == (202, "")
    view = cloud.server(server)
    assert (view["locked"], view["locked_reason"]) == (False, None)
    assert cloud.act(server, "os-start", by=cloud.tenant()).refusal == (202, "")
    cloud.until(lambda: rests_in(cloud.server(server), "ACTIVE"), f"{server} does not start")


def test_locking_is_written_down_once(cloud: Cloud) -> None:
    """A second lock leaves no trace, an unlock does even if there is nothing to unlock."""
    server = cloud.boot(host="cmp-001")
    for verb in ("lock", "lock", "unlock", "unlock"):
        assert cloud.act(server, verb).refusal == (202, "")
    deeds = cloud.deeds(server)
    assert [deed.action for deed in deeds] == ["unlock", "unlock", "lock", "create"]
    assert deeds[2].events == {"api_lock": ("Success", None)}


def test_a_deleted_server_is_gone_with_what_it_held(cloud: Cloud) -> None:
    """It is there no more, holds nothing, and its history can still be read."""
    server = cloud.boot(host="cmp-001")
    assert cloud.request("DELETE", f"/servers/{server}").status == 204
    gone = (404, f"Instance {server} could not be found.")
    cloud.until(lambda: cloud.request("GET", f"/servers/{server}").refusal == gone, "it is still there")
    assert cloud.request("DELETE", f"/servers/{server}").refusal == gone
    assert cloud.act(server, "os-stop").refusal == gone
    cloud.until(lambda: cloud.allocations(server) == {}, "it still holds something")
    assert [deed.action for deed in cloud.deeds(server)] == ["delete", "create"]


def test_a_reset_changes_a_word_and_nothing_else(cloud: Cloud) -> None:
    """A reset to error and back changes nothing about where a server is or whether it runs."""
    server = server_in(cloud, "ERROR")
    view = cloud.server(server)
    assert (view["OS-EXT-STS:vm_state"], view["OS-EXT-STS:power_state"]) == ("error", 1)
    cloud.act(server, "os-resetState", {"state": "active"})
    view = cloud.server(server)
    assert (view["status"], view["OS-EXT-SRV-ATTR:host"]) == ("ACTIVE", "cmp-001")
    assert [deed.action for deed in cloud.deeds(server)] == ["resetState", "resetState", "create"]
