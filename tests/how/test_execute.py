"""One action's life on a simulated cloud: every way it can end."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from activities.doing.execute import carry_out
from activities.door import Busy, Failed, Stopped, Transient
from deploy.simcloud import fleet, power
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.faults import ApiFault, MigrationFault
from plan_schemas.plan import SkipCause
from tests.how.acting import (
    VirtualWatch,
    door_to,
    no_new_writes,
    observed,
)
from tests.how.one_action import move, posts, run, setting, stranger, uuid_of
from tests.simcloud.kit import small


@pytest.mark.parametrize(
    ("name", "kind", "asked"),
    [
        ("web", "live", ["os-migrateLive"]),
        ("web", "cold", ["migrate", "confirmResize"]),
        ("db", "cold", ["migrate", "confirmResize"]),
    ],
)
def test_a_move_is_done_when_record_and_server_say_so(name: str, kind: str, asked: list[str]) -> None:
    """A move ends with the server in its former state on the destination with clean books."""
    cloud = small()
    action = move(cloud, name, kind=kind)
    outcome = run(cloud, action)
    assert outcome.outcome == "done"
    assert posts(cloud) == asked
    after = observed(cloud)
    instance = after.instances[uuid_of(cloud, name)]
    assert (instance.host, instance.status) == ("a2", action.expects["status"])
    assert not any(h.claimed or h.uncertain for h in after.hosts.values())


def test_progress_is_told_while_it_moves() -> None:
    """The heartbeats carry the phase, a growing percentage and the migration's number."""
    cloud = small()
    watch = VirtualWatch.new(cloud)
    run(cloud, move(cloud), watch)
    percents = [beat["percent"] for beat in watch.beats if "percent" in beat]
    assert len(percents) > 3
    assert percents == sorted(percents)
    assert [beat["phase"] for beat in watch.beats][:2] == ["looking", "asking"]
    assert watch.beats[-1]["migration"] == 1


def test_looks_tighten_towards_the_expected_end() -> None:
    """The last looks at a long move are closer together than those in its middle."""
    cloud = small(flavors=[{"name": "m1", "vcpus": 2, "memory_mb": 65536, "disk_gb": 20}])
    moments: list[float] = []

    class Timed(VirtualWatch):
        def heartbeat(self, details: Any) -> None:
            moments.append(self.cloud.now)

    run(cloud, move(cloud), Timed(cloud, cloud.moment))
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert max(gaps) == 5.0
    assert max(gaps[-2:]) <= 1.0


def test_twice_is_once() -> None:
    """What is so already is skipped as such, and nothing is asked of the cloud."""
    cloud = small()
    action = move(cloud)
    run(cloud, action)
    with no_new_writes(cloud):
        outcome = run(cloud, action)
    assert (outcome.outcome, outcome.cause) == ("skipped", SkipCause.ALREADY)


def test_a_foreign_move_is_drift() -> None:
    """A server that somebody moved meanwhile is left alone, with what was expected and what was found."""
    cloud = small()
    action = move(cloud)
    fleet.move_silently(cloud, uuid_of(cloud, "web"), "b1")
    with no_new_writes(cloud):
        outcome = run(cloud, action)
    assert outcome.cause == SkipCause.DRIFT
    assert outcome.reason == "host: expected a1, found b1"


def test_a_lock_set_meanwhile_is_drift() -> None:
    """A server that somebody locked meanwhile is not moved."""
    cloud = small()
    action = move(cloud)
    power.lock(cloud, cloud.instances[uuid_of(cloud, "web")], stranger(cloud), None)
    outcome = run(cloud, action)
    assert (outcome.cause, outcome.reason) == (SkipCause.DRIFT, "locked: expected no, found yes")


def test_a_deleted_server_is_skipped() -> None:
    """A server that is gone leaves nothing to be done."""
    cloud = small()
    action = move(cloud)
    cloud.remove_instance(cloud.instances[uuid_of(cloud, "web")])
    assert run(cloud, action).cause == SkipCause.PRECONDITION


def deleting(cloud: Cloud, at: int) -> VirtualWatch:
    """A watch during whose so manieth sleep somebody deletes web."""

    class Deleting(VirtualWatch):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if self.sleeps == at:
                cloud.remove_instance(cloud.instances[uuid_of(cloud, "web")])

    return Deleting.new(cloud)


@pytest.mark.parametrize("at", [1, 2])
def test_a_server_deleted_on_the_way_is_skipped_as_one_deleted_before(at: int) -> None:
    """Whoever deletes it does so a moment before or after we begin: nothing is left to be done for it."""
    cloud = small()
    outcome = run(cloud, move(cloud), deleting(cloud, at))
    assert (outcome.outcome, outcome.cause) == ("skipped", SkipCause.PRECONDITION)
    assert posts(cloud) == ["os-migrateLive"]


