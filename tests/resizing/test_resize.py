"""A resize is asked for and confirmed once, wherever Nova puts the server; its undo gives the flavor back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from activities import actions
from activities.doing.execute import carry_out
from activities.door import Failed
from activities.rehearsal import Earlier, Rehearsal
from activities.rules.occupancy import Occupancy
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.entities import Quota
from deploy.simcloud.faults import MigrationFault
from plan_schemas.audit import Rules
from plan_schemas.frozen import freeze
from plan_schemas.model import Cluster, from_document, to_document
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
)
from tests.how.one_action import posts, run, uuid_of
from tests.simcloud.kit import small

ONCE = ["resize", "confirmResize"]
FLAVORS = [
    {"name": "m1", "vcpus": 2, "memory_mb": 4096, "disk_gb": 20},
    {"name": "m1.more", "vcpus": 4, "memory_mb": 8192, "disk_gb": 20},
    {"name": "m1.same", "vcpus": 2, "memory_mb": 4096, "disk_gb": 20},
    {"name": "wide", "vcpus": 4, "memory_mb": 8192, "disk_gb": 40},
    {"name": "thin", "vcpus": 2, "memory_mb": 4096, "disk_gb": 10},
    {"name": "vast", "vcpus": 16, "memory_mb": 900_000, "disk_gb": 20},
]


def sized(**more: Any) -> Cloud:
    return small(flavors=FLAVORS, **more)


def resize(cloud: Cloud, flavor: str = "m1.more", name: str = "web") -> Action:
    return planned(observed(cloud), "resize", instance=uuid_of(cloud, name), flavor=flavor)


def rules_of(model: Cluster) -> Rules:
    return Rules(frozenset(model.hosts), allow=ALLOW)


def flavor_of(cloud: Cloud, name: str = "web") -> str:
    return cloud.instances[uuid_of(cloud, name)].flavor.name


@pytest.mark.parametrize("name", ["web", "db"])
def test_a_resize_and_its_undo_ask_once_each(name: str) -> None:
    """Running or stopped, the server has the new flavor and its state; a second resize finds it so already,
    and the inverse gives the old flavor back.
    """
    cloud = sized()
    action, before = resize(cloud, name=name), observed(cloud)
    uuid = uuid_of(cloud, name)
    outcome = run(cloud, action)
    assert (outcome.outcome, flavor_of(cloud, name)) == ("done", "m1.more")
    assert outcome.evidence["status"] == "confirmed"
    cloud.advance(5)
    after = observed(cloud).instances[uuid]
    assert after.status == before.instances[uuid].status
    assert after.resources["MEMORY_MB"] == 8192
    assert outcome.reason == f"Nova put it on {after.host}; it was on a1"
    assert run(cloud, action).cause == SkipCause.ALREADY
    back = actions.find("resize").inverse(action.expects, **action.parameters)
    assert back is not None
    assert run(cloud, planned(observed(cloud), "resize", **back)).outcome == "done"
    assert posts(cloud) == ONCE * 2
    assert flavor_of(cloud, name) == "m1"


@pytest.mark.parametrize("hint", [True, False])
@pytest.mark.parametrize("moment", ["before", "after", "sleep 1", "sleep 4", "before confirm", "confirm"])
def test_a_killed_worker_costs_no_second_resize(hint: bool, moment: str) -> None:
    """Wherever the worker dies, with or without its last heartbeat, the next ends the same single resize."""
    cloud = sized()
    action = resize(cloud)
    dies = int(moment.split()[1]) if moment.startswith("sleep") else None
    watch = VirtualWatch.new(cloud, dies_at=dies)
    when, at = ("before" if "before" in moment else "after"), (2 if "confirm" in moment else 1)
    with pytest.raises(Died):
        carry_out(action, door_to(cloud) if dies else mortal_door_to(cloud, when, at), watch, allow=ALLOW)
    cloud.advance(3)
    assert run(cloud, action, watch.again(hint=hint)).outcome == "done"
    assert posts(cloud) == ONCE


def test_an_undo_that_forgot_everything_does_not_take_the_resize_for_its_own() -> None:
    """Seconds after the way there, with no note of an attempt that died, the way back is asked for still."""
    cloud = sized()
    action = resize(cloud)
    run(cloud, action)
    back = planned(observed(cloud), "resize", instance=uuid_of(cloud, "web"), flavor="m1")
    watch = VirtualWatch.new(cloud)
    with pytest.raises(Died):
        carry_out(back, mortal_door_to(cloud, "before"), watch, allow=ALLOW)
    assert run(cloud, back, watch.again(hint=False)).outcome == "done"
    assert posts(cloud) == ONCE * 2
    assert flavor_of(cloud) == "m1"


@pytest.mark.parametrize(
    ("flavor", "status", "said"),
    [
        ("m1.mor", "active", "there is no flavor m1.mor; there is m1.more"),
        ("thin", "active", "web cannot become thin: its disk would shrink from 20 to 10 GB"),
        ("m1.more", "paused", "web is PAUSED; a resize needs ACTIVE or SHUTOFF"),
    ],
)
def test_what_nova_would_refuse_is_not_asked(flavor: str, status: str, said: str) -> None:
    """One sentence says why, on the model and on the world."""
    cloud = sized()
    cloud.instances[uuid_of(cloud, "web")].vm_state = status
    action, model = resize(cloud, flavor), observed(cloud)
    with no_new_writes(cloud):
        outcome = run(cloud, action)
    assert outcome.cause == SkipCause.PRECONDITION
    assert said in outcome.reason
    found = actions.find("resize").refusals(model, Occupancy(model), rules_of(model), **action.parameters)
    assert said in found[0].text


def test_a_locked_server_is_left_alone() -> None:
    """Also where Nova would let an administrator resize it."""
    cloud = sized()
    cloud.instances[uuid_of(cloud, "web")].locked = True
    with no_new_writes(cloud):
        assert "locked" in run(cloud, resize(cloud)).reason


def test_no_valid_host_is_told_in_novas_words() -> None:
    """On the model no host has room; on the world Nova says so, and the server is as it was."""
    cloud = sized()
    action, model = resize(cloud, "vast"), observed(cloud)
    module = actions.find("resize")
    (refusal,) = module.refusals(model, Occupancy(model), rules_of(model), **action.parameters)
    assert refusal.text == "no host that web may be on has room for the flavor vast"
    with pytest.raises(Failed, match=r"No valid host.*; the server is ACTIVE on a1") as failed:
        run(cloud, action)
    assert failed.value.kind == "no_valid_host"
    assert flavor_of(cloud) == "m1"


def test_a_quota_is_named_and_nothing_is_changed() -> None:
    """Nova's own sentence, with what to do about it."""
    cloud = sized()
    one = cloud.instances[uuid_of(cloud, "web")]
    cloud.quotas[one.project_id] = Quota(cores=4)
    with no_new_writes(cloud), pytest.raises(Failed, match=r"Quota exceeded for cores.*raise the quota"):
        run(cloud, resize(cloud))


