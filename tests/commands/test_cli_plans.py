"""`ballast propose`, `simulate` and `explain` on the example cloud, as a person and as a script see them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import plan_schemas
from deploy import cli

EXAMPLES = Path(plan_schemas.__file__).parent / "documents" / "examples"
SNAPSHOT = str(EXAMPLES / "snapshot-tiny.yaml")
DRAIN = str(EXAMPLES / "audit-maintenance.yaml")
DB_1, INVOICES = "10000000-0000-4000-8000-000000000001", "10000000-0000-4000-8000-000000000004"


def ballast(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Exit status and standard output."""
    status = cli.run(words)
    return status, capsys.readouterr().out


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    status, out = ballast(capsys, *words, "--json")
    return status, json.loads(out)


@pytest.fixture
def plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The plan that drains cmp-01, as a file."""
    path = str(tmp_path / "plan.yaml")
    assert ballast(capsys, "propose", DRAIN, "--snapshot", SNAPSHOT, "-o", path)[0] == 0
    return path


def by_hand(directory: Path, *actions: dict[str, Any]) -> str:
    path = directory / "by-hand.yaml"
    head = {"ballast": "v1", "kind": "ActionPlan", "cloud": "demo"}
    path.write_text(yaml.safe_dump({**head, "actions": list(actions)}))
    return str(path)


def move(id: str, instance: str, source: str, destination: str, **more: Any) -> dict[str, Any]:
    parameters = {"instance": instance, "source": source, "destination": destination, "kind": "live"}
    return {"id": id, "type": "migrate", "parameters": parameters, **more}


def test_a_proposal_for_scripts_is_whole(plan: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` has seconds, bounds with their gap, what was rejected and why, and the plan of the file."""
    status, row = told(capsys, "propose", DRAIN, "--snapshot", SNAPSHOT)
    assert status == 0
    assert row["plan"] == yaml.safe_load(Path(plan).read_text())
    assert set(row["seconds"]) == {"read", "decide_and_plan"}
    assert {"name": "instances_left", "bound": 1, "value": 1, "gap": 0} in row["bounds"]
    assert [(r["code"], r["subject"]) for r in row["rejected"]] == [("locked", INVOICES)]


