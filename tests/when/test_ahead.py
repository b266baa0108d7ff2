"""What a worker is shown of a workflow belongs to a workflow task, or is refused."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.client import OutboundInterceptor, QueryWorkflowInput, WorkflowQueryFailedError

from workflows.wire import ahead
from workflows.wire.ahead import Tasks


def shown(length: int, *, at: int, size: int, kind: str = "signal_workflow") -> WorkflowActivation:
    act = WorkflowActivation(history_length=length, history_size_bytes=size, is_replaying=False)
    act.timestamp.seconds = at
    getattr(act.jobs.add(), kind).SetInParent()
    return act


def test_more_of_the_history_without_a_new_task_is_refused() -> None:
    """Until a task begins, and however often it is shown, what came since is not decided upon."""
    tasks = Tasks()
    assert not tasks.shows_ahead(shown(4, at=10, size=900))
    for length in (9, 9, 14):
        assert tasks.shows_ahead(shown(length, at=10, size=900))
    assert not tasks.shows_ahead(shown(17, at=12, size=1500))


def test_a_task_is_one_also_while_the_clock_of_the_server_is_behind() -> None:
    """A workflow's time never goes back: between two servers it may stand still over tasks."""
    tasks = Tasks()
    for length, size in ((4, 900), (9, 1500), (14, 2100)):
        assert not tasks.shows_ahead(shown(length, at=10, size=size))


def test_a_task_may_show_itself_in_pieces_and_be_asked() -> None:
    """What Temporal answers within a task comes at the same length; queries change nothing at any length."""
    tasks = Tasks()
    for length, kind in ((9, "signal_workflow"), (9, "do_update"), (14, "query_workflow"), (9, "fire_timer")):
        assert not tasks.shows_ahead(shown(length, at=10, size=900, kind=kind))


class Worker(OutboundInterceptor):
    """Whoever answers queries at the other end: first with these refusals, then with an answer."""

    def __init__(self, *refusals: str) -> None:
        self.left = list(refusals)

    async def query_workflow(self, input: QueryWorkflowInput) -> Any:
        if self.left:
            raise WorkflowQueryFailedError(self.left.pop(0))
        return "told"


async def answer(worker: Worker) -> Any:
    asked = QueryWorkflowInput("plan/x", None, "record", [], None, {}, None, {}, None)
    return await ahead.AsksAgain().intercept_client(worker).query_workflow(asked)


async def test_a_client_asks_again_what_was_refused_while_a_worker_takes_over() -> None:
    assert await answer(Worker(ahead.SAID)) == "told"


@pytest.mark.parametrize("refusals", [("it does not replay",), (ahead.SAID,) * 3])
async def test_other_refusals_and_lasting_ones_reach_whoever_asked(
    refusals: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "ASKED", 2)
    worker = Worker(*refusals)
    with pytest.raises(WorkflowQueryFailedError, match=refusals[-1]):
        await answer(worker)
    assert worker.left == []
