"""One door: documents come in whole, checked against the catalogue, with every default said."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings

from activities.decide import plan_for
from plan_schemas import admit
from plan_schemas.catalog import load
from plan_schemas.loader import Invalid, parse
from plan_schemas.model import Cluster
from plan_schemas.plan import Bound, Execution, Limits, Plan, Refused, from_document, to_document
from tests.worlds.clouds import clusters

NOW = "2026-03-01T12:00:00Z"
AUDIT = {"ballast": "v1", "kind": "Audit", "name": "a", "cloud": "c"}
PLAN = {"ballast": "v1", "kind": "ActionPlan", "cloud": "c"}
DRAIN = {**AUDIT, "strategy": "host_maintenance", "parameters": {"maintenance_node": "h1"}}


def nop(id: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "type": "nop", **more}


def admitted(document: Any) -> dict[str, Any]:
    return admit.plan(document, load(), name="plan/x", created_at=NOW)


def refused(document: Any) -> list[str]:
    with pytest.raises(Invalid) as error:
        (admit.audit(document, load()) if document.get("kind") == "Audit" else admitted(document))
    return [str(p).removeprefix("input ") for p in error.value.problems]


def examples() -> list[Any]:
    folder = files("plan_schemas") / "documents" / "examples"
    return [parse(f.read_bytes(), source=f.name) for f in sorted(folder.iterdir(), key=lambda f: f.name)]


def test_every_example_is_admitted() -> None:
    """What stands beside the schemas works, and there is one of each kind."""
    documents = examples()
    for document in documents:
        assert admit.problems(document, load()) == ()
    assert {d["kind"] for d in documents} == {
        *("Audit", "ActionPlan", "Rollback", "Policy", "Signers", "Snapshot", "Datasource")
    }


def test_a_goal_alone_picks_its_strategy() -> None:
    """The goal's default strategy decides, with all of its defaults said."""
    audit = admit.audit({**AUDIT, "goal": "dummy"}, load())
    assert (audit.strategy, dict(audit.parameters)) == ("dummy", {"para1": 3.2, "para2": "hello"})
    assert audit.execution == Execution()


def test_a_strategy_alone_implies_its_goal() -> None:
    """The goal need not be said."""
    assert admit.audit(DRAIN, load()).goal == "cluster_maintaining"


def test_an_effective_audit_stays_as_it_is() -> None:
    """What was admitted is admitted again unchanged, so every door may check."""
    execution = {"settle": "30s", "approve_within": 60, "allow": [], "limits": {"parallel": 3}}
    once = admit.effective_audit({**DRAIN, "execution": execution}, load())
    assert admit.effective_audit(json.loads(json.dumps(once)), load()) == once
    assert admit.audit(once, load()).execution == Execution(
        approve_within_seconds=60.0, settle_seconds=30.0, limits=Limits(parallel=3), allow=()
    )


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({**AUDIT, "goal": "dumy"}, 'goal: there is no goal "dumy"; did you mean "dummy"?'),
        ({**AUDIT, "strategy": "x"}, 'strategy: there is no strategy "x"; known: actuator, basic, dummy, '),
        (
            {**DRAIN, "goal": "dummy"},
            "strategy: host_maintenance serves the goal cluster_maintaining, not dummy",
        ),
        (
            {**AUDIT, "strategy": "host_maintenance"},
            'parameters: the key "maintenance_node" is missing; add it',
        ),
        ({**DRAIN, "parameters": {"maintenance_nod": 1}}, 'did you mean "maintenance_node"?'),
        (
            {**DRAIN, "execution": {"settle": 1, "settle_seconds": 1}},
            "is given twice, also as settle_seconds",
        ),
        (
            {**PLAN, "actions": [nop("a"), nop("a")]},
            'actions[1].id: "a" is also the id of action 1 in the list',
        ),
        ({**PLAN, "actions": [nop("a", needs=["b"])]}, 'actions[0].needs[0]: there is no action "b"'),
        ({**PLAN, "actions": [nop("a", freed_by=["a"])]}, 'the action "a" waits for itself'),
        (
            {**PLAN, "actions": [nop("a", needs=["b"]), nop("b", freed_by=["c"]), nop("c", needs=["a"])]},
            "actions[0]: waits for itself: a → b → c → a; remove one of these edges",
        ),
        (
            {**PLAN, "actions": [{"id": "a", "type": "nopp"}]},
            'there is no type of action "nopp"; did you mean',
        ),
        ({**PLAN, "actions": [{"id": "a", "type": "sleep"}]}, 'actions[0].parameters: the key "seconds" is'),
        ({**PLAN, "actions": [nop("a")], "digest": "sha256:" + "0" * 64}, "a plan with a digest is whole"),
        (
            {**AUDIT, "strategy": "actuator", "parameters": {"actions": [{"type": "sleep", "needs": ["x"]}]}},
            'parameters.actions[0].needs[0]: there is no action "x"',
        ),
        ({**PLAN, "kind": "Audit", "actions": []}, "actions: unknown key"),
    ],
)
def test_what_contradicts_the_catalogue_is_refused(document: Any, said: str) -> None:
    """Names that do not exist, parameters that do not fit, edges that lead nowhere or in a circle."""
    assert any(said in one for one in refused(document)), refused(document)


