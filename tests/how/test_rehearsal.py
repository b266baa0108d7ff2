"""A dry run sends nothing, and says of each action what a real run would have said and sent."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities import actions
from activities.doing.execute import Outcome, carry_out
from activities.planner import inverse
from activities.rehearsal import Earlier, Rehearsal
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.generate import generate
from plan_schemas.catalog import load
from plan_schemas.frozen import freeze
from plan_schemas.model import Cluster
from plan_schemas.plan import Action, ActionState, Execution, Plan, SkipCause
from tests.how.acting import ALLOW, VirtualWatch, door_to, no_new_writes, observed, planned, writes
from tests.how.one_action import posts, uuid_of
from tests.how.test_actions import MIX, worlds_of
from tests.simcloud.kit import small
from workflows.plan import rehearsal
from workflows.progress import Progress


def as_plan(*chain: Action, dry_run: bool = True) -> Plan:
    types = freeze({name: spec.type for name, spec in load().actions.items()})
    return Plan("p", "simcloud", "2026-01-01T00:00:00Z", Execution(dry_run=dry_run), types, chain)


def rehearsed(cloud: Cloud, progress: Progress, action: Action) -> tuple[Outcome, list[str]]:
    """One action of a dry run as the activity does it: its outcome, and what it would have sent."""
    before = rehearsal.before(progress, action)
    earlier = [Earlier(one.type, one.parameters, one.expects) for one in before]
    watch = VirtualWatch.new(cloud)
    door = Rehearsal(door_to(cloud), earlier, watch.now)
    outcome = carry_out(action, door, watch, allow=ALLOW)
    progress.standing[action.id].state = {"done": ActionState.SUCCEEDED}.get(
        outcome.outcome, ActionState.SKIPPED
    )
    return outcome, [next(iter(o.body)) if o.method == "POST" and o.body else o.method for o in door.sent]


def chain_on(model: Cluster, draw: Random, length: int) -> list[Action]:
    """Actions that the rules allow one after the other, each on what those before it leave."""
    chain: list[Action] = []
    kinds = [n for n in sorted(load().actions) if load().actions[n].parameters["properties"].keys() & PLACES]
    kinds.remove("resize")  # where Nova puts it, and what finds room then, no dry run foretells
    for number in range(length):
        name = draw.choice(kinds)
        parameters = worlds_of(name, model, draw)
        if parameters is not None:
            chain.append(planned(model, name, f"a-{number}", **parameters))
            model = actions.find(name).apply(model, **parameters)
    return chain


PLACES = {"host", "instance"}


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(st.integers(3, 5), st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_dry_run_says_and_would_send_what_the_real_run_says_and_sends(
    hosts: int, seed: int, dice: int
) -> None:
    """For chains of whatever actions on whatever clouds, there and back again; the journal stays empty."""
    cloud = generate(hosts, seed, zones=2, mix=MIX)
    model = observed(cloud)
    chain = chain_on(model, Random(dice), 4)
    forth = Progress(as_plan(*chain))
    with no_new_writes(cloud):
        promised = [rehearsed(cloud, forth, action) for action in chain]
        back = inverse.undo_plan(forth.plan, forth.actions, reason="the test").plan
        if back is not None:
            way_back = Progress(back)
            way_back.forth = forth
            promised += [rehearsed(cloud, way_back, action) for action in back.actions]
    assert observed(cloud).fingerprint == model.fingerprint
    for action, (outcome, orders) in zip((*chain, *(back.actions if back else ())), promised, strict=True):
        before = len(writes(cloud))
        done = carry_out(action, door_to(cloud), VirtualWatch.new(cloud), allow=ALLOW)
        cloud.advance(1)
        assert (outcome.outcome, outcome.cause) == (done.outcome, done.cause), action
        assert orders == posts(cloud)[before:], action


def moving(cloud: Cloud, name: str, source: str, to: str, id: str, **expects: Any) -> Action:
    parameters = {"instance": uuid_of(cloud, name), "source": source, "destination": to, "kind": "live"}
    action = planned(observed(cloud), "migrate", id, **parameters)
    return replace(action, expects=freeze({**action.expects, **expects}))


def test_an_action_that_rests_on_an_earlier_one_is_no_drift() -> None:
    """A second move of the same server starts where the first would have brought it."""
    cloud = small()
    there = moving(cloud, "web", "a1", "a2", "there")
    onward = moving(cloud, "web", "a2", "b1", "onward", host="a2")
    progress = Progress(as_plan(there, onward))
    with no_new_writes(cloud):
        assert rehearsed(cloud, progress, there)[0].outcome == "done"
        outcome, orders = rehearsed(cloud, progress, onward)
    assert (outcome.outcome, orders) == ("done", ["os-migrateLive"])


def test_real_drift_is_found_in_a_dry_run_too() -> None:
    """What somebody else changed is not covered up by what would have been done."""
    cloud = small()
    there = moving(cloud, "web", "a1", "a2", "there")
    onward = moving(cloud, "web", "a2", "b1", "onward", host="a2")
    progress = Progress(as_plan(there, onward))
    assert rehearsed(cloud, progress, there)[0].outcome == "done"
    cloud.instances[uuid_of(cloud, "web")].locked = True
    outcome, orders = rehearsed(cloud, progress, onward)
    assert (outcome.outcome, outcome.cause, orders) == ("skipped", SkipCause.DRIFT, [])
    assert outcome.reason == "locked: expected no, found yes"


def test_a_host_that_would_be_full_by_then_is_full_in_a_dry_run() -> None:
    """The space that earlier moves would have taken is taken."""
    cloud = small(
        hosts=[
            {"name": "a1", "zone": "az1"},
            {"name": "a2", "zone": "az1", "memory_mb": 4096 + 512},
            {"name": "b1", "zone": "az2"},
        ]
    )
    web = moving(cloud, "web", "a1", "a2", "web")
    cold = {"instance": uuid_of(cloud, "db"), "source": "a1", "destination": "a2", "kind": "cold"}
    db = planned(observed(cloud), "migrate", "db", **cold)
    progress = Progress(as_plan(web, db))
    assert rehearsed(cloud, progress, web)[0].outcome == "done"
    outcome, _ = rehearsed(cloud, progress, db)
    assert (outcome.outcome, outcome.cause) == ("skipped", SkipCause.PRECONDITION), outcome
    assert "a2 has" in outcome.reason


def test_a_closed_host_is_opened_again_in_a_dry_run() -> None:
    """The undo of a service change finds the change that was never made, with its reason."""
    cloud = small()
    parameters = {"host": "a1", "state": "disabled", "reason": "ballast: test"}
    close = planned(observed(cloud), "change_nova_service_state", "close", **parameters)
    forth = Progress(as_plan(close))
    with no_new_writes(cloud):
        assert rehearsed(cloud, forth, close)[0].outcome == "done"
        back = inverse.undo_plan(forth.plan, ["close"], reason="the test").plan
        assert back is not None
        way_back = Progress(back)
        way_back.forth = forth
        outcome, orders = rehearsed(cloud, way_back, back.actions[0])
    assert (outcome.outcome, orders) == ("done", ["PUT"])
