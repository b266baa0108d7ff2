"""Properties of every strategy in the catalogue: on any cloud its plan keeps every rule at every moment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from activities.rules import checks
from plan_schemas import admit, schema
from plan_schemas import plan as plans
from plan_schemas.catalog import load
from plan_schemas.frozen import canonical, digest
from plan_schemas.loader import parse
from plan_schemas.model import Cluster, Inventory, to_document
from plan_schemas.plan import Refused
from tests import distribution, judge, worlds
from tests.deciding import truth
from tests.deciding.proposing import NOW, propose, told
from tests.seeds import seeds

Row = dict[str, Any]
STRATEGIES = sorted(load().strategies)
MOVING = [s for s in STRATEGIES if "migrate" in load().strategies[s].actions]
# Clouds of one seed grow out of one another: several seeds are several kinds of cloud.
SEEDS, EACH = seeds(8), 25  # clouds per strategy and seed
FEW = range(3)  # where one find is enough
OVERFULL = {"capacity", "refused as unproven"}  # what tells that a host holds too much
# Few hosts of a small cloud are hot, and each of them is relieved whole or not at all.
MOSTLY_EMPTY = {"workload_balance": 0.75, "workload_stabilization": 0.55}


FAILED = Path(__file__).parents[2] / "var" / "failed"  # the smallest case of each failure, for proposing.py


class Case(NamedTuple):
    """A cloud and an audit of it."""

    cluster: Cluster
    audit: Row

    def __repr__(self) -> str:
        return f"{len(self.cluster.hosts)} hosts, {len(self.cluster.instances)} instances, {self.audit}"


@st.composite
def cases(draw: st.DrawFn, strategy: str) -> Case:
    """A random cloud and an audit of it by this strategy."""
    cluster = draw(worlds.clusters())
    return Case(cluster, draw(worlds.audits(cluster, strategy, load().strategies[strategy].parameters)))


def on_many_clouds(
    strategy: str,
    judged: Callable[[Cluster, Row], None],
    seeds: Iterable[int] = SEEDS,
    *,
    shrink: bool = True,
) -> None:
    """Runs a property on random cases of a strategy; the same ones in every session but `make explore`.

    A case that fails is left in var/failed/<strategy>, after shrinking the smallest.
    """

    @settings(
        max_examples=EACH,
        derandomize=True,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
    )
    @given(cases(strategy))
    def run(case: Case) -> None:
        try:
            judged(*case)
        except Exception:
            FAILED.mkdir(parents=True, exist_ok=True)
            (FAILED / strategy).write_text(json.dumps([to_document(case.cluster), case.audit]))
            raise

    for number in seeds:
        seed(number)(run)()


_MADE: dict[str, Row | None] = {}  # by the digest of a case, for those who ask of the same clouds


def remembered(cluster: Cluster, audit: Row) -> Row | None:
    """As `proposed`, and made only once: the cases of a strategy are the same for every property of it."""
    case = digest([to_document(cluster), audit])
    if case not in _MADE:
        _MADE[case] = proposed(cluster, audit)
    return _MADE[case]


def proposed(cluster: Cluster, audit: Row) -> Row | None:
    """The plan document, or None where there is no plan and it is said why."""
    try:
        return propose(cluster, audit)
    except Refused as refused:
        told_why = str(refused)
    assert told_why
    assert "fault" not in told_why
    return None


@pytest.mark.hypothesis
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_plan_keeps_every_rule(strategy: str) -> None:
    """The judge finds nothing against any plan, its refusals are true, and it is a valid document."""

    def judged(cluster: Cluster, audit: Row) -> None:
        snapshot = worlds.measured(cluster)
        document = remembered(cluster, audit)
        actions = document["actions"] if document else []
        distribution.note(strategy, snapshot, len(actions), **_kinds(document, actions))
        if document is None:
            return
        assert judge.plan(snapshot, document, audit=audit) == []
        assert list(truth.untrue_refusals(snapshot, document, audit)) == []
        _leaves_alone(snapshot, audit, document)
        if actions:
            _is_a_valid_document(document)

    on_many_clouds(strategy, judged)


def _kinds(document: Row | None, actions: list[Row]) -> dict[str, bool]:
    """What is worth counting of a plan."""
    return {
        "no plan": document is None,
        "with freed_by": any(a.get("freed_by") for a in actions),
        "with a bypass": any(n > 1 for n in _moves_per_instance(actions).values()),
        "with refusals": bool(document and document.get("rejected")),
    }


def _moves_per_instance(actions: list[Row]) -> Counter[str]:
    return Counter(a["parameters"]["instance"] for a in actions if a["type"] == "migrate")


def _is_a_valid_document(document: Row) -> None:
    """It passes its own schema, and YAML gives back what it was given, digest and all."""
    assert schema.problems(document, "ActionPlan") == ()
    again = parse(yaml.safe_dump(document, sort_keys=False), max_bytes=10_000_000)
    assert again == document
    assert plans.to_document(plans.from_document(again)) == document
    assert admit.plan(again, load(), name="p", created_at=NOW)["digest"] == document["digest"]


def _leaves_alone(snapshot: Row, audit: Row, document: Row) -> None:
    """Nothing touches a locked or an excluded instance, whatever else the judge thinks of it."""
    excluded = audit.get("scope", {}).get("exclude", {}).get("instances", ())
    alone = {i["uuid"] for i in snapshot["instances"] if i.get("locked") or i["uuid"] in excluded}
    assert not alone & {a.get("touches", {}).get("instance") for a in document["actions"]}


def test_the_clouds_were_worth_it() -> None:
    """Enough clouds had every particularity that matters, and enough plans had something in them."""
    if set(distribution.COUNTS) != set(STRATEGIES):
        pytest.skip("the properties did not run in this session")
    for strategy in STRATEGIES:
        assert distribution.COUNTS[strategy]["clouds"] >= EACH * len(SEEDS)
        assert distribution.share(strategy, "all six") >= 0.65
        assert distribution.share(strategy, "plan empty") <= MOSTLY_EMPTY.get(strategy, 0.5)
    assert sum(c["with freed_by"] for c in distribution.COUNTS.values()) >= 10
    assert any(c["with a bypass"] for c in distribution.COUNTS.values())


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_example_of_a_strategy_is_an_audit(strategy: str) -> None:
    """The parameters that the catalogue shows for a strategy make a valid audit of it."""
    shown = json.loads(json.dumps(load().strategies[strategy].example))
    document = {"ballast": "v1", "kind": "Audit", "name": "x", "cloud": "x", "strategy": strategy}
    assert admit.audit({**document, "parameters": shown}, load()).strategy == strategy


def test_another_process_makes_the_same_plans(tmp_path: Path) -> None:
    """Neither hash seed nor encoding nor time zone changes a byte of any strategy's plan, nor does the way
    through a file, nor what was decided before."""
    lines, plans = [], list[bytes]()
    for strategy in STRATEGIES:
        for cluster, audit in _drawn(strategy)[::2]:
            lines.append(json.dumps([to_document(cluster), audit]))
            plans.append(told(*json.loads(lines[-1])))
            if (document := remembered(cluster, audit)) is not None:
                assert plans[-1] == canonical(document)
    (tmp_path / "cases").write_text("\n".join(lines))
    expected = b"".join(plan + b"\n" for plan in plans)
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    for hash_seed, more in (("1", ascii_only), ("77", {"LC_ALL": "C.UTF-8"})):
        env = {**os.environ, **more, "PYTHONHASHSEED": hash_seed, "TZ": "Asia/Kathmandu"}
        command = [sys.executable, "-m", "tests.deciding.proposing", str(tmp_path / "cases")]
        assert subprocess.run(command, env=env, capture_output=True, check=True).stdout == expected


def _drawn(strategy: str) -> list[Case]:
    """The cases of one seed."""
    found: list[Case] = []
    on_many_clouds(strategy, lambda cluster, audit: found.append(Case(cluster, audit)), SEEDS[:1])
    return found


@pytest.mark.parametrize("strategy", MOVING)
def test_a_planted_bug_in_the_arithmetic_is_found(strategy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a model that thinks every host endless, the judge reports hosts that hold too much."""
    monkeypatch.setattr(Inventory, "capacity", property(lambda _: 10**9))
    found: Counter[str] = Counter()

    def judged(cluster: Cluster, audit: Row) -> None:
        document = None if found["capacity"] else proposed(cluster, audit)
        if document is not None:
            found.update({v.rule for v in judge.plan(worlds.measured(cluster), document, audit=audit)})

    on_many_clouds(strategy, judged, FEW, shrink=False)
    assert found["capacity"]


