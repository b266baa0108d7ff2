"""One action's life on a simulated cloud: every way it can end, and every way a worker can die on it."""

import threading
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from activities.doing import trace
from activities.doing.execute import Outcome, carry_out
from activities.door import Busy, Failed, Stopped, Transient
from deploy.simcloud import fleet, live, power
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.faults import ApiFault, MigrationFault
from deploy.simcloud.identity import Caller
from plan_schemas.plan import Action, SkipCause
from tests.how.acting import (
    ALLOW,
    Died,
    VirtualWatch,
    door_to,
    mortal_door_to,
    no_new_writes,
    observed,
    planned,
    writes,
)
from tests.simcloud.kit import small


def uuid_of(cloud: Cloud, name: str) -> str:
    return next(i.uuid for i in cloud.instances.values() if i.name == name)


def move(cloud: Cloud, name: str = "web", to: str = "a2", kind: str = "live") -> Action:
    cluster = observed(cloud)
    return planned(cluster, "migrate", instance=uuid_of(cloud, name), source="a1", destination=to, kind=kind)


def setting(cloud: Cloud, state: str, reason: str | None = None, host: str = "a1") -> Action:
    more = {"reason": reason} if reason else {}
    return planned(observed(cloud), "change_nova_service_state", host=host, state=state, **more)


def run(cloud: Cloud, action: Action, watch: VirtualWatch | None = None) -> Outcome:
    return carry_out(action, door_to(cloud), watch or VirtualWatch.new(cloud), allow=ALLOW)


def posts(cloud: Cloud) -> list[Any]:
    return [line["action"] or line["method"] for line in writes(cloud)]


def stranger(cloud: Cloud) -> Caller:
    return replace(caller(cloud), user_id="somebody-else")


def caller(cloud: Cloud) -> Caller:
    user = cloud.identity.users["ballast"]
    return Caller(user.id, user.name, cloud.identity.projects[user.project], user.roles, "req-0")


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


def test_leaving_lets_the_move_go_on() -> None:
    """A worker that is told to let go aborts nothing; the next attempt reports the same move as done."""
    cloud = small()
    action = move(cloud)
    watch = VirtualWatch.new(cloud, stops={4: "leave"})
    with pytest.raises(Stopped):
        run(cloud, action, watch)
    assert run(cloud, action, watch.again()).outcome == "done"
    assert posts(cloud) == ["os-migrateLive"]


@pytest.mark.parametrize("kind", ["live", "cold"])
@pytest.mark.parametrize("hint", [True, False])
@pytest.mark.parametrize("pause", [0.0, 0.2, 3.0, 60.0])
@pytest.mark.parametrize("moment", ["before", "after", "sleep 1", "sleep 3", "sleep 7", "confirm"])
def test_a_killed_worker_costs_no_second_move(kind: str, hint: bool, pause: float, moment: str) -> None:
    """Wherever the worker dies, with or without its last heartbeat, the next ends the same single move."""
    cloud = small()
    action = move(cloud, kind=kind)
    dies = int(moment.split()[1]) if moment.startswith("sleep") else None
    watch = VirtualWatch.new(cloud, dies_at=dies)
    when, at = ("after", 2) if moment == "confirm" else (moment, 1)
    door = door_to(cloud) if dies else mortal_door_to(cloud, when, at)
    if kind == "live" and moment == "confirm":
        return  # a live migration has no second request
    with pytest.raises(Died):
        carry_out(action, door, watch, allow=ALLOW)
    cloud.advance(pause)
    outcome = run(cloud, action, watch.again(hint=hint))
    assert outcome.outcome == "done"
    assert posts(cloud) == (["os-migrateLive"] if kind == "live" else ["migrate", "confirmResize"])


def test_a_lost_reply_hides_no_accepted_move() -> None:
    """When the connection dies after Nova has accepted, the request is found and followed."""
    cloud = small()
    action = move(cloud)
    cloud.faults.plant(ApiFault(effect="drop_reply", action="os-migrateLive", count=1))
    assert run(cloud, action).outcome == "done"
    assert posts(cloud) == ["os-migrateLive"]


def test_a_request_that_never_arrived_is_transient() -> None:
    """When the connection dies before Nova has heard of it, the next attempt asks."""
    cloud = small()
    action = move(cloud)
    cloud.faults.plant(ApiFault(effect="refuse", action="os-migrateLive", count=1))
    watch = VirtualWatch.new(cloud)
    with pytest.raises(Transient, match="cannot be reached"):
        run(cloud, action, watch)
    assert run(cloud, action, watch.again()).outcome == "done"
    assert posts(cloud) == ["os-migrateLive"]


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