def test_a_resize_that_breaks_on_the_way_says_what_to_do() -> None:
    """The server is in ERROR with its old flavor, and the sentence says how to get it out of there."""
    cloud = sized()
    cloud.faults.plant(MigrationFault(effect="on_the_way", kind="resize"))
    with pytest.raises(Failed, match=r"resize 1 of .* ended as error.*server set --state active"):
        run(cloud, resize(cloud))
    assert flavor_of(cloud) == "m1"


def test_an_aborted_resize_is_taken_back() -> None:
    """It cannot be stopped on the way; when it rests it is reverted and not confirmed."""
    cloud = sized()
    outcome = run(cloud, resize(cloud), VirtualWatch.new(cloud, stops={3: "abort"}))
    assert outcome.outcome == "cancelled"
    assert posts(cloud) == ["resize", "revertResize"]
    assert (flavor_of(cloud), cloud.instances[uuid_of(cloud, "web")].host) == ("m1", "a1")


def test_a_dry_run_asks_nothing() -> None:
    """Both requests stand in the evidence."""
    cloud = sized()
    action, watch = resize(cloud), VirtualWatch.new(cloud)
    rehearsal = Rehearsal(door_to(cloud), (), watch.now)
    with no_new_writes(cloud):
        assert carry_out(action, rehearsal, watch, allow=ALLOW).outcome == "done"
    more = next(id for id, flavor in cloud.flavors.items() if flavor.name == "m1.more")
    assert [order.body for order in rehearsal.sent] == [
        {"resize": {"flavorRef": more}},
        {"confirmResize": None},
    ]


def test_a_dry_run_goes_on_from_the_new_flavor() -> None:
    """What comes after a rehearsed resize, and its way back, find the server with its new flavor."""
    cloud = sized()
    action, watch = resize(cloud), VirtualWatch.new(cloud)
    earlier = [Earlier(action.type, action.parameters, action.expects)]
    wants = actions.find("resize").wants(action.expects, **action.parameters)
    back = replace(resize(cloud, "m1"), expects=freeze(wants))
    stop = planned(observed(cloud), "stop", instance=uuid_of(cloud, "web"))
    stop = replace(stop, expects=freeze({**stop.expects, "flavor": "m1.more"}))
    for later in (stop, back):
        rehearsal = Rehearsal(door_to(cloud), earlier, watch.now)
        with no_new_writes(cloud):
            assert carry_out(later, rehearsal, VirtualWatch.new(cloud), allow=ALLOW).outcome == "done"


def test_a_flavor_that_is_withdrawn_within_a_dry_run_is_named() -> None:
    """What comes after the rehearsed resize cannot go on from it, and says why; so does the resize itself."""
    cloud = sized()
    action, watch = resize(cloud), VirtualWatch.new(cloud)
    earlier = [Earlier(action.type, action.parameters, action.expects)]
    id = next(id for id, flavor in cloud.flavors.items() if flavor.name == "m1.more")
    del cloud.flavors[id]
    stop = planned(observed(cloud), "stop", instance=uuid_of(cloud, "web"))
    later = Rehearsal(door_to(cloud), earlier, watch.now)
    with no_new_writes(cloud), pytest.raises(Failed, match=r"m1\.more was withdrawn .*; plan again"):
        carry_out(stop, later, watch, allow=ALLOW)
    itself = Rehearsal(door_to(cloud), (), watch.now)
    with pytest.raises(Failed, match=f"the flavor {id} was withdrawn"):
        itself.resize(uuid_of(cloud, "web"), id)
    assert itself.sent == []


def test_a_resize_that_grows_the_disk_has_no_way_back() -> None:
    """That is known before it begins, from the model and from the cloud."""
    cloud = sized()
    action, module = resize(cloud, "wide"), actions.find("resize")
    assert module.inverse(action.expects, **action.parameters) is None
    assert module.look(door_to(cloud), **action.parameters) == dict(action.expects)


def test_flavors_come_through_a_snapshot() -> None:
    """With their sizes and demands; a picture without any says nothing of them."""
    model = observed(sized())
    assert set(model.flavors) == {row["name"] for row in FLAVORS}
    assert from_document(to_document(model)).fingerprint == model.fingerprint
