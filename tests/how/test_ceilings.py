"""A forged plan against a worker's policies: each kind of ceiling holds where the plan is carried out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from activities import complete
from activities.doing.execute import carry_out
from activities.door import Failed
from deploy.simcloud.cloud import Cloud
from plan_schemas import admit, automation, policy
from plan_schemas.catalog import load
from plan_schemas.frozen import FrozenDict, thaw
from plan_schemas.plan import Action, SkipCause, from_document, to_document
from plan_schemas.policy import Policy
from tests.how.acting import ALLOW, VirtualWatch, door_to, no_new_writes
from tests.how.one_action import move, posts, setting, uuid_of
from tests.simcloud.kit import small

PROTECTED: dict[str, Callable[[Cloud], dict[str, Any]]] = {
    "the server": lambda cloud: {"instances": [uuid_of(cloud, "web")]},
    "its project": lambda cloud: {"projects": [cloud.instances[uuid_of(cloud, "web")].project_id]},
    "its metadata": lambda cloud: {"metadata": {"ballast": "keep"}},
    "the host it leaves": lambda cloud: {"hosts": ["a1"]},
    "the host it enters": lambda cloud: {"hosts": ["a2"]},
    "the zone it enters": lambda cloud: {"zones": ["az1"]},
    "an aggregate": lambda cloud: {"aggregates": ["precious"]},
}


def policy_of(**more: Any) -> Policy:
    return policy.from_document({"ballast": "v1", "kind": "Policy", "name": "calm", **more})


def forged(action: Action) -> Action:
    """As whoever forges a plan would have it: nothing expected, most urgent."""
    return replace(action, expects=FrozenDict({}), urgency=1)


@pytest.mark.parametrize("what", list(PROTECTED))
def test_what_a_policy_protects_is_not_touched_by_a_forged_plan(what: str) -> None:
    """The refusal names the policy, and nothing is asked of the cloud."""
    server = {"name": "web", "flavor": "m1", "host": "a1", "metadata": {"ballast": "keep"}}
    cloud = small(servers=[server])
    cloud.add_aggregate("precious", {}, ["a2"])
    action = forged(move(cloud))
    above = [policy_of(protect=PROTECTED[what](cloud))]
    with no_new_writes(cloud), pytest.raises(Failed, match="the policy calm protects"):
        carry_out(action, door_to(cloud), VirtualWatch.new(cloud), allow=ALLOW, policies=above)
    elsewhere = [replace(above[0], clouds=("another",))]
    carry_out(action, door_to(cloud), VirtualWatch.new(cloud), allow=ALLOW, policies=elsewhere)
    assert posts(cloud) == ["os-migrateLive"]


@pytest.mark.parametrize("kind", ["live", "cold", "service"])
def test_a_kind_that_a_policy_does_not_allow_is_not_done(kind: str) -> None:
    """Whatever the plan allows itself."""
    cloud = small()
    action = forged(setting(cloud, "disabled", "x") if kind == "service" else move(cloud, kind=kind))
    above = [policy_of(allow=sorted(ALLOW - {kind}))]
    with no_new_writes(cloud), pytest.raises(Failed, match=f"the policy calm does not allow {kind}"):
        carry_out(action, door_to(cloud), VirtualWatch.new(cloud), allow=ALLOW, policies=above)


def test_what_a_tenant_ruled_out_since_is_not_done() -> None:
    """Its lifecycle metadata is read again where the move is carried out, unless no policy honours it."""
    cloud = small()
    action = move(cloud)
    cloud.instances[uuid_of(cloud, "web")].metadata["lifecycle:livemigratable"] = "False"
    watch = VirtualWatch.new(cloud)
    with no_new_writes(cloud):
        outcome = carry_out(action, door_to(cloud), watch, allow=ALLOW)
    assert outcome.cause == SkipCause.PRECONDITION
    assert outcome.reason == "web has lifecycle:livemigratable=False: its tenant wants no live migration"
    carry_out(action, door_to(cloud), watch, allow=ALLOW, policies=[policy_of(lifecycle=["cold"])])
    assert posts(cloud) == ["os-migrateLive"]


def test_limits_windows_and_review_of_a_sealed_plan_are_cut_to_the_policies() -> None:
    """A plan with a digest that gives itself everything gets what the policies leave of it."""
    windows = [{"start": "22:00", "end": "06:00"}]
    limits = {"parallel": 2, "out_per_host": 1, "in_per_host": 1}
    above = [
        policy_of(limits=limits, windows=windows, automation="partial:2", breaker={"failures": 3}),
        policy_of(clouds=["another"], automation="manual"),
    ]
    row = {"ballast": "v1", "kind": "ActionPlan", "cloud": "c", "name": "x", "requested_by": "eve"}
    wide = {"mode": "auto", "limits": {"parallel": 900, "out_per_host": 90, "in_per_host": 90}}
    action = {"id": "n", "type": "nop", "expects": {}, "urgency": 1}
    catalog = load()
    whole = admit.plan(
        {**row, "execution": wide, "actions": [action]}, catalog, name="x", created_at="2026-01-01T00:00:00Z"
    )
    sealed = admit.plan(to_document(from_document(whole)), catalog, name="y", created_at="now")
    assert "digest" in sealed

    def under(*policies: Policy) -> Any:
        return from_document(complete.plan(sealed, _no_door, policies)).execution

    got = under(*above)
    assert {name: getattr(got.limits, name) for name in limits} == limits
    assert len(got.windows) == 1
    assert (got.mode, got.automation, got.automation_by) == ("auto", "partial:2", "the policy calm")
    assert (got.breaker.failures, got.breaker.of) == (3, "kind")
    strict = under(*above, policy_of(four_eyes="enforced"))
    assert (strict.mode, strict.four_eyes) == ("approve", "enforced")


def _no_door(cloud: str) -> Any:
    raise AssertionError(f"nobody needs to ask {cloud}")


@pytest.mark.parametrize("expects", [True, False], ids=["with expectations", "without"])
@pytest.mark.parametrize(("asked", "said"), [("manual", "full"), ("partial:2", ""), ("", "manual")])
def test_a_plan_by_hand_does_not_speak_for_its_server(asked: str, said: str, expects: bool) -> None:
    """A level of automation is neither lifted nor invented: the server's own metadata say it, or nobody."""
    metadata = {automation.KEY: asked} if asked else {}
    cloud = small(servers=[{"name": "web", "flavor": "m1", "host": "a1", "metadata": metadata}])
    action = move(cloud)
    row: dict[str, Any] = {"id": "m", "type": action.type, "parameters": thaw(action.parameters)}
    row |= {"automation": said} if said else {}
    row |= {"expects": thaw(action.expects)} if expects else {}
    head = {"ballast": "v1", "kind": "ActionPlan", "cloud": cloud.name, "execution": {"mode": "auto"}}
    document = {**head, "actions": [row]}
    whole = admit.plan(document, load(), name="x", created_at="2026-01-01T00:00:00Z")
    got = from_document(complete.plan(whole, lambda _: door_to(cloud)))
    assert got.actions[0].automation == asked
