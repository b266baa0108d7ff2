"""Golden histories replay: the workflows of today take every recorded life exactly as it went.

Until the first release they are recorded anew when they must change: `python -m tests.record_histories`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from tests.record_histories import HISTORIES, SHAPES
from workflows import calls
from workflows.action_plan import ActionPlan
from workflows.audit import Audit
from workflows.permits import Permits
from workflows.plugin import BallastPlugin
from workflows.progress import Progress
from workflows.rollback import Rollback
from workflows.wire import owner

FILES = sorted(HISTORIES.glob("*.json"))


def replayer() -> Replayer:
    return Replayer(workflows=[Audit, ActionPlan, Rollback, Permits], plugins=[BallastPlugin()])


def history(path: Path) -> WorkflowHistory:
    document = json.loads(path.read_text())
    begun = document["events"][0]["workflowExecutionStartedEventAttributes"]
    return WorkflowHistory.from_json(begun["workflowId"], document)


async def failure_of(path: Path) -> Exception | None:
    result = await replayer().replay_workflow(history(path), raise_on_replay_failure=False)
    return result.replay_failure


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_every_golden_history_replays(path: Path) -> None:
    """Today's workflows decide in every recorded life as those did that lived it."""
    failure = await failure_of(path)
    assert failure is None, f"{failure}; if that is meant: python -m tests.record_histories"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_may_take_long_gives_signs_of_life(path: Path) -> None:
    """No worker that dies makes anybody wait for longer than a minute: by then its silence shows."""
    events = json.loads(path.read_text())["events"]
    for event in events:
        if asked := event.get("activityTaskScheduledEventAttributes"):
            sign = _seconds(asked.get("heartbeatTimeout", "0s")) or _seconds(asked["startToCloseTimeout"])
            assert sign <= 60, f"{asked['activityType']['name']} of a dead worker is missed after {sign:g} s"


def _seconds(told: str) -> float:
    return float(told.removesuffix("s"))


async def test_what_is_said_outside_the_sandbox_is_what_is_said_inside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whose folder a payload of a workflow lies in: for every command of every recorded life."""
    said, sdk = owner.Sandbox.create_instance, SandboxedWorkflowRunner.create_instance
    answers: list[tuple[Any, Any]] = []

    def both(runner: owner.Sandbox, det: WorkflowInstanceDetails) -> WorkflowInstance:
        made = said(runner, det)
        quick, asked = made.get_external_store_context, made._workflow.get_external_store_context  # type: ignore[attr-defined]

        def answer(command: Any) -> Any:
            answers.append((quick(command), asked(command)))
            return answers[-1][0]

        monkeypatch.setattr(made, "get_external_store_context", answer)
        return made

    assert owner.Sandbox.create_instance is not sdk
    monkeypatch.setattr(owner.Sandbox, "create_instance", both)
    for path in FILES:
        await failure_of(path)
    assert len({str(one.target.id) for one, _ in answers}) > len(SHAPES)
    assert [pair for pair in answers if pair[0] != pair[1]] == []


def test_every_shape_is_recorded() -> None:
    """Each shape has its history, and the crash really made a second attempt."""
    assert {path.name.split(".")[0] for path in FILES} == set(SHAPES)
    kinds = _kinds()
    assert kinds["Audit"] >= 3
    assert kinds["ActionPlan"] >= 8
    assert kinds["Rollback"] >= 2
    assert kinds["Permits"] >= 1
    (crash,) = (path for path in FILES if path.name.startswith("crash_and_resume"))
    assert max(_attempts(crash)) >= 2


def test_no_history_tells_where_it_was_recorded() -> None:
    """Neither a path nor a process of the recording machine is in any history."""
    for path in FILES:
        assert not re.search(r"site-packages|\.venv|/tmp/|/home/|\d+@(?!worker)", path.read_text()), path.name


def _kinds() -> Counter[str]:
    begun = (json.loads(p.read_text())["events"][0] for p in FILES)
    return Counter(e["workflowExecutionStartedEventAttributes"]["workflowType"]["name"] for e in begun)


def _attempts(path: Path) -> list[int]:
    rows = (e.get("activityTaskStartedEventAttributes") for e in json.loads(path.read_text())["events"])
    return [row["attempt"] for row in rows if row]


def _failing(failures: dict[str, Exception | None]) -> list[str]:
    return sorted(name for name, failure in failures.items() if failure is not None)


async def test_another_order_of_starts_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dispatcher that starts the same actions in another order does not replay."""
    startable = Progress.startable
    monkeypatch.setattr(Progress, "startable", lambda self: list(startable(self))[::-1])
    failing = _failing({path.stem: await failure_of(path) for path in FILES})
    assert "skip.plan" in failing
    assert "refused_document.plan" not in failing


async def test_another_activity_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """An activity of another name does not replay, and the complaint names both."""

    async def admit(document: dict[str, Any], *more: Any) -> dict[str, Any]:
        return await calls._call("plan.examine", dict[str, Any], [document, *more], "check the plan")

    monkeypatch.setattr(calls, "admit_plan", admit)
    failure = await failure_of(HISTORIES / "success.plan.json")
    assert failure is not None
    assert "plan.examine" in str(failure)
    assert "plan.admit" in str(failure)