def test_a_404_for_what_is_there_is_tried_again_and_asks_for_nothing_twice() -> None:
    """A proxy that forgets a server for a moment ends nothing: the next attempt sees the move to its end."""
    cloud = small()
    action, watch = move(cloud), VirtualWatch.new(cloud)
    about = {"method": "GET", "path": "/servers/[^/]+$", "instance": uuid_of(cloud, "web")}
    cloud.faults.plant(ApiFault(effect="status", status=404, count=1, writes=1, **about))
    with pytest.raises(Transient, match="the cloud missed what is there"):
        run(cloud, action, watch)
    assert run(cloud, action, watch.again()).outcome == "done"
    assert posts(cloud) == ["os-migrateLive"]
    assert cloud.instances[uuid_of(cloud, "web")].host == "a2"


def test_a_service_that_goes_while_it_is_set_is_a_failure() -> None:
    """Nothing was deleted that a plan could go on without: a person shall look."""
    cloud = small()
    cloud.faults.plant(ApiFault(effect="status", status=404, method="PUT", path="/os-services/"))
    with pytest.raises(Failed, match="remove the host from the plan") as told:
        run(cloud, setting(cloud, "disabled", "fan"))
    assert told.value.kind == "gone"


def test_a_busy_server_is_tried_again_later() -> None:
    """A task of somebody else makes us wait; it is neither drift nor failure."""
    cloud = small()
    action = move(cloud)
    cloud.instances[uuid_of(cloud, "web")].task_state = "image_snapshot"
    with no_new_writes(cloud), pytest.raises(Transient, match="image_snapshot"):
        run(cloud, action)


def test_a_full_destination_is_refused_with_numbers() -> None:
    """Space that went meanwhile is found by the re-check on fresh state, before anything is asked."""
    cloud = small()
    action = move(cloud)
    cloud.books.claim("00000000-0000-4000-8000-000000000000", "a2", {"VCPU": 10_000})
    with no_new_writes(cloud):
        outcome = run(cloud, action)
    assert outcome.cause == SkipCause.PRECONDITION
    assert "capacity" in outcome.evidence["refusals"]


def test_a_disabled_destination_is_refused() -> None:
    """A destination that somebody disabled meanwhile is refused with the reason that he gave."""
    cloud = small()
    action = move(cloud)
    fleet.set_status(cloud, cloud.hosts["a2"], enabled=False, reason="bad DIMM")
    outcome = run(cloud, action)
    assert outcome.cause == SkipCause.PRECONDITION
    assert "bad DIMM" in outcome.reason


def test_what_the_policy_forbids_is_not_done() -> None:
    """A kind of intervention that is not allowed fails with what to change."""
    cloud = small()
    action = move(cloud, kind="cold")
    with no_new_writes(cloud), pytest.raises(Failed, match=r"add cold to `execution\.allow`"):
        carry_out(action, door_to(cloud), VirtualWatch.new(cloud), allow={"live"})


def test_a_refusal_after_the_202_carries_novas_own_reason() -> None:
    """A move that Nova accepts and cannot place fails in Nova's words, with the server where it was."""
    cloud = small()
    cloud.faults.plant(MigrationFault(effect="check"))
    with pytest.raises(Failed, match=r"ended as error: .*No valid host was found.*ACTIVE on a1"):
        run(cloud, move(cloud))
    assert posts(cloud) == ["os-migrateLive"]


def test_a_live_move_that_breaks_leaves_the_server_on_its_source() -> None:
    """A live migration that fails on the way is a failure that says where the server is."""
    cloud = small()
    cloud.faults.plant(MigrationFault(effect="on_the_way"))
    with pytest.raises(Failed, match=r"ended as (error|failed): .*ACTIVE on a1"):
        run(cloud, move(cloud))


def test_a_cold_move_that_breaks_says_how_to_revive_the_server() -> None:
    """A cold migration that fails on the way leaves ERROR; the failure has Nova's fault and a remedy."""
    cloud = small()
    cloud.faults.plant(MigrationFault(effect="on_the_way"))
    with pytest.raises(Failed, match="Migration error") as why:
        run(cloud, move(cloud, kind="cold"))
    assert "openstack server set --state active" in why.value.remedy


