"""What a worker is shown of a workflow belongs to a workflow task, or is refused."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.client import Client, OutboundInterceptor, QueryWorkflowInput, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

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


async def test_other_refusals_reach_whoever_asked() -> None:
    with pytest.raises(WorkflowQueryFailedError, match="does not replay"):
        await answer(Worker("it does not replay", ahead.SAID))


async def test_a_refusal_that_lasts_is_told_as_if_nobody_were_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So whoever asked may take it for what it is: not the plan's fault."""
    monkeypatch.setattr(ahead, "ASKED", 2)
    with pytest.raises(RPCError, match=ahead.SAID) as told:
        await answer(Worker(*[ahead.SAID] * 3))
    assert told.value.status == RPCStatusCode.UNAVAILABLE


async def test_what_temporal_does_not_tell_in_time_is_not_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a Temporal that is away nor one that is slow keeps a workflow's thread."""

    class Silent:
        async def describe_workflow_execution(self, asked: Any) -> Any:
            if asked.execution.run_id == "away":
                raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
            await asyncio.sleep(60)

    monkeypatch.setattr(ahead, "TELLS", 0.01)
    client = cast(Client, SimpleNamespace(namespace="default", workflow_service=Silent()))
    for run in ("away", "slow"):
        assert not await asyncio.to_thread(ahead.is_over, client, "plan/x", run)