def test_the_plan_alone_goes_to_standard_output(plan: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With `-o -` the output is the plan and nothing else."""
    _, out = ballast(capsys, "propose", DRAIN, "--snapshot", SNAPSHOT, "-o", "-")
    assert out == Path(plan).read_text()


def test_a_refused_proposal_is_status_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No plan, its reason as text or as JSON, and nothing written."""
    audit, path = tmp_path / "audit.yaml", tmp_path / "plan.yaml"
    audit.write_text(Path(DRAIN).read_text().replace("maintenance_node: cmp-01", "maintenance_node: cmp-09"))
    words = ("propose", str(audit), "--snapshot", SNAPSHOT, "-o", str(path))
    status, row = told(capsys, *words)
    assert status == 1
    assert row["refused"].startswith("there is no host cmp-09 in demo; known hosts are, for example, cmp-01")
    assert cli.run(words) == 1
    assert capsys.readouterr().err.strip() == row["refused"]
    assert not path.exists()


def test_a_good_plan_is_simulated_to_its_end(plan: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The timeline keeps the edges and meets its bound; the final state has the server where it was to go."""
    status, row = told(capsys, "simulate", plan, "--snapshot", SNAPSHOT)
    assert status == 0
    closed, moved = row["timeline"]
    assert (closed["action"], moved["action"]) == ("disable-cmp-01", "migrate-db-1")
    assert closed["end"] <= moved["start"]
    assert row["makespan_seconds"] == moved["end"] == row["makespan_bound_seconds"]
    assert (row["violations"], row["never_started"]) == ([], [])
    assert row["final_hosts"]["cmp-01"] == {"status": "disabled", "instances": 1}
    assert row["final_hosts"]["cmp-04"] == {"status": "enabled", "instances": 2}
    text = ballast(capsys, "simulate", plan, "--snapshot", SNAPSHOT)[1]
    assert "2 actions, no rule broken at any moment" in text
    assert "afterwards 3 of 4 hosts carry instances; disabled: 2" in text


def test_a_plan_that_breaks_a_rule_at_some_moment_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two members of a group that meet only on their way: the moment, the action and the rule are told."""
    db_2 = DB_1.removesuffix("1") + "2"
    there, away = move("there", DB_1, "cmp-01", "cmp-02"), move("away", db_2, "cmp-02", "cmp-04")
    bad = by_hand(tmp_path, there, away)
    status, row = told(capsys, "simulate", bad, "--snapshot", SNAPSHOT)
    assert status == 1
    assert [(v["at"], v["action"], v["rule"]) for v in row["violations"]] == [(0.0, "there", "anti_affinity")]
    text = ballast(capsys, "simulate", bad, "--snapshot", SNAPSHOT)[1]
    assert "violation at 0.0 s by there: anti_affinity: cmp-02 holds 1 of group db" in text
    good = by_hand(tmp_path, {**there, "needs": ["away"]}, away)
    status, row = told(capsys, "simulate", good, "--snapshot", SNAPSHOT)
    assert status == 0
    # Two moves of 4 GB, one after the other: a plan by hand says no durations, the snapshot does.
    assert row["makespan_seconds"] == row["makespan_bound_seconds"] == pytest.approx(20.52, abs=0.01)


def test_a_plan_about_what_is_not_there_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A server and a host that the snapshot does not have are violations, not a crash."""
    stranger = DB_1.replace("1000", "9999", 1)
    close = {
        "id": "close",
        "type": "change_nova_service_state",
        "parameters": {"host": "x", "state": "disabled"},
    }
    path = by_hand(tmp_path, move("gone", stranger, "cmp-01", "cmp-04"), close)
    status, row = told(capsys, "simulate", path, "--snapshot", SNAPSHOT)
    assert status == 1
    assert {(v["action"], v["rule"]) for v in row["violations"]} == {
        ("gone", "unknown_instance"),
        ("close", "unknown_host"),
    }


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ((), "migrate-db-1"),
        (("--action", "migrate-db-1"), "needs    disable-cmp-01"),
        (("--instance", DB_1), "empties cmp-01 for maintenance; cmp-04 keeps 13 vCPU"),
        (("--instance", INVOICES), "[locked] invoices is locked"),
        (("--host", "cmp-02"), "migrate-db-1 did not go there: cmp-02 holds 1 of group db"),
        (("--host", "cmp-01"), "disable-cmp-01: change_nova_service_state"),
    ],
)
def test_a_plan_says_why_and_why_not(
    plan: str, about: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the plan moves, keeps or passes over has its reason, as text and as JSON."""
    status, out = ballast(capsys, "explain", plan, *about)
    assert status == 0
    assert said in out
    status, row = told(capsys, "explain", plan, *about)
    assert status == 0
    assert row["actions"] or row["rejected"]


def test_what_a_plan_says_nothing_of_is_status_one(plan: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A host that played no part is told so, and a script sees it."""
    status, out = ballast(capsys, "explain", plan, "--host", "cmp-99", "--snapshot", SNAPSHOT)
    assert (
        status,
        out.startswith("the plan does nothing to cmp-99 and recorded no reason: there is no"),
    ) == (
        1,
        True,
    )
    assert told(capsys, "explain", plan, "--host", "cmp-99")[1]["actions"] == []


def test_a_changed_plan_is_refused_by_every_command(plan: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A plan whose content no longer fits its digest is neither simulated nor explained."""
    path = Path(plan)
    path.write_text(path.read_text().replace("destination: cmp-04", "destination: cmp-02"))
    for words in (("simulate", plan, "--snapshot", SNAPSHOT), ("explain", plan)):
        assert cli.run(words) == 1
        assert "changed after it was made" in capsys.readouterr().err


def test_no_name_steers_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A tenant may call a server what it likes: escapes, line ends and direction marks come out as marks."""
    snapshot, plan = tmp_path / "cloud.yaml", str(tmp_path / "plan.yaml")
    document = yaml.safe_load(Path(SNAPSHOT).read_text())
    for one in document["instances"]:
        one["name"] = f"\x1b[2J\u202e{one['name']}\nrejected  [none] all is well"
    snapshot.write_text(json.dumps(document))
    words = ("--snapshot", str(snapshot))
    outs = [
        ballast(capsys, "propose", DRAIN, *words)[1],
        ballast(capsys, "propose", DRAIN, *words, "-o", plan)[1],
        ballast(capsys, "explain", plan)[1],
        ballast(capsys, "explain", plan, *words, "--instance", INVOICES)[1],
    ]
    for out in outs:
        assert "all is well" in out
        assert not set(out) & {"\x1b", "\u202e"}
        assert "\nrejected  [none]" not in out
