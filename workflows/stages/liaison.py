"""Carries what a plan and the permits of its cloud say, one exchange at a time: none overtakes another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from workflows import calls
from workflows.sharing.exchange import Answer, Exchange
from workflows.sharing.leave import Leave

AGAIN = timedelta(seconds=5)
SILENCE, LONGEST = timedelta(seconds=30), timedelta(minutes=10)  # after which a plan that waits asks anew


def does_not_run(error: ApplicationError) -> bool:
    """Whether a signal found nobody: the workflow never ran, or has ended."""
    return error.type == "ExternalWorkflowExecutionNotFound"


def hear(liaison: Liaison | None, payload: RawValue) -> str:
    """Let a plan's side hear what the permits answer. Says what is wrong with an answer that is none."""
    try:
        answer = workflow.payload_converter().from_payload(payload.payload, Answer)
    except ApplicationError as error:
        return f"signal permits: {error.message}"
    if liaison is not None:
        liaison.leave.hear(answer)
    return ""


class Liaison:
    """Says whatever is new on a plan's side, whenever something is."""

    def __init__(self, leave: Leave, complain: Callable[[str], None]) -> None:
        self.leave = leave
        self._complain = complain
        self._task: asyncio.Task[None] | None = None
        self._knocking: asyncio.Task[None] | None = None
        self._over = False
        self._speaks = False

    def begin(self) -> None:
        """From now on."""
        if self._task is None:
            self._task = asyncio.create_task(self._carry())
            self._knocking = asyncio.create_task(self._knock())

    async def end(self) -> None:
        """Say goodbye, and wait until it is said."""
        self.leave.say_goodbye()
        self._over = True
        if self._knocking is not None:
            self._knocking.cancel()
        if self._task is not None:
            await self._task

    async def rest(self) -> None:
        """Wait until everything is said."""
        if self._task is not None:
            await workflow.wait_condition(lambda: not self.leave.has_news and not self._speaks)

    async def _carry(self) -> None:
        while True:
            await workflow.wait_condition(lambda: self.leave.has_news or self._over)
            if not self.leave.has_news:
                return
            self._speaks = True
            await self._deliver(self.leave.take())
            self._speaks = False

    async def _knock(self) -> None:
        """Permits that were terminated tell nobody: a plan that waits and hears nothing says all anew, which
        opens others if there are none, and changes nothing if they are there."""
        silence = SILENCE
        while True:
            await workflow.wait_condition(lambda: self.leave.listens)
            answers = self.leave.answers
            await workflow.sleep(silence, summary="until the permits are asked whether they are there")
            if self.leave.listens and self.leave.answers == answers:
                self.leave.announce()
                silence = min(silence * 2, LONGEST)

    async def _deliver(self, exchange: Exchange) -> None:
        id = f"permits/{self.leave.cloud}"
        while True:
            said = exchange.model_dump(exclude_defaults=True)
            try:
                await workflow.get_external_workflow_handle(id).signal("exchange", said)
            except ApplicationError as error:
                if does_not_run(error) and (exchange.leaves or self._over):
                    return  # whoever opens them next asks, and finds this plan ended
                if does_not_run(error):
                    await calls.open_permits(self.leave.cloud)
                    self.leave.start_over()
                    exchange = self.leave.take()
                else:
                    self._complain(f"{id} could not be told: {error.message}; it is tried again")
                    await workflow.sleep(AGAIN, summary=f"until {id} is told again")
            else:
                return
