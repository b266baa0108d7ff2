"""`ballast explain` where a plan recorded nothing: the answer is worked out on the picture it rests on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from activities.decide import plan_for
from activities.memory.keeping import Keeping
from activities.memory.snapshots import kept
from activities.memory.store import SnapshotStore
from deploy import cli
from plan_schemas import admit
from plan_schemas.catalog import load
from plan_schemas.model import from_document
from plan_schemas.plan import to_document

WORLD = Path(__file__).parents[1] / "golden" / "world.yaml"
AUDIT = {
    "ballast": "v1",
    "kind": "Audit",
    "name": "free-hosts",
    "cloud": "grove",
    "strategy": "vm_workload_consolidation",
}
WIKI = "00000000-0000-4000-8000-000000000006"


@pytest.fixture
def plan(tmp_path: Path) -> str:
    """The plan that frees hosts of the grove, as a file; its picture is in no store."""
    cluster = from_document(yaml.safe_load(WORLD.read_text()))
    made = plan_for(admit.audit(AUDIT, load()), cluster, load())
    assert made.plan is not None
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump(to_document(made.plan), sort_keys=False))
    return str(path)


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BALLAST_STORE", str(tmp_path / "store"))
    monkeypatch.delenv("BALLAST_POLICIES", raising=False)
    return tmp_path / "store"


def explain(capsys: pytest.CaptureFixture[str], plan: str, *words: str) -> tuple[int, str]:
    status = cli.run(["explain", plan, *words])
    return status, capsys.readouterr().out


def test_numbers_have_their_units(plan: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody reads eleven digits of bytes."""
    status, out = explain(capsys, plan, "--action", "migrate-ci")
    assert status == 0
    assert "  number   copy_bytes: 10.4 GiB\n  number   downtime_seconds: 0.5 s\n" in out


