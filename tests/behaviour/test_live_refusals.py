"""Live migrations that Nova refuses: at once, or after it has said 202."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.behaviour.clouds import Cloud
from tests.behaviour.sights import in_order, records, servers

# Placement offers nothing: the reason is empty, the blank in front of it is there.
NOTHING_OFFERED = "No valid host was found. "
# Placement offers hosts and a filter of the scheduler takes the last one.
ALL_FILTERED = "No valid host was found. There are not enough hosts available."
Scene = Callable[[Cloud], tuple[str, str]]  # the server, and the host to ask for


def disabled(cloud: Cloud) -> tuple[str, str]:
    server = cloud.boot(host="cmp-001")
    cloud.set_service("cmp-003", status="disabled", disabled_reason="the test wants it so")
    return server, "cmp-003"


def down(cloud: Cloud) -> tuple[str, str]:
    server = cloud.boot(host="cmp-001")
    cloud.set_service("cmp-003", forced_down=True)
    return server, "cmp-003"


def its_own_host(cloud: Cloud) -> tuple[str, str]:
    return cloud.boot(host="cmp-001"), "cmp-001"


def another_zone(cloud: Cloud) -> tuple[str, str]:
    return cloud.boot(availability_zone="az-1:cmp-001"), "cmp-002"


def lacks_a_trait(cloud: Cloud) -> tuple[str, str]:
    return cloud.boot("medium-ssd", "cmp-001"), "cmp-003"


def lacks_a_processor_feature(cloud: Cloud) -> tuple[str, str]:
    return cloud.boot("large-avx2", "cmp-003"), "cmp-001"


def has_a_forbidden_trait(cloud: Cloud) -> tuple[str, str]:
    return cloud.boot("small-not-ssd", "cmp-003"), "cmp-001"


def full(cloud: Cloud) -> tuple[str, str]:
    """64 GiB do not fit beside the 512 MiB that a host of 64 GiB keeps for itself."""
    return cloud.boot("huge", "cmp-003"), "cmp-001"


def has_a_peer(cloud: Cloud) -> tuple[str, str]:
    group = cloud.group("anti-affinity")
    server = cloud.boot(host="cmp-001", group=group)
    cloud.boot(host="cmp-003", group=group)
    return server, "cmp-003"


def away_from_its_peer(cloud: Cloud) -> tuple[str, str]:
    group = cloud.group("affinity")
    server, _ = (cloud.boot(host="cmp-001", group=group) for _ in range(2))
    return server, "cmp-003"


def lacks_what_the_flavor_wants(cloud: Cloud) -> tuple[str, str]:
    return cloud.boot("medium-on-fast", "cmp-001"), "cmp-003"


def kept_for_another_tenant(cloud: Cloud) -> tuple[str, str]:
    server = cloud.boot(host="cmp-001")
    cloud.aggregate({"filter_tenant_id": "0" * 32}, "cmp-003")
    return server, "cmp-003"


BY_PLACEMENT: list[Scene] = [
    *(disabled, another_zone, full),
    *(lacks_a_trait, lacks_a_processor_feature, has_a_forbidden_trait),
]
BY_A_FILTER: list[Scene] = [
    *(down, its_own_host, has_a_peer, away_from_its_peer),
    *(lacks_what_the_flavor_wants, kept_for_another_tenant),
]
SCENES = [
    *(pytest.param(scene, NOTHING_OFFERED, id=scene.__name__) for scene in BY_PLACEMENT),
    *(pytest.param(scene, ALL_FILTERED, id=scene.__name__) for scene in BY_A_FILTER),
]


@pytest.mark.parametrize(("scene", "why"), SCENES)
def test_a_host_that_does_not_suit_is_refused_late(cloud: Cloud, scene: Scene, why: str) -> None:
    """The request is accepted, the server stays, and record and event alone tell that no host was valid."""
    server, host = scene(cloud)
    home = cloud.host_of(server)
    assert cloud.live(server, host).refusal == (202, "")
    seen = cloud.watch(server)
    assert in_order([("MIGRATING", "migrating", home), ("ACTIVE", None, home)], servers(seen))
    assert in_order((None, "accepted", "error"), records(seen))
    deed = cloud.deeds(server)[0]
    assert (deed.action, deed.message) == ("live-migration", "Error")
    assert deed.events == {"conductor_live_migrate_instance": ("Error", why)}
    record = cloud.record(server)
    known = (record["source_compute"], record["source_node"], record["dest_compute"], record["dest_node"])
    assert known == (home, None, None, None), "what is not decided yet is not written down"
    assert list(cloud.allocations(server)) == [home]
    assert cloud.allocations(record["uuid"]) == {}
    assert "fault" not in cloud.server(server)


@pytest.mark.parametrize(
    ("scene", "why"),
    [
        pytest.param(disabled, NOTHING_OFFERED, id="disabled"),
        pytest.param(its_own_host, ALL_FILTERED, id="its_own_host"),
    ],
)
def test_below_2_34_it_is_refused_at_once(cloud: Cloud, scene: Scene, why: str) -> None:
    """With 2.30 the same refusal is the answer to the request: 400, and a record there is as well."""
    server, host = scene(cloud)
    assert cloud.live(server, host, microversion="2.30").refusal == (400, why)
    seen = cloud.watch(server)
    assert in_order([("MIGRATING", "migrating", "cmp-001"), ("ACTIVE", None, "cmp-001")], servers(seen))
    (record,) = cloud.records(server)
    assert (record["status"], record["source_node"], record["dest_compute"]) == ("error", None, None)
    assert cloud.deeds(server)[0].events == {"conductor_migrate_server": ("Error", why)}


def test_a_source_that_is_down_lets_nothing_go(cloud: Cloud) -> None:
    """From a host whose compute service is down nothing migrates live; the event says so."""
    server = cloud.boot(host="cmp-001")
    cloud.set_service("cmp-001", forced_down=True)
    assert cloud.live(server, "cmp-003").refusal == (202, "")
    cloud.watch(server)
    assert cloud.record(server)["status"] == "error"
    why = "Compute service of cmp-001 is unavailable at this time."
    assert cloud.deeds(server)[0].events == {"conductor_live_migrate_instance": ("Error", why)}


def test_a_host_that_does_not_exist_is_refused_at_once(cloud: Cloud) -> None:
    """A name that no host has is 400, and neither record nor action is left."""
    server = cloud.boot(host="cmp-001")
    assert cloud.live(server, "nowhere").refusal == (400, "Compute host nowhere could not be found.")
    assert cloud.records(server) == []
    assert [deed.action for deed in cloud.deeds(server)] == ["create"]


def test_a_stopped_server_does_not_migrate_live(cloud: Cloud) -> None:
    """A server that is stopped is refused with 409 and its vm_state."""
    server = cloud.boot(host="cmp-001")
    cloud.act(server, "os-stop")
    cloud.until(lambda: cloud.server(server)["status"] == "SHUTOFF", "the server does not stop")
    why = f"Cannot 'os-migrateLive' instance {server} while it is in vm_state stopped"
    assert cloud.live(server, "cmp-003").refusal == (409, why)


def test_a_server_that_migrates_takes_no_other_order(cloud: Cloud) -> None:
    """While a server migrates live, migrating it again and stopping it are 409 with its task_state."""
    server = cloud.boot(host="cmp-001")
    cloud.fault(server, "stall")
    cloud.live(server, "cmp-003")
    cloud.reaches(server, "running")
    why = f"Cannot '{{}}' instance {server} while it is in task_state migrating"
    assert cloud.live(server, "cmp-005").refusal == (409, why.format("os-migrateLive"))
    assert cloud.cold(server, "cmp-005").refusal == (409, why.format("migrate"))
    assert cloud.act(server, "os-stop").refusal == (409, why.format("stop"))
    assert len(cloud.records(server)) == 1


def test_a_server_that_does_not_exist_is_404(cloud: Cloud) -> None:
    """A request about a server that Nova does not know is 404; asking for its records is no error."""
    nobody = "00000000-0000-0000-0000-000000000007"
    gone = (404, f"Instance {nobody} could not be found.")
    assert cloud.live(nobody, "cmp-003").refusal == gone
    assert cloud.request("GET", f"/servers/{nobody}/migrations").refusal == gone
    assert cloud.records(nobody) == []
