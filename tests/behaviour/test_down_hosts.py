"""Hosts whose compute died: what is refused, how their servers are evacuated, and what that leaves behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.behaviour.clouds import Cloud
from tests.behaviour.sights import Sighting, in_order, records, servers
from tests.behaviour.test_cold_moves import SMALL

DEAD, ELSEWHERE = "cmp-004", "cmp-003"
FORCE_UP = (
    f"Unable to force up host {DEAD} as `done` evacuation migration records remain associated with the host. "
    "Ensure the compute service has been restarted, allowing these records to move to `completed` before "
    "retrying this request."
)


def evacuated(now: Sighting) -> bool:
    return now.task is None and now.record == "done" and now.host != DEAD


def test_a_server_is_not_evacuated_from_a_host_that_works(cloud: Cloud) -> None:
    """Refused with the host's name, as are its own and an unknown host, and an unknown key."""
    server = cloud.boot(host=DEAD)
    in_use = (400, f"Compute service of {DEAD} is still in use.")
    assert cloud.act(server, "evacuate", {}).refusal == in_use
    assert cloud.act(server, "evacuate", {"host": ELSEWHERE}).refusal == in_use
    same = cloud.act(server, "evacuate", {"host": DEAD})
    assert same.refusal == (400, "The target host can't be the same one.")
    unknown = cloud.act(server, "evacuate", {"host": "nowhere"})
    assert unknown.refusal == (404, "Compute host nowhere not found.")
    problem = "Additional properties are not allowed ('foo' was unexpected)"
    text = f"Invalid input for field/attribute evacuate. Value: {{'foo': 1}}. {problem}"
    assert cloud.act(server, "evacuate", {"foo": 1}).refusal == (400, text)
    assert cloud.records(server) == []


@pytest.fixture
def orphan(cloud: Cloud) -> Iterator[str]:
    """A server whose host is dead; whatever a test makes of that, the host cleans up before the sweep."""
    server = cloud.boot(host=DEAD)
    cloud.kill_compute(DEAD)
    yield server
    cloud.hand.start_compute(DEAD)
    left = f"/os-migrations?migration_type=evacuation&status=done&source_compute={DEAD}"
    cloud.until(lambda: not cloud.get(left)["migrations"], f"{DEAD} does not clean up")


def test_a_dead_host_is_noticed_evacuated_and_welcomed_back(cloud: Cloud, orphan: str) -> None:
    """Its server can only be evacuated; the host stays forced down until it has cleaned up after itself."""
    server = orphan
    cloud.until(lambda: cloud.service(DEAD)["state"] == "down", f"nobody notices that {DEAD} is dead")
    (hypervisor,) = cloud.get(f"/os-hypervisors?hypervisor_hostname_pattern={DEAD}")["hypervisors"]
    assert hypervisor["state"] == "down"
    assert cloud.server(server)["host_status"] == "UNKNOWN"

    assert cloud.cold(server, ELSEWHERE).refusal == (409, "Service is unavailable at this time.")
    assert cloud.act(server, "evacuate", {"host": ELSEWHERE}).refusal == (200, "")
    seen = cloud.watch(server, evacuated)
    course = [
        ("REBUILD", "rebuilding", DEAD),
        ("REBUILD", "rebuild_block_device_mapping", DEAD),
        ("REBUILD", "rebuild_spawning", DEAD),
        ("REBUILD", "rebuild_spawning", ELSEWHERE),
        ("ACTIVE", None, DEAD),  # now and then, on a busy control plane
        ("ACTIVE", None, ELSEWHERE),
    ]
    assert in_order(course, servers(seen))
    assert in_order(("accepted", "pre-migrating", "done"), records(seen))
    record = cloud.record(server)
    assert (record["migration_type"], record["dest_compute"]) == ("evacuation", ELSEWHERE)
    assert cloud.allocations(server) == {DEAD: SMALL, ELSEWHERE: SMALL}

    assert cloud.set_service(DEAD, forced_down=True).status == 200
    assert cloud.set_service(DEAD, forced_down=False).refusal == (400, FORCE_UP)
    cloud.hand.start_compute(DEAD)
    cloud.reaches(server, "completed")
    assert cloud.service(DEAD)["state"] == "down"
    assert cloud.set_service(DEAD, forced_down=False).status == 200
    cloud.until(lambda: cloud.service(DEAD)["state"] == "up", f"{DEAD} does not come up")
    cloud.until(lambda: cloud.allocations(server) == {ELSEWHERE: SMALL}, "the dead host's claim stays")
    assert cloud.live(server, DEAD).refusal == (202, "")
    cloud.until(lambda: cloud.host_of(server) == DEAD, f"{server} does not come back")