def test_a_move_of_a_consolidation_names_what_it_is_good_for_and_every_other_host(
    plan: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The host that it helps to empty, the goal without it, and per host the rule or the numbers and cost."""
    asked = ("--action", "migrate-web-2", "--snapshot", str(WORLD))
    status, out = explain(capsys, plan, *asked)
    assert status == 0
    lines = out.splitlines()
    assert "  gain     the only move away from elm, which disable-elm takes out of use" in lines
    assert "  gain     released_compute_nodes_count 2; without it 1" in lines
    assert "  gain     instance_migrations_count 2; without it 1 (the price of it)" in lines
    (ash,) = (line for line in lines if line.startswith("to ash  [no_gain] no rule is against ash; "))
    assert "(released_compute_nodes_count stays 2; " in ash
    assert ash.endswith("it would take 23.039 s (copies 20.8 GiB, stands still for 0.5 s)")
    assert any(line.startswith("to oak  [anti_affinity] oak holds 1 of group web") for line in lines)
    assert not any(line.startswith(("to elm", "to fir")) for line in lines)
    row = json.loads(explain(capsys, plan, *asked, "--json")[1])
    assert row["gain"]["indicators"]["released_compute_nodes_count"] == {"planned": 2, "without": 1}
    hosts = {r["host"]: (r["state"], r["reasons"][0]["code"], r.get("copy_bytes")) for r in row["worked_out"]}
    assert hosts == {
        "ash": ("after the plan", "no_gain", 22333829939),
        "bay": ("when it begins", "disabled", None),
        "oak": ("when it begins", "anti_affinity", None),
        "yew": ("when it begins", "disabled", None),
    }


def test_without_the_picture_a_move_says_what_it_takes_to_weigh_other_hosts(
    plan: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The plan alone knows what leaves the host with it; the rest is not passed over in silence."""
    status, out = explain(capsys, plan, "--action", "migrate-ci")
    assert status == 0
    assert "  gain     the only move away from bay, which disable-bay takes out of use\n" in out
    assert out.splitlines()[-1].startswith("other hosts are not weighed; the picture that it rests on, taken")
    assert out.endswith("is not in the store here: give --snapshot FILE\n")


def test_of_a_resize_it_is_said_that_nova_chooses_the_host(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No parameter tells it, so that the declaration of the type has to."""
    path = tmp_path / "plan.yaml"
    parameters = {"instance": WIKI, "flavor": "m1.large"}
    action = {"id": "up", "type": "resize", "parameters": parameters, "reason": "it is short of memory"}
    head = {"ballast": "v1", "kind": "ActionPlan", "cloud": "grove"}
    path.write_text(yaml.safe_dump({**head, "actions": [action]}))
    status, out = explain(capsys, str(path), "--action", "up")
    assert status == 0
    assert "  does     Gives a server another flavor and confirms it; Nova chooses the host.\n" in out


def test_of_an_action_that_the_plan_has_not_its_actions_are_told(
    plan: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No picture helps to find it, so that none is asked for."""
    status, out = explain(capsys, plan, "--action", "nosuch")
    ids = [a["id"] for a in yaml.safe_load(Path(plan).read_text())["actions"]]
    assert (status, out) == (1, f"the plan has no action nosuch; its actions: {', '.join(ids)}\n")


def test_of_many_actions_the_first_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A plan of a thousand actions does not fill the terminal."""
    path = tmp_path / "plan.yaml"
    action = {"type": "nop", "reason": "it does nothing"}
    head = {"ballast": "v1", "kind": "ActionPlan", "cloud": "grove"}
    path.write_text(yaml.safe_dump({**head, "actions": [{**action, "id": f"a{n}"} for n in range(30)]}))
    status, out = explain(capsys, str(path), "--action", "nosuch")
    assert status == 1
    assert out.endswith("a10, a11 and 18 more\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("wiki", "--to", "elm"),
            "[disabled] elm is disabled (ballast: released by consolidation) (once the",
        ),
        (
            ("db", "--to", "oak"),
            "[capacity] oak has 24576 of 32768 MEMORY_MB, 6 of 8 VCPU free that db needs",
        ),
        (("wiki", "--to", "fir"), "[no_gain] no rule is against fir; it would bring the goal server_conso"),
        (("wiki", "--to", "ash"), "[no_effect] wiki is on ash already"),
        (("ci", "--to", "oak"), "[zone] ci is pinned to zone az2, oak is in zone az1"),
        (("wiki",), "the same rule is against elm, yew"),
        (("wiki", "--to", "nowhere"), "[unknown_host] there is no host nowhere"),
    ],
)
def test_why_it_does_not_go_there_is_worked_out(
    plan: str, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the plan, because of the plan, or because it would gain nothing; a name does for a uuid."""
    status, out = explain(capsys, plan, "--instance", *words, "--snapshot", str(WORLD))
    assert status == 0
    assert said in out


def test_programs_get_every_host(plan: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` has one row per host with state, reasons and, where no rule is against it, the costs."""
    status, out = explain(capsys, plan, "--instance", WIKI, "--snapshot", str(WORLD), "--json")
    rows: dict[str, Any] = {row["host"]: row for row in json.loads(out)["worked_out"]}
    assert status == 0
    assert {h: (r["state"], r["reasons"][0]["code"]) for h, r in rows.items()} == {
        "bay": ("after the plan", "disabled"),
        "elm": ("after the plan", "disabled"),
        "fir": ("after the plan", "no_gain"),
        "oak": ("after the plan", "no_gain"),
        "yew": ("before the plan", "disabled"),
    }
    assert rows["fir"]["seconds"] == pytest.approx(14.52, abs=0.01)
    assert (rows["fir"]["copy_bytes"], rows["fir"]["downtime_seconds"]) == (11166914970, 0.5)


def test_the_scope_of_its_audit_counts(plan: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its audit the answer is that of the scope; without it, the answer says that it is not known."""
    audit = tmp_path / "audit.yaml"
    scope = {"scope": {"exclude": {"instances": [WIKI]}}}
    audit.write_text(yaml.safe_dump({**AUDIT, **scope, "parameters": {"max_moves": 2}}))
    asked = ("--instance", "wiki", "--snapshot", str(WORLD))
    assert "give --audit FILE" in explain(capsys, plan, *asked)[1]
    out = explain(capsys, plan, *asked, "--audit", str(audit))[1]
    assert "[excluded] wiki is excluded by the audit's scope" in out
    assert "--audit FILE" not in out
    spent = explain(capsys, plan, "--instance", "cache", "--to", "ash", *asked[2:], "--audit", str(audit))[1]
    assert "[budget] no rule is against ash; the plan makes the 2 moves that max_moves allows" in spent


def test_a_host_that_stays_is_explained(plan: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is on it and cannot go, or what could and need not."""
    status, out = explain(capsys, plan, "--host", "oak", "--snapshot", str(WORLD))
    assert (status, "[not_allowed] old is SHUTOFF" in out, "[not_chosen] 3 instances" in out) == (
        0,
        True,
        True,
    )
    out = explain(capsys, plan, "--host", "yew", "--snapshot", str(WORLD))[1]
    assert "[disabled] yew is disabled (bad DIMM)" in out
    assert "[empty] yew carries nothing that could be moved away" in out


def test_the_picture_is_found_in_the_store(
    plan: str, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a worker has kept it none is given; where it is not, the answer says what to give."""
    status, out = explain(capsys, plan, "--instance", WIKI)
    assert (status, "is not in the store here: give --snapshot FILE" in out) == (1, True)
    cluster = from_document(yaml.safe_load(WORLD.read_text()))
    kept(Keeping(store), cluster, SnapshotStore(store).put(cluster))
    status, out = explain(capsys, plan, "--instance", WIKI)
    assert (status, "[disabled] bay is disabled" in out) == (0, True)


def test_another_picture_is_told(plan: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An answer from a picture that the plan does not rest on says so."""
    other = tmp_path / "other.yaml"
    other.write_text(WORLD.read_text().replace("locked: true", "locked: false"))
    out = explain(capsys, plan, "--instance", "wiki", "--snapshot", str(other))[1]
    assert "is not the one that the plan rests on" in out


def test_a_host_to_go_to_needs_an_instance(plan: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--to` alone is a wrong usage."""
    assert explain(capsys, plan, "--host", "fir", "--to", "elm")[0] == 2