def test_a_twin_of_this_attempt_leads_to_one_move(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers that both believe the action to be theirs make one move, and both report it."""
    cloud = small()
    action = move(cloud)
    door, twin = door_to(cloud), door_to(cloud)
    post = door.live_migrate

    def after_the_twin(uuid: str, host: str) -> None:
        twin.live_migrate(uuid, host)
        post(uuid, host)

    monkeypatch.setattr(door, "live_migrate", after_the_twin)
    assert carry_out(action, door, VirtualWatch.new(cloud), allow=ALLOW).outcome == "done"
    assert posts(cloud) == ["os-migrateLive"]
    assert [line["status"] for line in cloud.journal.requests(action="os-migrateLive")] == [202, 409]


def test_the_same_move_by_somebody_else_is_not_ours() -> None:
    """A move that another user asked for is his: we wait while it runs, and it is `already` afterwards."""
    cloud = small()
    action = move(cloud)
    watch = VirtualWatch.new(cloud)
    live.ask(
        cloud,
        cloud.instances[uuid_of(cloud, "web")],
        stranger(cloud),
        host="a2",
        bypass=False,
        synchronous=False,
    )
    with pytest.raises(Transient, match="migrating"):
        run(cloud, action, watch)
    cloud.settle()
    assert run(cloud, action, watch.again()).cause == SkipCause.ALREADY


def test_a_move_of_the_other_kind_in_between_hides_no_older_one() -> None:
    """Cold there, live back and cold there again: the first one's record is not taken for the last one's."""
    cloud = small()
    uuid = uuid_of(cloud, "web")
    for kind, source, to in (("cold", "a1", "a2"), ("live", "a2", "a1"), ("cold", "a1", "a2")):
        parameters = {"instance": uuid, "source": source, "destination": to, "kind": kind}
        outcome = run(cloud, planned(observed(cloud), "migrate", **parameters))
        newest = max(cloud.migrations.values(), key=lambda m: m.id)
        assert (outcome.outcome, outcome.evidence["migration"]) == ("done", newest.id)
        assert cloud.instances[uuid].vm_state == "active"


def test_an_earlier_failure_is_not_taken_for_this_attempt() -> None:
    """The same move, asked for again after it failed, is a new request and not the old one's end."""
    cloud = small()
    action = move(cloud)
    cloud.faults.plant(MigrationFault(effect="check", count=1))
    with pytest.raises(Failed):
        run(cloud, action)
    assert run(cloud, action).outcome == "done"
    assert posts(cloud) == ["os-migrateLive"] * 2


def test_an_aborted_move_can_be_asked_for_again() -> None:
    """The abort of an earlier action says nothing about this one, even on a cloud whose clock runs ahead."""
    cloud = small()
    action = move(cloud)
    assert run(cloud, action, VirtualWatch.new(cloud, stops={3: "abort"})).outcome == "cancelled"
    early = VirtualWatch(cloud, cloud.moment - timedelta(hours=1))
    assert run(cloud, action, early).outcome == "done"


def test_a_way_back_is_not_taken_for_a_way_there() -> None:
    """There, back and there again right after one another are three moves."""
    cloud = small()
    there = move(cloud)
    assert run(cloud, there).outcome == "done"
    instance = uuid_of(cloud, "web")
    back = planned(observed(cloud), "migrate", instance=instance, source="a2", destination="a1", kind="live")
    assert run(cloud, back).outcome == "done"
    assert run(cloud, there).outcome == "done"
    assert posts(cloud) == ["os-migrateLive"] * 3


def test_another_plans_move_is_not_taken_for_our_own() -> None:
    """Of two plans that want one server a later attempt of the second finds drift, not its own success."""
    cloud = small()
    ours, watch = move(cloud, to="a2"), VirtualWatch.new(cloud)
    cloud.faults.plant(ApiFault(effect="status", status=503, path="/resource_providers", count=9))
    with pytest.raises(Transient):
        run(cloud, ours, watch)
    cloud.faults.clear()
    assert watch.beats[-1]["phase"] == "looking"
    assert run(cloud, move(cloud, to="b1")).outcome == "done"
    outcome = run(cloud, ours, watch.again())
    assert outcome.cause == SkipCause.DRIFT
    assert "host: expected a1, found b1" in outcome.reason
    assert posts(cloud) == ["os-migrateLive"]


@pytest.mark.parametrize("ours", [-3600, -60, 0, 60, 3600])
def test_a_clock_that_is_wrong_hides_no_request(ours: int) -> None:
    """However far our clock is from the cloud's, our own request lies behind the horizon."""
    cloud = small()
    off = timedelta(seconds=ours)

    class Skewed(VirtualWatch):
        def now(self) -> Any:
            return self.cloud.moment + off

    watch = Skewed(cloud, cloud.moment + off, attempt=2)
    asked_at = cloud.moment + timedelta(seconds=1)
    cloud.advance(20)
    assert trace.horizon(watch, cloud.moment) <= asked_at


def test_a_token_that_dies_on_the_way_is_replaced() -> None:
    """A revoked token costs nothing but a new one."""
    cloud = small()
    action = move(cloud)
    cloud.faults.plant(ApiFault(effect="token_revoked", path="/os-migrations", count=2))
    assert run(cloud, action).outcome == "done"


def test_many_threads_survive_one_revoked_token() -> None:
    """When sixteen threads meet the same dead token, none of them fails."""
    cloud = small()
    door = door_to(cloud)
    instance = uuid_of(cloud, "web")
    door.server(instance)
    cloud.identity.revoke_all()
    failures: list[BaseException] = []

    def read() -> None:
        try:
            door.server(instance)
        except Transient as why:
            failures.append(why)

    threads = [threading.Thread(target=read) for _ in range(16)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not failures


def test_a_service_is_disabled_with_its_reason_and_restored() -> None:
    """Disabling carries the plan's reason; the inverse enables again."""
    cloud = small()
    action = setting(cloud, "disabled", "ballast plan 7")
    outcome = run(cloud, action)
    assert outcome.outcome == "done"
    host = observed(cloud).hosts["a1"]
    assert (host.status, host.disabled_reason) == ("disabled", "ballast plan 7")


def test_the_reason_of_an_operator_stays() -> None:
    """A host that an operator has disabled is `already` disabled, and his reason is not overwritten."""
    cloud = small()
    action = setting(cloud, "disabled", "ballast plan 7")
    fleet.set_status(cloud, cloud.hosts["a1"], enabled=False, reason="bad DIMM")
    with no_new_writes(cloud):
        assert run(cloud, action).cause == SkipCause.ALREADY
    assert observed(cloud).hosts["a1"].disabled_reason == "bad DIMM"


@pytest.mark.parametrize("hint", [True, False])
@pytest.mark.parametrize("state", ["enabled", "disabled"])
def test_a_service_set_by_a_dead_worker_is_our_own_work(state: str, hint: bool) -> None:
    """A worker that died after the request leaves `done`, not `already`: it must be undone with the plan."""
    cloud = small()
    if state == "enabled":
        fleet.set_status(cloud, cloud.hosts["a1"], enabled=False, reason="earlier")
    action = setting(cloud, state, "ballast plan 7" if state == "disabled" else None)
    watch = VirtualWatch.new(cloud)
    with pytest.raises(Died):
        carry_out(action, mortal_door_to(cloud, "after"), watch, allow=ALLOW)
    assert run(cloud, action, watch.again(hint=hint)).outcome == "done"
    assert posts(cloud) == ["PUT"]


def test_a_sleep_is_not_slept_twice() -> None:
    """A sleep counts from its first scheduling; after a crash only the rest is slept."""
    cloud = small()
    action = planned(observed(cloud), "sleep", seconds=60)
    watch = VirtualWatch.new(cloud, dies_at=9)
    with pytest.raises(Died):
        run(cloud, action, watch)
    assert run(cloud, action, watch.again()).outcome == "done"
    assert cloud.now == pytest.approx(60, abs=0.1)


def test_a_sleeper_can_be_woken() -> None:
    """An abort ends a sleep as cancelled, with how much was slept."""
    cloud = small()
    outcome = run(
        cloud, planned(observed(cloud), "sleep", seconds=60), VirtualWatch.new(cloud, stops={3: "abort"})
    )
    assert outcome.outcome == "cancelled"
    assert outcome.evidence["slept"] == 10.0


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


MASAKARI = "Masakari detected host failed."


@pytest.mark.parametrize(("host", "code"), [("a1", "recovery"), ("a2", "disabled")])
def test_a_host_that_masakari_recovers_is_neither_source_nor_destination(host: str, code: str) -> None:
    """Its reason for disabling a host keeps every move away from it, in both directions, with that reason."""
    cloud = small()
    action = move(cloud)
    fleet.set_status(cloud, cloud.hosts[host], enabled=False, reason=MASAKARI)
    with no_new_writes(cloud):
        outcome = run(cloud, action)
    assert (outcome.outcome, outcome.cause) == ("skipped", SkipCause.PRECONDITION)
    assert f"is being recovered ({MASAKARI})" in outcome.reason
    assert outcome.evidence["refusals"] == [code]


def test_a_host_that_masakari_recovers_is_not_enabled() -> None:
    """Not even by a plan that found it so; a plan that found it otherwise calls it drift."""
    cloud = small()
    fleet.set_status(cloud, cloud.hosts["a1"], enabled=False, reason=MASAKARI)
    with no_new_writes(cloud):
        outcome = run(cloud, setting(cloud, "enabled"))
    assert (outcome.outcome, outcome.cause) == ("skipped", SkipCause.PRECONDITION)
    assert outcome.reason.startswith(f"the host is being recovered ({MASAKARI})")
