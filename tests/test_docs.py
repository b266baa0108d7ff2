"""What the documents promise is so: their code works, their files and commands exist."""

from __future__ import annotations

import inspect
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from activities.actions import ActionModule
from deploy import cli
from plan_schemas import admit
from plan_schemas.catalog import load

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PACKAGES = ("plan_schemas", "activities", "workflows", "deploy", "tests")
PYTHON = [sys.executable, "-m"]
# Not files: ids of workflows, what exists only while something runs, placeholders.
NO_FILE = re.compile(r"^(plan|audit|rollback|permits|var)/|[<>…*{}$ ]|://")

# A few examples of the property that `make test` runs over every strategy it finds.
PROPERTY = """
from tests.deciding import test_strategies as properties
assert "empty_smallest" in properties.STRATEGIES
properties.on_many_clouds.__defaults__ = ((0,),)  # one seed
properties.test_every_plan_keeps_every_rule("empty_smallest")
"""


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages with the two files of docs/add-a-strategy.md added, and nothing else."""
    target = tmp_path_factory.mktemp("newcomer")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, target / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", target)
    text = (ROOT / "docs" / "add-a-strategy.md").read_text()
    written = 0
    for language in ("yaml", "python"):
        for block in blocks(text, language):
            named = re.findall(r"\*\*\d\. \w+\*\*[^`]*`([^`]+)`", text[: text.index(block)])[-1]
            (target / named).write_text(block)
            written += 1
    assert written == 2
    return target


def run(copy: Path, *command: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_the_documented_strategy_is_valid_and_listed(copy: Path) -> None:
    """Validation, catalogue and worker accept the two documented files, and the linter has no complaint."""
    run(copy, *PYTHON, "deploy.cli", "validate", "plan_schemas")
    assert "empty_smallest" in run(copy, *PYTHON, "deploy.cli", "strategies").stdout
    run(copy, sys.executable, "-c", "from deploy import halves; assert halves.complaints() == ()")
    run(copy, *PYTHON, "ruff", "check", "activities/strategies/empty_smallest.py")


def test_the_documented_strategy_proposes(copy: Path) -> None:
    """`ballast propose` makes a plan by it, with a reason on every action."""
    audit = {"ballast": "v1", "kind": "Audit", "name": "n", "cloud": "demo", "strategy": "empty_smallest"}
    (copy / "audit.yaml").write_text(yaml.safe_dump(audit))
    snapshot = "plan_schemas/documents/examples/snapshot-tiny.yaml"
    words = ("propose", "audit.yaml", "--snapshot", snapshot, "-o", "plan.yaml", "--json")
    told = json.loads(run(copy, *PYTHON, "deploy.cli", *words).stdout)
    plan = yaml.safe_load((copy / "plan.yaml").read_text())
    assert plan["strategy"] == "empty_smallest", told
    assert [a["reason"] for a in plan["actions"] if a["type"] == "migrate"] == [
        "empties cmp-04; cmp-01 has room"
    ]


def test_the_documented_strategy_is_held_to_the_properties(copy: Path) -> None:
    """The judge's property over all strategies finds it by itself and has nothing against it."""
    run(copy, sys.executable, "-c", PROPERTY)


def test_every_function_of_an_action_is_documented() -> None:
    """docs/add-an-action.md tells of each function that an action's file must have, with its arguments."""
    text = (ROOT / "docs" / "add-an-action.md").read_text()
    told = {name: given.split(", ") for name, given in re.findall(r"^\| `(\w+)\((.*?)\)`", text, re.M)}
    wanted = {
        name: [p for p in inspect.signature(function).parameters if p not in ("self", "parameters")]
        for name, function in vars(ActionModule).items()
        if not name.startswith("_")
    }
    assert told == {name: [*given, "**parameters"] for name, given in wanted.items()}


def test_the_tour_is_short_and_leads_somewhere() -> None:
    """Every file that the tour names exists, and the files to be read are as long together as it says."""
    text = (ROOT / "docs" / "tour.md").read_text()
    for name in [*re.findall(r"\]\(\.\./([^)]+)\)", text), *re.findall(r"`([a-z_]+/[^` ]+)`", text)]:
        assert list(ROOT.glob(name.rstrip("/"))), name
    tour = dict.fromkeys(re.findall(r"\]\(\.\./([^)]+)\)", text.split("\n## ")[0]))
    lines = sum(len((ROOT / name).read_text().splitlines()) for name in tour)
    print(f"the tour: {len(tour)} files, {lines} lines")
    claimed = int(re.search(r"about ([\d,]+) lines", text)[1].replace(",", ""))  # type: ignore[index]
    assert abs(lines - claimed) <= 0.1 * claimed, f"docs/tour.md says {claimed} lines, there are {lines}"


def test_every_command_that_the_readme_names_exists() -> None:
    """Each `ballast …` of the README is a command."""
    known = set(cli.parser()._subparsers._group_actions[0].choices)  # type: ignore[union-attr,arg-type]
    lines = [line for line in README.splitlines() if re.search(r"\bballast [a-z]", line)]
    named = {word for line in lines for word in re.findall(r"\bballast ([a-z]+)\b", line)}
    named |= {
        w for line in lines for w in re.findall(r"\| ([a-z]+)\b", line) if "ballast strategies |" in line
    }
    assert named >= {"validate", "worker", "propose", "goals"}
    assert named <= known


def test_every_file_that_the_readme_names_exists() -> None:
    """Links and paths of the README lead to files of this checkout."""
    quoted = [w for w in re.findall(r"`([^`\n]+)`", README) if "/" in w or re.search(r"\.(md|py|toml)$", w)]
    named = {w for w in [*re.findall(r"\]\(([^)]+)\)", README), *quoted] if not NO_FILE.search(w)}
    assert {"docs/tour.md", "plan_schemas/", "docs/start_an_audit.py"} <= named
    assert [w for w in sorted(named) if not (ROOT / w).exists()] == []


def test_the_audit_of_the_readme_is_one() -> None:
    """The YAML example of the README is a valid audit."""
    (example,) = blocks(README, "yaml")
    assert admit.audit(yaml.safe_load(example), load()).name == "drain-cmp-04"


def test_every_setting_of_a_worker_is_in_the_readme() -> None:
    """The settings that a worker reads and those that the README lists are the same."""
    read = set(re.findall(r"BALLAST_[A-Z_]+", (ROOT / "deploy" / "settings.py").read_text()))
    assert read == set(re.findall(r"BALLAST_[A-Z_]+", README))
