"""Whose request it is, and that it is one, whatever dies on its way: worker, reply, token or clock."""

import threading
from datetime import timedelta
from typing import Any

import pytest

from activities.doing import trace
from activities.doing.execute import carry_out
from activities.door import Failed, Stopped, Transient
from deploy.simcloud import live
from deploy.simcloud.faults import ApiFault, MigrationFault
from plan_schemas.plan import SkipCause
from tests.how.acting import (
    ALLOW,
    Died,
    VirtualWatch,
    door_to,
    mortal_door_to,
    observed,
    planned,
)
from tests.how.one_action import move, posts, run, stranger, uuid_of
from tests.simcloud.kit import small


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
