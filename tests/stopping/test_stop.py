"""A server is stopped once, started again in the undo, and never when somebody wants it left alone."""

from __future__ import annotations

import pytest

from activities import actions
from activities.doing.execute import Outcome, carry_out
from activities.door import Failed
from activities.rehearsal import Rehearsal
from activities.strategies import host_maintenance
from deploy.simcloud import fleet
from deploy.simcloud.cloud import Cloud
from plan_schemas.audit import Scope, Situation
from plan_schemas.frozen import FrozenDict
from plan_schemas.plan import Action, Proposal, SkipCause
from tests.how.acting import ALLOW, VirtualWatch, door_to, no_new_writes, observed, planned
from tests.how.one_action import posts, uuid_of
from tests.how.test_ceilings import forged, policy_of
from tests.simcloud.kit import small


def stop(cloud: Cloud, state: str = "stopped") -> Action:
    return planned(observed(cloud), "stop", instance=uuid_of(cloud, "web"), state=state)


def run(cloud: Cloud, action: Action, watch: VirtualWatch | None = None) -> Outcome:
    return carry_out(action, door_to(cloud), watch or VirtualWatch.new(cloud), allow=ALLOW)


def test_a_stop_and_its_undo_ask_once_each() -> None:
    """The inverse of a stop starts the server, and a second stop finds it so already."""
    cloud = small()
    before = observed(cloud)
    action = stop(cloud)
    assert run(cloud, action).outcome == "done"
    assert observed(cloud).instances[uuid_of(cloud, "web")].status == "SHUTOFF"
    assert run(cloud, action).cause == SkipCause.ALREADY
    back = actions.find("stop").inverse(action.expects, **action.parameters)
    assert back is not None
    assert run(cloud, planned(observed(cloud), "stop", **back)).outcome == "done"
    assert posts(cloud) == ["os-stop", "os-start"]
    assert observed(cloud).fingerprint == before.fingerprint


def test_a_server_on_a_host_that_is_away_is_not_asked_to_stop() -> None:
    """Nova would take the request and leave the server in its task for ever."""
    cloud = small()
    action = stop(cloud)
    fleet.kill(cloud, cloud.hosts["a1"])
    cloud.advance(120)
    with no_new_writes(cloud), pytest.raises(Failed, match="nova-compute on a1 is down"):
        run(cloud, action)


def test_a_host_that_dies_meanwhile_is_named() -> None:
    """The server stays in its task; nobody waits for it until the time limit."""
    cloud = small()
    action, watch = stop(cloud), VirtualWatch.new(cloud)
    cloud.settings.power_seconds = 20.0
    cloud.after(5.0, _die, "a1")
    with pytest.raises(Failed, match="powering-off: nova-compute on a1 is down"):
        run(cloud, action, watch)
    assert posts(cloud) == ["os-stop"]


def _die(cloud: Cloud, host: str) -> None:
    fleet.kill(cloud, cloud.hosts[host])


def test_an_abort_does_not_leave_a_server_half_stopped() -> None:
    """A stop cannot be taken back: it is seen to its end."""
    cloud = small()
    cloud.settings.power_seconds = 20.0
    assert run(cloud, stop(cloud), VirtualWatch.new(cloud, stops={2: "abort"})).outcome == "done"


def test_a_locked_server_and_a_changed_one_are_left_alone() -> None:
    """What was locked since the plan was made is drift, and nothing is asked."""
    cloud = small()
    action = stop(cloud)
    cloud.instances[uuid_of(cloud, "web")].locked = True
    with no_new_writes(cloud):
        assert run(cloud, action).cause == SkipCause.DRIFT
        assert run(cloud, stop(cloud)).cause == SkipCause.PRECONDITION


@pytest.mark.parametrize("what", ["the server", "its host"])
def test_what_a_policy_protects_is_not_stopped(what: str) -> None:
    """Though a stop touches no host, the policy that protects the host holds for who is on it."""
    cloud = small()
    protect = {"instances": [uuid_of(cloud, "web")]} if what == "the server" else {"hosts": ["a1"]}
    with no_new_writes(cloud), pytest.raises(Failed, match="the policy calm protects"):
        carry_out(
            forged(stop(cloud)),
            door_to(cloud),
            VirtualWatch.new(cloud),
            allow=ALLOW,
            policies=[policy_of(protect=protect)],
        )


def test_a_dry_run_stops_nothing_and_says_what_it_would_ask() -> None:
    """The request stands in the evidence, and the server runs on."""
    cloud = small()
    action, watch = stop(cloud), VirtualWatch.new(cloud)
    rehearsal = Rehearsal(door_to(cloud), (), watch.now)
    with no_new_writes(cloud):
        assert carry_out(action, rehearsal, watch, allow=ALLOW).outcome == "done"
    assert [order.body for order in rehearsal.sent] == [{"os-stop": None}]


def maintained(cloud: Cloud, *allow: str) -> Proposal:
    cluster = observed(cloud)
    situation = Situation(cluster, Scope().rules(cluster, ("live", "cold", "service", *allow)))
    return host_maintenance.decide(
        situation, maintenance_node="a1", disable_live_migration=True, disable_cold_migration=True
    )


def test_a_maintenance_without_migrations_stops_what_runs() -> None:
    """Only with both kinds disabled, and only where the audit allows `stop`; the sentence says so."""
    cloud = small()
    assert [c.type for c in maintained(cloud).changes] == ["change_nova_service_state"]
    proposal = maintained(cloud, "stop")
    stops = [c.parameters for c in proposal.changes if c.type == "stop"]
    assert stops == [{"instance": uuid_of(cloud, "web"), "state": "stopped"}]
    assert "1 server is shut down on a1" in proposal.summary


def test_a_stop_needs_leave() -> None:
    """What the plan does not allow is not done, by its name."""
    cloud = small()
    with no_new_writes(cloud), pytest.raises(Failed, match="does not allow stop"):
        carry_out(stop(cloud), door_to(cloud), VirtualWatch.new(cloud), allow=frozenset({"live"}))


def test_the_facts_of_a_stop_are_its_undo() -> None:
    """Who was stopped before the plan began is not started by its undo."""
    module = actions.find("stop")
    assert module.inverse(FrozenDict({"status": "SHUTOFF"}), instance="x") is None
