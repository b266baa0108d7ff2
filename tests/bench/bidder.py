"""A plan that only asks for permits: the load of the benchmark."""

from __future__ import annotations

from temporalio import workflow
from temporalio.common import RawValue

from plan_schemas.frozen import EMPTY
from plan_schemas.plan import Action, Execution, Plan, Touches
from workflows.sharing.exchange import Answer
from workflows.sharing.leave import Leave
from workflows.stages.liaison import Liaison


@workflow.defn(name="Bidder")
class Bidder:
    """A plan that only asks for permits, one round after the other, and notes how long each took."""

    def __init__(self) -> None:
        self.liaison: Liaison | None = None

    @workflow.run
    async def run(self, number: int, rounds: int, hosts: int) -> list[float]:
        info = workflow.info()
        plan = Plan(info.workflow_id, "bench", "2026-01-01T00:00:00Z", Execution(), EMPTY, ())
        leave = Leave(info.workflow_id, info.run_id, "bench")
        self.liaison = Liaison(leave, workflow.logger.warning)
        self.liaison.begin()
        leave.greet()
        await workflow.wait_condition(lambda: leave.heard)
        r, took = workflow.random(), []
        for n in range(rounds):
            out, into = r.sample(range(hosts), 2)
            touches = Touches(f"vm-{number}-{n}", f"h{out}", f"h{into}")
            action = Action(f"m{n}", "migrate", EMPTY, "", touches=touches)
            asked = workflow.time()
            granted = [action.id] if leave.has(action, plan) else []  # at once, while it is alone
            leave.settle([action.id])
            while not granted:
                await workflow.wait_condition(lambda: bool(leave._arrived))
                granted = leave.granted()
            took.append(workflow.time() - asked)
            leave.give_back(action.id)
            leave.settle([])
        await self.liaison.end()
        return took

    @workflow.signal(name="permits")
    def permits(self, payload: RawValue) -> None:
        answer = workflow.payload_converter().from_payload(payload.payload, Answer)
        if self.liaison is not None:
            self.liaison.leave.hear(answer)
