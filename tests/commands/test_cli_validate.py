"""`ballast validate` and the catalogue commands, as an operator and as a script see them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from pkgutil import iter_modules

import pytest

import plan_schemas
from deploy import cli, commands

OURS = Path(plan_schemas.__file__).parent
GOOD = "ballast: v1\nkind: Audit\nname: a\ncloud: c\ngoal: dummy\n"


def lines(capsys: pytest.CaptureFixture[str], *argv: str | Path) -> tuple[int, list[str]]:
    status = cli.run([str(a) for a in argv])
    return status, capsys.readouterr().out.splitlines()


def test_our_own_catalogue_schemas_and_examples_are_valid(capsys: pytest.CaptureFixture[str]) -> None:
    """The package's directory is validated whole, each file as what it is."""
    assert lines(capsys, "validate", OURS) == (0, [])


def test_all_errors_of_all_files_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """YAML and JSON, broken and wrong, in folders and not: one line each, with place and remedy."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.yaml").write_text(GOOD + "stratgy: x\nexecution: {mode: x}\n")
    (tmp_path / "b.yml").write_text("a: 1\na: 2\n")
    (tmp_path / "deep" / "c.json").write_text('{"kind": "Audit"\n "a": 1}')
    (tmp_path / "deep" / "d.yaml").write_text(GOOD)
    (tmp_path / "deep" / "notes.txt").write_text("not ours")
    status, out = lines(capsys, "validate", tmp_path)
    assert status == 1
    assert [one.removeprefix(f"{tmp_path}/").split(": ")[0] for one in out] == [
        "a.yaml:6:1 stratgy",
        "a.yaml:7:13 execution.mode",
        "b.yml:2:1 a",
        "deep/c.json:2:2",
    ]


def test_problems_are_data_for_scripts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--json prints one object with file, line, column, path, message and remedy."""
    file = tmp_path / "a.yaml"
    file.write_text(GOOD.replace("dummy", "dumy"))
    status, out = lines(capsys, "validate", "--json", file)
    assert status == 1
    assert json.loads(out[0]) == {
        "files": 1,
        "problems": [
            {
                "source": str(file),
                "line": 5,
                "column": 1,
                "path": "goal",
                "message": 'there is no goal "dumy"',
                "remedy": 'did you mean "dummy"?',
            }
        ],
    }


def test_a_copy_of_the_catalogue_is_checked_with_ours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An operator's directory of catalogue files may name our goals, and may not shadow them silently."""
    (tmp_path / "strategies").mkdir()
    shutil.copy(OURS / "strategies" / "dummy.yaml", tmp_path / "strategies" / "mine.yaml")
    assert lines(capsys, "validate", tmp_path) == (0, [])
    shutil.copy(OURS / "strategies" / "dummy.yaml", tmp_path / "strategies" / "dummy.yaml")
    status, out = lines(capsys, "validate", tmp_path / "strategies" / "dummy.yaml")
    assert status == 1
    assert len(out) == 1
    assert "there is a strategy dummy already" in out[0]


def test_a_schema_with_a_dangerous_pattern_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """JSON Schemas are checked as such, patterns included."""
    text = '$schema: https://json-schema.org/draft/2020-12/schema\ntype: strin\npattern: "(a+)+$"\n'
    (tmp_path / "s.yaml").write_text(text)
    status, out = lines(capsys, "validate", tmp_path)
    assert status == 1
    assert [one.split(": ")[0].rsplit("/", 1)[1] for one in out] == ["s.yaml:2:1 type", "s.yaml:3:1 pattern"]


def test_a_missing_file_is_an_error_not_a_crash(capsys: pytest.CaptureFixture[str]) -> None:
    """A path that does not exist is told like any other problem."""
    assert lines(capsys, "validate", "/nowhere/x.yaml") == (
        1,
        ["/nowhere/x.yaml: there is no such file or directory; check the path"],
    )


def test_the_catalogue_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Strategies, goals and actions, for people and as JSON; one by name; an unknown name is refused."""
    for what in ("strategies", "goals", "actions"):
        status, out = lines(capsys, what, "--json")
        names = {row["name"] for row in json.loads("\n".join(out))[what]}
        assert status == 0
        assert names == {f.stem for f in (OURS / what).iterdir()}
        told = "\n".join(lines(capsys, what)[1])
        assert all(name in told for name in names)
    assert "maintenance_node (string, required)" in "\n".join(
        lines(capsys, "strategies", "host_maintenance")[1]
    )
    assert cli.run(["goals", "dumy", "--json"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "there is no 'dumy' among the goals; did you mean \"dummy\"?\n"


def test_what_cannot_be_written_or_done_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A directory that is not there and an action without a Python half: status 1, and no traceback."""
    examples = OURS / "documents" / "examples"
    audit, snapshot = str(examples / "audit-maintenance.yaml"), str(examples / "snapshot-tiny.yaml")
    missing = str(tmp_path / "no" / "plan.yaml")
    assert cli.run(["propose", audit, "--snapshot", snapshot, "-o", missing]) == 1
    assert capsys.readouterr().err == f"{missing}: No such file or directory\n"
    (tmp_path / "actions").mkdir()
    (tmp_path / "actions" / "half.yaml").write_text((OURS / "actions" / "nop.yaml").read_text())
    wanted = tmp_path / "wanted.yaml"
    wanted.write_text(
        "{ballast: v1, kind: Audit, name: a, cloud: tiny, strategy: actuator, "
        "parameters: {actions: [{type: half}]}}"
    )
    assert cli.run(["propose", str(wanted), "--snapshot", snapshot, "--plans", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("this worker has no action named 'half'")


@pytest.mark.parametrize(
    ("argv", "status"), [(["validate"], 2), (["validate", "--help"], 0), (["goals", "-x"], 2)]
)
def test_wrong_usage_is_status_two(argv: list[str], status: int) -> None:
    """argparse's own verdicts become exit statuses."""
    assert cli.run(argv) == status


def test_every_command_says_what_each_of_its_words_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    """`ballast COMMAND --help` begins with a sentence, and no argument stands there without one."""
    for name in sorted(module.name for module in iter_modules(commands.__path__)):
        assert cli.run([name, "--help"]) == 0
        told = capsys.readouterr().out
        _, sentence, *_ = told.split("\n\n")
        assert sentence.endswith("."), name
        rows = re.findall(r"^  (\S.*)(?:\n {10,}(\S.*))?", told.split("\n\n", 2)[2], re.MULTILINE)
        assert [row for row, below in rows if "  " not in row and not below] == [], name


def test_a_reader_that_leaves_early_is_no_error() -> None:
    """`ballast … | head` ends quietly with status 0."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        command = [sys.executable, "-m", "deploy.cli", "strategies", "--json"]
        ended = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, check=False, cwd=OURS.parent)
    assert (ended.returncode, ended.stderr) == (0, b"")
