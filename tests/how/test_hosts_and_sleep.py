"""Actions that move nothing: the service of a host, what its recovery forbids, and sleep."""

import pytest

from activities.doing.execute import carry_out
from deploy.simcloud import fleet
from plan_schemas.plan import SkipCause
from tests.how.acting import (
    ALLOW,
    Died,
    VirtualWatch,
    mortal_door_to,
    no_new_writes,
    observed,
    planned,
)
from tests.how.one_action import move, posts, run, setting
from tests.simcloud.kit import small


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
