"""A catalogue of an operator's own holds for every command, as it does for the worker."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import plan_schemas
from deploy import cli

EXAMPLES = Path(plan_schemas.__file__).parent / "documents" / "examples"
DRAIN = str(EXAMPLES / "audit-maintenance.yaml")
DECLARED = {"summary": "A test.", "subject": "host", "unit": "percent", "maximum": 100, "slack": 1}
ASKED = {"query": {"mean": "s{${labels}}"}, "newest": "timestamp(s{${labels}})", "unit": "percent"}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A directory with one metric that nobody else knows."""
    folder = tmp_path / "own" / "metrics"
    folder.mkdir(parents=True)
    (folder / "host_steal.yaml").write_text(yaml.safe_dump({**DECLARED, "stale_after": "15m"}))
    return folder.parent


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """Every command that reads a snapshot or a datasource, each with one that tells of that metric."""
    known, snapshot = str(EXAMPLES / "snapshot-tiny.yaml"), tmp_path / "snapshot.yaml"
    document = yaml.safe_load(Path(known).read_text())
    document["usage"]["values"]["host_steal"] = {"cmp-01": 3.0}
    snapshot.write_text(yaml.safe_dump(document))
    plan, source = str(tmp_path / "plan.yaml"), tmp_path / "source.yaml"
    assert cli.run(["propose", DRAIN, "--snapshot", known, "-o", plan]) == 0
    told = {"ballast": "v1", "kind": "Datasource", "name": "own", "dialect": "gauges"}
    nobody = "http://127.0.0.1:9"
    source.write_text(yaml.safe_dump({**told, "url": nobody, "metrics": {"host_steal": ASKED}}))
    picture = ["--snapshot", str(snapshot)]
    return [
        ["validate", str(snapshot), str(source)],
        ["propose", DRAIN, *picture],
        ["simulate", plan, *picture],
        ["explain", plan, *picture, "--host", "cmp-02"],
        ["review", plan, *picture],
        ["strategies", "dummy", *picture, "--datasources", str(source)],
    ]


def test_what_it_declares_is_known_to_every_command(
    own: Path, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the option as by the worker's own setting; without it the stranger is refused by name."""
    for words in commands:
        monkeypatch.delenv("BALLAST_PLANS", raising=False)
        capsys.readouterr()
        assert cli.run(words) == 1, words
        printed = capsys.readouterr()
        assert "host_steal" in printed.err + printed.out
        assert cli.run([*words, "--plans", str(own)]) == 0, words
        monkeypatch.setenv("BALLAST_PLANS", str(own))
        assert cli.run(words) == 0, words


def test_a_directory_that_is_not_there_is_a_wrong_usage(
    own: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Said with the name of the setting, and not by a traceback; help and the option do without it."""
    monkeypatch.setenv("BALLAST_PLANS", "nowhere")
    assert cli.run(["goals"]) == 2
    assert "'nowhere': expected a directory that exists" in (said := capsys.readouterr().err)
    assert "BALLAST_PLANS" in said
    assert cli.run(["--help"]) == 0
    assert cli.run(["goals", "--plans", str(own)]) == 0