def test_a_planted_bug_in_the_checks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the rule of capacity taken out of the checks, the property over all strategies fails."""
    refusals = checks.refusals

    def lax(*args: Any) -> Any:
        return tuple(r for r in refusals(*args) if r.code != "capacity")

    monkeypatch.setattr(checks, "refusals", lax)
    failed: set[str] = set()

    def judged(cluster: Cluster, audit: Row) -> None:
        if failed & OVERFULL:
            return
        try:
            document = propose(cluster, audit)
        except Refused as refused:
            failed.update({"refused as unproven"} if "fault" in str(refused) else ())
        else:
            failed.update(v.rule for v in judge.plan(worlds.measured(cluster), document, audit=audit))

    for strategy in MOVING:
        on_many_clouds(strategy, judged, FEW, shrink=False)
    assert failed & OVERFULL


def test_a_dropped_edge_is_found() -> None:
    """A plan that lost the edges by which an arrival waits for room is reported: too much at some moment."""
    found: Counter[str] = Counter()

    def judged(cluster: Cluster, audit: Row) -> None:
        document = remembered(cluster, audit) or {"actions": []}
        for n, action in enumerate(document["actions"]):
            if action.get("freed_by"):
                less = {k: v for k, v in deepcopy(document).items() if k != "digest"}
                less["actions"][n].pop("freed_by")
                rules = {v.rule for v in judge.plan(worlds.measured(cluster), less, audit=audit)}
                found["reported" if rules & {"capacity", "anti_affinity"} else "not needed"] += 1

    for strategy in MOVING:
        on_many_clouds(strategy, judged, shrink=False)
    assert found["reported"] >= 10
    assert found["reported"] >= 9 * found["not needed"]