def test_a_stalled_move_is_aborted_on_stall_not_on_the_clock() -> None:
    """Without a byte of progress the migration is aborted and fails as stalled; the server stays."""
    cloud = small()
    cloud.faults.plant(MigrationFault(effect="stall", at=0.4))
    with pytest.raises(Failed, match=r"it stalled and was aborted.*ACTIVE on a1"):
        run(cloud, move(cloud))
    assert posts(cloud) == ["os-migrateLive", "DELETE"]


def test_a_queued_move_is_not_a_stalled_one() -> None:
    """A migration that waits for its turn on the source is waited for, however long that takes."""
    cloud = small(
        servers=[{"name": f"s{n}", "flavor": "m2", "host": "a1"} for n in range(2)]
        + [{"name": "web", "flavor": "m1", "host": "a1"}]
    )
    action = move(cloud)
    door = door_to(cloud)
    for name in ("s0", "s1"):
        cloud.faults.plant(MigrationFault(effect="stall", instance=uuid_of(cloud, name)))
        door.live_migrate(uuid_of(cloud, name), "a2")
    cloud.advance(2)
    watch = VirtualWatch.new(cloud, stops={60: "leave"})
    with pytest.raises(Stopped):
        run(cloud, action, watch)
    assert watch.beats[-1]["phase"] == "queued"
    assert cloud.now > 120


@pytest.mark.parametrize("kind", ["live", "cold"])
def test_a_move_that_ends_elsewhere_is_a_failure(kind: str) -> None:
    """A server that arrives on a host that nobody asked for is no success; a cold one is taken back."""
    cloud = small()
    cloud.faults.plant(MigrationFault(effect="elsewhere", to="b1"))
    with pytest.raises(Failed, match="b1"):
        run(cloud, move(cloud, kind=kind))
    assert observed(cloud).instances[uuid_of(cloud, "web")].host == ("b1" if kind == "live" else "a1")


@pytest.mark.parametrize("kind", ["live", "cold"])
@pytest.mark.parametrize("when", [1, 2, 4, 6])
def test_an_abort_brings_the_server_back(kind: str, when: int) -> None:
    """Whenever somebody cancels, the outcome is cancelled and the cloud is as before, or it is done."""
    cloud = small()
    action = move(cloud, kind=kind)
    outcome = run(cloud, action, VirtualWatch.new(cloud, stops={when: "abort"}))
    host = observed(cloud).instances[uuid_of(cloud, "web")].host
    assert (outcome.outcome, host) in (("cancelled", "a1"), ("done", "a2"))
    assert posts(cloud).count("os-migrateLive") + posts(cloud).count("migrate") == 1


def test_an_abort_of_a_queued_move_takes_it_out_of_the_queue() -> None:
    """A migration that has not begun is taken back as well."""
    cloud = small(
        servers=[{"name": f"s{n}", "flavor": "m2", "host": "a1"} for n in range(2)]
        + [{"name": "web", "flavor": "m1", "host": "a1"}]
    )
    action = move(cloud)
    for name in ("s0", "s1"):
        door_to(cloud).live_migrate(uuid_of(cloud, name), "a2")
    cloud.advance(1)
    outcome = run(cloud, action, VirtualWatch.new(cloud, stops={3: "abort"}))
    assert outcome.outcome == "cancelled"


@pytest.mark.parametrize(("status", "kind"), [(503, Transient), (409, Busy), (429, Transient), (403, Failed)])
def test_refusals_of_the_api_are_typed(status: int, kind: type[Exception]) -> None:
    """What may work later is transient, what will not is a failure; both carry the cloud's own sentence."""
    cloud = small()
    action = move(cloud)
    cloud.faults.plant(
        ApiFault(effect="status", status=status, action="os-migrateLive", message="because of the moon")
    )
    with pytest.raises(kind, match="because of the moon"):
        run(cloud, action)


def test_an_unknown_action_is_named() -> None:
    """A plan of a newer catalogue than this worker's fails with that, not with an import error."""
    cloud = small()
    action = replace(move(cloud), type="teleport")
    with pytest.raises(Failed, match="no action named 'teleport'"):
        run(cloud, action)


def test_a_lock_that_the_plan_expects_is_respected_all_the_same() -> None:
    """Nova lets an administrator move a locked server: a plan that found it locked does not."""
    cloud = small()
    power.lock(cloud, cloud.instances[uuid_of(cloud, "web")], stranger(cloud), None)
    action = move(cloud)
    assert action.expects["locked"]
    with no_new_writes(cloud):
        outcome = run(cloud, action)
    assert (outcome.outcome, outcome.cause) == ("skipped", SkipCause.PRECONDITION)
    assert outcome.reason == "it is locked: whoever locked it wants it left alone"