def test_faults_of_form_and_of_meaning_are_told_together() -> None:
    """A misspelt key does not hide an unknown type of action."""
    rows = [nop("a", paramters={}), {"id": "b", "type": "nopp"}, nop("c", needs=["z"])]
    assert len(refused({**PLAN, "actions": rows, "colour": "red"})) == 4


def test_a_plan_by_hand_becomes_effective() -> None:
    """Defaults of plan and parameters are filled in and the types that it uses are frozen."""
    plan = from_document(admitted({**PLAN, "actions": [nop("a")], "execution": {"mode": "auto"}}))
    assert (plan.name, plan.created_at, plan.catalogue) == ("plan/x", NOW, load().digest)
    assert plan.actions[0].parameters == {"message": ""}
    assert plan.types == {"nop": load().actions["nop"].type}
    assert plan.execution.limits == Limits()


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(clusters(min_hosts=3))
def test_a_sealed_plan_is_admitted_unchanged(cluster: Cluster) -> None:
    """What the planner made comes through JSON and the door byte for byte, in any worker."""
    execution = {"allow": ["live", "cold", "service"]}
    audit = {**AUDIT, "goal": "server_consolidation", "execution": execution, "max_uncertain": 100}
    plan = proposed(cluster, audit)
    assume(plan is not None)
    assert plan is not None
    document = to_document(plan)
    assert admitted(json.loads(json.dumps(document))) == json.loads(json.dumps(document))
    assert from_document(document).digest == document["digest"]


def proposed(cluster: Cluster, audit: dict[str, Any]) -> Plan | None:
    try:
        return plan_for(admit.audit(audit, load()), cluster, load()).plan
    except Refused:
        return None


def sealed() -> dict[str, Any]:
    plan = from_document(admitted({**PLAN, "actions": [nop("a"), nop("b", needs=["a"])]}))
    return json.loads(json.dumps(to_document(plan)))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["actions"][0].update(reason="another"),
        lambda d: d["actions"][1].pop("needs"),
        lambda d: d["execution"].update(mode="auto"),
        lambda d: d["types"]["nop"].update(reversible=False),
        lambda d: d.update(cloud="other"),
    ],
)
def test_a_sealed_plan_that_was_changed_is_refused(change: Any) -> None:
    """Whatever is changed after the digest was taken is noticed."""
    document = sealed()
    change(document)
    assert "changed after it was made" in refused(document)[0]


def test_a_plan_document_keeps_what_is_empty_on_purpose() -> None:
    """An empty `allow`, a bound of 0 and an indicator of 0 say something and survive."""
    plan = Plan(
        "p",
        "c",
        NOW,
        Execution(allow=()),
        {},
        (),
        forecast={"n": 0.0},
        bounds=(Bound("b", 0.0, 0.0, "lower"),),
    )
    assert from_document(json.loads(json.dumps(to_document(plan)))) == plan


def test_an_oversized_audit_is_refused() -> None:
    """The limit holds at the door too, for documents that came as JSON."""
    hosts = [f"host-{i:05d}" for i in range(30_000)]
    assert any(
        "the limit is 262,144" in one for one in refused({**DRAIN, "scope": {"include": {"hosts": hosts}}})
    )


def test_the_age_of_a_snapshot_is_said_in_one_way() -> None:
    """A limit beside `refresh: true` would have no effect; what was filled in passes again."""
    said = "max_age: has no effect: with refresh: true the snapshot is always new; keep one"
    assert any(said in one for one in refused({**DRAIN, "max_age": "10m", "refresh": True}))
    for fit in ({"max_age": "10m", "refresh": False}, {"refresh": True}):
        effective = admit.effective_audit({**DRAIN, **fit}, load())
        assert admit.effective_audit(effective, load()) == effective


def test_a_rollback_gets_its_default() -> None:
    """Undoing a part has to be asked for."""
    document = {"ballast": "v1", "kind": "Rollback", "plan": "plan/x", "reason": "r"}
    assert admit.rollback(document) == {**document, "allow_partial": False}
    with pytest.raises(Invalid, match='the key "reason" is missing'):
        admit.rollback({k: v for k, v in document.items() if k != "reason"})
