"""What Temporal's history says about a workflow: how long each step took, and which were taken over."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

E = EventType


class Step(NamedTuple):
    """One activity that was carried out: its type and id, when it began and ended, by which attempt."""

    kind: str
    id: str
    began: datetime
    ended: datetime
    attempt: int

    @property
    def seconds(self) -> float:
        return (self.ended - self.began).total_seconds()


class Chronicle(NamedTuple):
    began: datetime
    ended: datetime
    runs: int  # one, and one more for each continue-as-new
    steps: list[Step]

    @property
    def seconds(self) -> float:
        return (self.ended - self.began).total_seconds()

    def of(self, kind: str) -> list[Step]:
        return [step for step in self.steps if step.kind == kind]


async def read(client: Client, id: str) -> Chronicle:
    """The whole life of a workflow, over all its runs."""
    told = await client.get_workflow_handle(id).describe()
    run: str | None = told.raw_description.workflow_execution_info.first_run_id or told.run_id
    steps: list[Step] = []
    moments: list[datetime] = []
    runs = 0
    while run:
        runs, follower = runs + 1, ""
        scheduled: dict[int, HistoryEvent] = {}
        started: dict[int, HistoryEvent] = {}
        async for event in client.get_workflow_handle(id, run_id=run).fetch_history_events():
            moments.append(_moment(event))
            if event.event_type == E.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                scheduled[event.event_id] = event
            elif event.event_type == E.EVENT_TYPE_ACTIVITY_TASK_STARTED:
                started[event.activity_task_started_event_attributes.scheduled_event_id] = event
            elif event.event_type == E.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                of = event.activity_task_completed_event_attributes.scheduled_event_id
                steps.append(_step(scheduled[of], started[of], event))
            elif event.event_type == E.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
                follower = event.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
        run = follower
    return Chronicle(moments[0], moments[-1], runs, steps)


def _step(scheduled: HistoryEvent, started: HistoryEvent, ended: HistoryEvent) -> Step:
    given = scheduled.activity_task_scheduled_event_attributes
    attempt = started.activity_task_started_event_attributes.attempt
    return Step(given.activity_type.name, given.activity_id, _moment(scheduled), _moment(ended), attempt)


def _moment(event: HistoryEvent) -> datetime:
    return event.event_time.ToDatetime(tzinfo=UTC)
