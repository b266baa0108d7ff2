"""Every message at every moment, against all that decides: control, progress, dispatch and leave."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, assume, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from plan_schemas.frozen import FrozenDict
from plan_schemas.plan import ActionState, Plan, PlanState, SkipCause
from tests.test_progress import NOP, plans
from workflows.plan.control import Control
from workflows.plan.standing import ENDED
from workflows.plan.way_back import revert, reverted, to_undo
from workflows.progress import Progress
from workflows.sharing.exchange import Answer
from workflows.sharing.leave import Leave
from workflows.sharing.slots import slots
from workflows.stages.cancelling import Cancelling
from workflows.stages.dispatch import Dispatch
from workflows.wire import messages
from workflows.wire.messages import Command, Message

P, S = PlanState, ActionState
AT = "2026-01-01 00:00:00Z"
ON_FAILURE = ["rollback", "stop", "continue", "ask"]
REVIEWED = (messages.APPROVE, messages.REJECT, messages.SUPERSEDE)


@st.composite
def policies(draw: st.DrawFn) -> Plan:
    """A plan with all that policies may say of failures, cancels and drift."""
    plan = draw(plans())
    execution = replace(
        plan.execution,
        mode="approve",
        on_failure=draw(st.sampled_from(ON_FAILURE)),
        on_no_decision=draw(st.sampled_from(ON_FAILURE[:3])),
        on_cancel=draw(st.sampled_from(["rollback", "stop"])),
        on_drift=draw(st.sampled_from(["skip", "stop"])),
    )
    return replace(
        plan, execution=execution, types=FrozenDict(nop=replace(NOP, abortable=draw(st.booleans())))
    )


class PlanLife(RuleBasedStateMachine):
    """What the workflow does with these objects, and nothing of Temporal."""

    @initialize(plan=policies())
    def begin(self, plan: Plan) -> None:
        self.aborted: set[str] = set()
        self.started: dict[str, int] = {}
        self.reopened: set[str] = set()
        self.control = Control(self.aborted.add)
        self.progress = self.control.progress = Progress(plan)
        self.leave = Leave("plan/p", "run", "c")
        cancelling = Cancelling(self.control, lambda: None)
        self.dispatch = Dispatch(self.progress, self.leave, self.control.left_out, cancelling, lambda: False)
        self.wanted: dict[int, str] = {}  # tickets that the permits know, not granted yet
        self.runs = False
        self.last: tuple[Command, Message] | None = None
        self.control.turn(P.RECOMMENDED, "waits for approval")
        self.leave.greet()

    # -- people ---------------------------------------------------------------------------------------------

    @rule(data=st.data(), command=st.sampled_from(messages.COMMANDS))
    def say(self, data: st.DataObject, command: Command) -> None:
        """Any message to any action; refused ones change nothing."""
        assume(self.runs or command in (*REVIEWED, messages.CANCEL, messages.SKIP_ACTION))
        self._say(command, self._message(data, command))

    @precondition(lambda self: getattr(self, "last", None) is not None)
    @rule()
    def say_it_again(self) -> None:
        """The same message twice."""
        assert self.last is not None
        self._say(*self.last)

    def _message(self, data: st.DataObject, command: Command) -> Message:
        ids = [*self.progress.actions, "nobody"]
        given: dict[str, Any] = {"by": "eve", "reason": "because"}
        if "action" in command.payload.model_fields:
            given["action"] = data.draw(st.sampled_from(ids))
        if command is messages.DECIDE:
            given["choice"] = data.draw(st.sampled_from(["retry", "skip", "fail", "roll_back"]))
        if command is messages.APPROVE and data.draw(st.booleans()):
            given["actions"] = data.draw(st.lists(st.sampled_from(ids), min_size=1, max_size=3))
        if command in (messages.CANCEL, messages.ROLL_BACK):
            given |= {"abort": data.draw(st.booleans()), "rollback": data.draw(st.sampled_from([None, True]))}
        return command.payload.model_validate(given)

    def _say(self, command: Command, message: Message) -> None:
        before = self._states()
        if said := self._refusal(command, message):
            assert said.startswith(f"{command.name}: "), said
            assert self._states() == before
            return
        self.last = (command, message)
        answer = self.control.obey(command, message, "update", AT)
        assert answer
        assert answer in self.control.log[-1]
        self.reopened |= {id for id, s in self._states().items() if s == S.PENDING and before[id] != s}
        if self.control.review is messages.APPROVE and not self.runs:
            self.runs = True
            self.control.turn(P.ONGOING, "runs")
        self._look()

    def _refusal(self, command: Command, message: Message) -> str:
        try:
            self.control.check(command, message)
        except ValueError as refused:
            return str(refused)
        return ""

    # -- the world ------------------------------------------------------------------------------------------

    @rule(closed=st.booleans())
    def open_or_close_the_window(self, closed: bool) -> None:
        self.progress.closed = "until nine" if closed else ""
        self._look()

    @rule(frozen=st.booleans())
    def freeze(self, frozen: bool) -> None:
        self.leave.hear(Answer(frozen="frozen by eve" if frozen else ""))
        self._look()

    @rule(data=st.data())
    def grant(self, data: st.DataObject) -> None:
        """Permits come late, in any order, some for what is not wanted any more."""
        assume(self.wanted)
        tickets = data.draw(st.lists(st.sampled_from(list(self.wanted)), min_size=1, unique=True))
        self._granted(tickets)

    def _granted(self, tickets: list[int]) -> None:
        for ticket in tickets:
            del self.wanted[ticket]
        self.leave.hear(Answer(granted=tickets, frozen=self.leave.frozen))
        self._look()

    @rule(data=st.data(), state=st.sampled_from([S.SUCCEEDED, S.FAILED, S.SKIPPED, S.CANCELLED]))
    def end(self, data: st.DataObject, state: ActionState) -> None:
        assume(self.progress.running)
        id = data.draw(st.sampled_from(self.progress.running))
        assume(state != S.CANCELLED or id in self.aborted)
        cause = data.draw(st.sampled_from([SkipCause.ALREADY, SkipCause.DRIFT, SkipCause.PRECONDITION]))
        self._end(id, state, cause)

    def _end(self, id: str, state: ActionState, cause: SkipCause = SkipCause.ALREADY) -> None:
        self.aborted.discard(id)
        if state == S.CANCELLED:
            self.dispatch._cancelled(id, "was aborted", {"was": "there"})
        else:
            self.progress.finish(id, state, "because", cause if state == S.SKIPPED else None, {"seconds": 1})
        self.leave.give_back(id)
        self.control.after(id, AT)
        self._look()

    @rule(data=st.data())
    def nobody_decides(self, data: st.DataObject) -> None:
        assume(self.progress.asking)
        self.control.nobody_decided(data.draw(st.sampled_from(list(self.progress.asking))), AT)
        self._look()

    # -- what must hold -------------------------------------------------------------------------------------

    def _look(self) -> None:
        """The dispatcher looks after every change, as in the workflow."""
        if not self.runs:
            assert not self.started, "something started before it was approved"
            return
        p, before = self.progress, self._states()
        stands = p.paused or p.stopped or p.asking or p.closed or self.leave.obstacle
        for id in self.dispatch._starting():
            assert not stands, f"{id} started although: {stands}"
            assert before[id] == S.PENDING, f"{id} started while {before[id]}"
            assert id not in p.held, f"{id} started although a person holds it"
            assert id not in self.started or id in self.reopened, f"{id} started twice"
            for needed in p.actions[id].needs:
                assert p.standing[needed].satisfies, f"{id} started although {needed} did not end well"
            if slots(p.actions[id], p.plan):
                assert id in self.leave.held, f"{id} started without its permit"
            self.started[id] = self.started.get(id, 0) + 1
            self.reopened.discard(id)
        self._hand_over()
        self._limits_hold()

    def _hand_over(self) -> None:
        """The permits read what the plan says to them."""
        if not self.leave.has_news:
            return
        said = self.leave.take()
        for want in said.wants:
            self.wanted[want.ticket] = want.action
        for ticket in (*said.withdraws, *said.gives_back):
            self.wanted.pop(ticket, None)

    def _limits_hold(self) -> None:
        p, limits = self.progress, self.progress.plan.execution.limits
        running = [p.actions[id].touches for id in p.running]
        assert len(running) <= limits.parallel
        for host in ("h1", "h2", "h3"):
            assert sum(t.out == host for t in running) <= limits.out_per_host
            assert sum(t.into == host for t in running) <= limits.in_per_host
        for id, standing in p.standing.items():
            if standing.state in ENDED - {S.SUCCEEDED}:
                assert standing.why, f"{id} is {standing.state} without a reason"

    def _states(self) -> dict[str, ActionState]:
        return {id: s.state for id, s in self.progress.standing.items()}

    # -- the end --------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        """Once nobody and nothing is in the way, every action ends; undone is only what was done."""
        if not getattr(self, "runs", False):
            return
        self._nothing_is_in_the_way()
        for _ in range(20 * len(self.progress.actions)):
            if self.progress.over:
                break
            for id in self.progress.running[:1]:
                self._end(id, S.SUCCEEDED)
            for id in list(self.progress.asking):
                self.control.nobody_decided(id, AT)
                self._look()
            if self.wanted:
                self._granted(list(self.wanted))
        assert self.progress.over, f"it hangs: {self._states()}, asks for {self.wanted}"
        assert not self.leave.held, f"it keeps the permits of {list(self.leave.held)}"
        self._undo()

    def _nothing_is_in_the_way(self) -> None:
        self.progress.paused, self.progress.closed = False, ""
        for id in list(self.progress.held):
            self.progress.release(id)
        self.leave.hear(Answer())
        self._look()

    def _undo(self) -> None:
        state, sentence = self.control.outcome()
        assert sentence
        states = self._states()
        if S.FAILED in states.values() and self.control.cancelled is None:
            assert state != P.SUCCEEDED, "a plan with a failed action is a success"
        undone = to_undo(self.progress)
        assert set(undone) <= set(self.started), "what never began is to be undone"
        assert all(states[id] not in (S.SKIPPED, S.BLOCKED) for id in undone)
        done = {id for id, s in states.items() if s == S.SUCCEEDED}
        assert done <= set(undone), "something that was done is not to be undone"
        for id in undone:
            revert(self.progress, id)
            reverted(self.progress, id, replace(self.progress.standing[id], state=S.SUCCEEDED))
        assert all(self._states()[id] == S.REVERTED for id in undone)


TestPlanLife = PlanLife.TestCase
TestPlanLife.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much],
)
