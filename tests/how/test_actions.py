"""Properties of every action in the catalogue, on clouds of every kind and through the real client stack.

An action says twice what it does: on the model and on the world. Here both are held against each other, with
workers that die, and with actions that were broken on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyFailure

from activities import actions
from activities.actions import ActionModule
from activities.doing import trace
from activities.doing.execute import Outcome, carry_out
from activities.door import Failed, Transient
from activities.rules.occupancy import Occupancy
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.generate import Mix, generate
from plan_schemas.audit import Rules
from plan_schemas.catalog import load
from plan_schemas.model import Cluster, to_document
from plan_schemas.plan import Action, SkipCause
from tests import distribution
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

ACTIONS = sorted(load().actions)
CLOUDS = 200  # per action
MIX = Mix(vms_per_host=6, groups=1.5, pinned=0.3, locked=0.1, disabled=0.3, down=0.3, stopped=0.15)
Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One action on one cloud; `cloud()` makes the same cloud anew, to the last id."""

    hosts: int
    seed: int
    model: Cluster
    type: str
    parameters: Row

    def cloud(self) -> Cloud:
        """Where a resize may stay where it is, as the rules assume that it may."""
        cloud = generate(self.hosts, self.seed, zones=2, mix=MIX)
        cloud.settings.allow_resize_to_same_host = True
        return cloud

    @property
    def action(self) -> Action:
        return planned(self.model, self.type, **self.parameters)

    def told(self, cluster: Cluster) -> Cluster:
        """What the action says of a cluster: all, but for the host of a server that it leaves to Nova."""
        action = self.action
        wants = actions.find(self.type).wants(action.expects, **self.parameters)
        if "host" in wants or "host" not in action.expects:
            return cluster
        return cluster.moved(self.parameters["instance"], None)


def worlds_of(name: str, model: Cluster, draw: Random) -> Row | None:
    """Parameters that the rules allow for this action on this cloud, by what the catalogue says of them."""
    schema = load().actions[name].parameters
    ranges = [
        _some(key, declared, model, draw, needed=key in schema.get("required", ()))
        for key, declared in schema["properties"].items()
    ]
    module = actions.find(name)
    rules = Rules(frozenset(model.hosts), allow=ALLOW)
    for values in product(*ranges):
        chosen = {k: v for k, v in zip(schema["properties"], values, strict=True) if v is not None}
        if not module.refusals(model, Occupancy(model), rules, **chosen):
            return chosen
    return None


def _some(key: str, declared: Row, model: Cluster, draw: Random, *, needed: bool) -> list[Any]:
    """A few values for a parameter: things of the cloud by its name, otherwise what its type allows."""
    pools: Mapping[str, list[Any]] = {
        "instance": sorted(model.instances),
        "source": sorted(model.hosts),
        "destination": sorted(model.hosts),
        "host": sorted(model.hosts),
        "flavor": sorted(model.flavors),
    }
    if key in pools:
        return draw.sample(pools[key], len(pools[key]))
    if "enum" in declared:
        return draw.sample(list(declared["enum"]), len(declared["enum"]))
    value: Any = (
        draw.randint(0, 20) if declared["type"] in ("number", "integer") else f"by seed {draw.random()}"
    )
    return [value] if needed else draw.sample([value, None], 2)


def on_many_clouds(
    name: str,
    holds: Callable[[Case], None],
    clouds: int = CLOUDS,
    *,
    phases: tuple[Phase, ...] = tuple(Phase),
) -> None:
    """On random clouds; those on which the rules allow nothing are counted and left out."""

    @settings(
        max_examples=clouds,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=phases,
    )
    @given(st.integers(5, 8), st.integers(0, 10_000), st.integers(0, 10_000))
    def run(hosts: int, seed: int, dice: int) -> None:
        model = observed(generate(hosts, seed, zones=2, mix=MIX))
        parameters = worlds_of(name, model, Random(dice))
        distribution.note_action(name, to_document(model), found=parameters is not None)
        if parameters is not None:
            holds(Case(hosts, seed, model, name, parameters))

    run()


def carried_out(cloud: Cloud, action: Action, watch: VirtualWatch | None = None) -> Outcome:
    outcome = carry_out(action, door_to(cloud), watch or VirtualWatch.new(cloud), allow=ALLOW)
    cloud.advance(1)
    return outcome


def does_what_it_says(case: Case) -> None:
    """`do` on the world gives what `apply` gives on the model, to the fingerprint; twice is once; the inverse
    brings the whole cloud back to what it was, or is refused by the rules.
    """
    cloud, action = case.cloud(), case.action
    module = actions.find(case.type)
    so_already = module.satisfied(action.expects, **case.parameters)
    outcome = carried_out(cloud, action)
    assert outcome.cause == (SkipCause.ALREADY if so_already else None)
    assert outcome.outcome == ("skipped" if so_already else "done")
    expected = case.model if so_already else module.apply(case.model, **case.parameters)
    after = observed(cloud)
    told, seen = (case.told(cluster) for cluster in (expected, after))
    assert module.expects(seen, **case.parameters) == module.expects(told, **case.parameters)
    assert seen.fingerprint == told.fingerprint
    with no_new_writes(cloud):
        again = carried_out(cloud, action)
    if module.satisfied(module.expects(after, **case.parameters), **case.parameters):
        assert again.cause == SkipCause.ALREADY
    if not so_already:
        can_be_undone(case, cloud, after)


