"""`ballast snapshot` against a served cloud: over a socket, by clouds.yaml, while the cloud goes on."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from activities import openstack
from deploy import cli
from plan_schemas import loader, schema
from plan_schemas.model import from_document


@dataclass
class Served:
    """A cloud of twenty hosts in a process of its own."""

    origin: str
    clouds_yaml: Path

    def control(self, what: str, **body: Any) -> Any:
        answer = requests.post(f"{self.origin}/_sim/{what}", json=body, timeout=60)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    file = tmp_path_factory.mktemp("served") / "clouds.yaml"
    arguments = ["--hosts", "20", "--seed", "1", "--port", "0", "--clouds-yaml", str(file)]
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.simcloud", *arguments], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    announced = re.search(r"http://\S+", process.stdout.readline())
    assert announced is not None
    yield Served(announced.group(), file)
    process.terminate()
    process.wait(timeout=60)


@pytest.fixture(autouse=True)
def _configured(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(served.clouds_yaml))
    monkeypatch.setenv("OS_USERNAME", "somebody else, who must not matter")
    monkeypatch.setattr(openstack, "_doors", {})


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    status = cli.run(["snapshot", "--json", *arguments])
    return status, json.loads(capsys.readouterr().out)


def test_a_snapshot_is_a_valid_document(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The file is a Snapshot by its schema, and the report says what is in it."""
    file = tmp_path / "cloud.yaml"
    status, told = run(capsys, "--cloud", "simcloud", "-o", str(file))
    assert status == 0
    document = loader.parse(file.read_bytes(), max_bytes=10_000_000)
    assert schema.problems(document, "Snapshot") == ()
    cluster = from_document(document)
    assert (told["hosts"], told["instances"]) == (len(cluster.hosts), len(cluster.instances))
    assert told["fingerprint"] == cluster.fingerprint
    assert told["hosts"] == 20


def test_a_cloud_that_never_rests_has_a_snapshot(
    served: Served, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Five boots, deletes and moves per second, over real sockets and sixteen threads, cost no snapshot."""
    served.control("churn", boots=5, deletes=5, moves=5, seed=3)
    try:
        for number in range(5):
            status, told = run(capsys, "--cloud", "simcloud", "-o", str(tmp_path / f"{number}.yaml"))
            assert (status, told["uncertain"]) == (0, {})
    finally:
        served.control("churn/stop")


def test_what_is_missing_is_listed_and_nothing_is_written(
    served: Served, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A page that fails refuses the snapshot with exit status 1 and the list; there is no file."""
    served.control("faults", api={"effect": "status", "status": 504, "path": "/allocations"})
    file = tmp_path / "cloud.yaml"
    try:
        status, told = run(capsys, "--cloud", "simcloud", "-o", str(file))
    finally:
        requests.delete(f"{served.origin}/_sim/faults", timeout=60)
    assert status == 1
    assert len(told["missing"]) == 20
    assert not file.exists()


def test_an_unknown_cloud_is_refused_by_name(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A name that clouds.yaml does not have is refused with where it was looked for."""
    status, told = run(capsys, "--cloud", "atlantis", "-o", str(tmp_path / "x"))
    assert status == 1
    assert "atlantis" in told["error"]


def test_a_cloud_that_cannot_be_reached_is_status_3(
    served: Served, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody at the other end is the cloud's failure, not the command's."""
    dead = tmp_path / "clouds.yaml"
    text = served.clouds_yaml.read_text()
    dead.write_text(text.replace(served.origin, "http://127.0.0.1:9"))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(dead))
    status, told = run(capsys, "--cloud", "simcloud", "-o", str(tmp_path / "x"))
    assert status == 3
    assert "cannot be" in told["error"]


def test_no_secret_is_in_any_error(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong credentials are told without the credentials."""
    wrong = tmp_path / "clouds.yaml"
    wrong.write_text(
        re.sub(r"(application_credential_secret: ).*", r"\1hunter2", served.clouds_yaml.read_text())
    )
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(wrong))
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli", "snapshot", "--cloud", "simcloud", "-o", str(tmp_path / "x")],
        check=False,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 3
    assert "hunter2" not in done.stdout + done.stderr
    assert "Keystone" in done.stderr