def can_be_undone(case: Case, cloud: Cloud, middle: Cluster) -> None:
    module, action = actions.find(case.type), case.action
    inverse = module.inverse(action.expects, **case.parameters)
    if inverse is None:
        assert action.expects["way_back"] is False
        return
    assert load().actions[case.type].type.reversible
    back, wants = planned(middle, case.type, **inverse), module.wants(action.expects, **case.parameters)
    # What a rollback will check first is what the action said it would leave behind.
    assert {fact: back.expects[fact] for fact in wants} == dict(wants)
    assert set(back.expects) - set(wants) <= {"host", "way_back"}
    rules = Rules(frozenset(middle.hosts), allow=ALLOW)
    refused = module.refusals(middle, Occupancy(middle), rules, **inverse)
    distribution.ACTIONS[case.type]["undone"] += not refused
    if refused and back.touches.into is None:
        with pytest.raises(Failed, match="No valid host"):
            carried_out(cloud, back)
        return
    outcome = carried_out(cloud, back)
    if refused:
        assert outcome.cause == SkipCause.PRECONDITION
    else:
        assert outcome.outcome == "done"
        assert case.told(observed(cloud)).fingerprint == case.told(case.model).fingerprint


def survives_its_worker(case: Case) -> None:
    """A worker that dies before or after any of its writes leads to the same writes and the same end."""
    calm = case.cloud()
    if carried_out(calm, case.action).outcome != "done":
        return
    asked, end = said(calm), observed(calm).fingerprint
    for at, when, hint in product(range(1, len(asked) + 1), ("before", "after"), (True, False)):
        cloud = case.cloud()
        watch = VirtualWatch.new(cloud)
        with pytest.raises(Died):
            carry_out(case.action, mortal_door_to(cloud, when, at), watch, allow=ALLOW)
        cloud.advance((at * 7 + case.seed) % 30)
        assert carried_out(cloud, case.action, watch.again(hint=hint)).outcome == "done"
        assert said(cloud) == asked
        assert observed(cloud).fingerprint == end


def said(cloud: Cloud) -> list[Any]:
    """Everything that was asked of the cloud and accepted, in order."""
    return [(line["method"], line["path"], line["action"], line["body"]) for line in writes(cloud)]


@pytest.mark.hypothesis
@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_does_what_it_says(name: str) -> None:
    """What happens is what the model was told, a second time nothing happens, and the inverse undoes it."""
    on_many_clouds(name, does_what_it_says)


def counts_its_costs(case: Case) -> None:
    """As its YAML declares them, none below zero."""
    found = actions.find(case.type).costs(case.model, **case.parameters)
    assert set(found) == set(load().actions[case.type].costs)
    assert all(value >= 0 for value in found.values())


@pytest.mark.hypothesis
@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_counts_its_costs(name: str) -> None:
    """What a plan says of the costs of an action is what the catalogue declares, with units."""
    on_many_clouds(name, counts_its_costs, clouds=CLOUDS // 20)


@pytest.mark.hypothesis
@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_survives_its_worker(name: str) -> None:
    """Whenever its worker dies, an action asks the cloud for the same things, each exactly once."""
    on_many_clouds(name, survives_its_worker, clouds=CLOUDS // 4)


def test_the_clouds_were_worth_it() -> None:
    """Most clouds had every particularity, and the rules allowed most actions somewhere."""
    if set(distribution.ACTIONS) != set(ACTIONS):
        pytest.skip("the properties did not run in this session")
    for name, counts in distribution.ACTIONS.items():
        for word in ("groups", "pins", "traits", "locked", "disabled", "down", "carried out"):
            assert counts[word] >= 0.6 * counts["clouds"], (name, word)
        assert counts["clouds"] >= CLOUDS


class Broken:
    """An action with something in it replaced, for planting bugs."""

    def __init__(self, module: ActionModule, **others: Any) -> None:
        self._module, self._others = module, others

    def __getattr__(self, name: str) -> Any:
        return self._others[name] if name in self._others else getattr(self._module, name)


def fails(monkeypatch: pytest.MonkeyPatch, holds: Callable[[Case], None], name: str, **others: Any) -> None:
    """With the replacement a property must fail."""
    broken = Broken(actions.find(name), **others)
    monkeypatch.setattr(actions, "find", lambda _: broken)
    with pytest.raises((AssertionError, Transient, Failed, FlakyFailure)):
        on_many_clouds(name, holds, phases=(Phase.generate,))


def test_a_wrong_undo_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the inverse of a move leads to the host where the server is already."""

    def inverse(expected: Row, *, instance: str, source: str, destination: str, kind: str) -> Row:
        return {"instance": instance, "source": destination, "destination": destination, "kind": kind}

    fails(monkeypatch, does_what_it_says, "migrate", inverse=inverse)


def test_a_forgotten_reason_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: undoing the enabling of a host loses the reason for which it was disabled."""

    def inverse(expected: Row, *, host: str, state: str, reason: str | None = None) -> Row:
        return {"host": host, "state": expected["status"]}

    fails(monkeypatch, does_what_it_says, "change_nova_service_state", inverse=inverse)


def test_a_model_that_differs_from_the_world_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: on the model a move changes nothing."""
    fails(monkeypatch, does_what_it_says, "migrate", apply=lambda cluster, **_: cluster)


def test_asking_without_looking_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: a retry that does not look for the request of its predecessor."""
    find = trace.find

    def blind(door: Any, watch: Any, *, known: trace.Before | None, **where: Any) -> trace.Asked | None:
        return (
            None if known is None or known == trace.hinted(watch) else find(door, watch, known=known, **where)
        )

    monkeypatch.setattr(trace, "find", blind)
    fails(monkeypatch, survives_its_worker, "migrate")
