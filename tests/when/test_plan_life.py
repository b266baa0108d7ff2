"""Every message at every moment, against all that decides: control, progress, dispatch and leave.

What is demanded is kept beside them, by what was said and what happened; a run may be full at any moment.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, assume, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from plan_schemas.plan import ActionState, Plan, PlanState, SkipCause, to_document
from tests.when.plans import assert_within_limits, ended_well, known, policies
from workflows.plan import handover
from workflows.plan.control import Control
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
SELDOM = st.sampled_from([False, False, False, True])
STOPPING = ("rollback", "stop")
REVIEWED = (messages.APPROVE, messages.REJECT, messages.SUPERSEDE)


class PlanLife(RuleBasedStateMachine):
    """What the workflow does with these objects, and nothing of Temporal."""

    @initialize(
        plan=policies(),
        soon=st.sampled_from([True, True, True, False]),
        failing=st.sets(st.integers(0, 8), max_size=4),
    )
    def begin(self, plan: Plan, soon: bool, failing: set[int]) -> None:
        self.failing = {a.id for i, a in enumerate(plan.actions) if i in failing}  # once nobody is in the way
        self.aborted: set[str] = set()
        self.started: dict[str, int] = {}
        self.reopened: set[str] = set()
        self.wanted: dict[int, str] = {}  # tickets that the permits know, not granted yet
        self.runs = False
        self.last: tuple[Command, Message] | None = None
        # What was said, as far as it was obeyed, and what holds on the cloud.
        self.paused = self.stopped = self.frozen = self.closed = self.full = False
        self.held = set[str]()
        self._run_of(Control(self.aborted.add), Leave("plan/p", "run", "c"), Progress(plan))
        self.control.turn(P.RECOMMENDED, "waits for approval")
        self.leave.greet()
        if soon:  # most of what there is to see comes after that
            self.leave.hear(Answer())
            self._say(messages.APPROVE, messages.APPROVE.payload(by="ann"))

    def _run_of(self, control: Control, leave: Leave, progress: Progress) -> None:
        """What a run of the workflow puts together."""
        self.control, self.leave, self.progress = control, leave, progress
        control.progress = progress
        cancelling = Cancelling(control, lambda: None)
        self.dispatch = Dispatch(progress, leave, control.left_out, cancelling, lambda: self.full)

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

    @precondition(lambda self: getattr(self, "runs", False))
    @rule(data=st.data(), what=st.sampled_from("hhfcp"), then=st.sampled_from("gef"))
    def stop_starts(self, data: st.DataObject, what: str, then: str) -> None:
        """An action is held, the cloud frozen, the window closed or the plan paused: then things go on."""
        given = {"by": "eve"}
        if what == "h" and (pending := self.progress.those(S.PENDING)):
            action = {**given, "action": data.draw(st.sampled_from(pending))}
            self._say(messages.HOLD_ACTION, messages.HOLD_ACTION.payload.model_validate(action))
        elif what == "f":
            self.freeze(True)
        elif what == "c":
            self.open_or_close_the_window(True)
        else:
            self._say(messages.PAUSE, messages.PAUSE.payload.model_validate(given))
        if then == "f":
            self.fill()
        if then == "g":
            self._granted(list(self.wanted))
        for id in [] if then == "g" else self.progress.running:
            if id in self.progress.running:
                self._end(id, S.SUCCEEDED)

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
        self._note(command, message)
        if self.control.review is messages.APPROVE and not self.runs:
            self.runs = True
            self.control.turn(P.ONGOING, "runs")
        self._look()

    def _note(self, command: Command, message: Message) -> None:
        """What from now on must not happen."""
        if command in (messages.PAUSE, messages.RESUME):
            self.paused = command is messages.PAUSE
        back = command is messages.DECIDE and getattr(message, "choice", "") == "roll_back"
        self.stopped |= back or command in (messages.CANCEL, messages.ROLL_BACK)
        if command is messages.HOLD_ACTION:
            self.held.add(getattr(message, "action", ""))
        if command is messages.RELEASE_ACTION:
            self.held.discard(getattr(message, "action", ""))

    def _refusal(self, command: Command, message: Message) -> str:
        try:
            self.control.check(command, message)
        except ValueError as refused:
            return str(refused)
        return ""

    # -- the world ------------------------------------------------------------------------------------------

    @rule(closed=SELDOM)
    def open_or_close_the_window(self, closed: bool) -> None:
        self.closed = closed
        self.progress.closed = "until nine" if closed else ""
        self._look()

    @rule(frozen=SELDOM)
    def freeze(self, frozen: bool) -> None:
        self.frozen = frozen
        self.leave.hear(Answer(frozen="frozen by eve" if frozen else ""))
        self._look()

    @rule()
    def fill(self) -> None:
        """The history of this run is full: from now on it only drains, and then the next one begins."""
        self.full = True
        if self.runs:
            self._look()
        else:
            self._go_on()

    def _go_on(self) -> None:
        """Continue as new: what was said and done is the same in the next run, and so is what is to come."""
        self._tell_permits()
        self.progress.drains = False  # of this run alone
        before = self._seen()
        plan, document = to_document(self.progress.plan), handover.of_plan(self.control, {})
        document = json.loads(json.dumps({**document, "leave": self.leave.document()}))
        control, leave = Control(self.aborted.add), Leave("plan/p", "the next run", "c")
        handover.restore_plan(control, plan, document)
        leave.restore(document["leave"])
        assert control.progress is not None
        self.full = False
        self._run_of(control, leave, control.progress)
        assert self._seen() == before
        assert not self.wanted, f"nobody waits any more for {self.wanted}"
        self._look()

    def _seen(self) -> dict[str, Any]:
        """All that anybody can see of the plan, and what people said to it."""
        own = ("_abort", "heard", "progress")  # of one run alone, or seen below
        said = {k: v for k, v in vars(self.control).items() if k not in own}
        return {**known(self.progress), "said": said, "frozen": self.leave.frozen, "heard": self.leave.heard}

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
        plan = self.progress.plan
        self.stopped |= state == S.FAILED and plan.on_failure(self.progress.actions[id]) in STOPPING
        self.stopped |= (state, cause, plan.execution.on_drift) == (S.SKIPPED, SkipCause.DRIFT, "stop")
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
        self._nobody_decides(data.draw(st.sampled_from(list(self.progress.asking))))

    def _nobody_decides(self, id: str) -> None:
        self.stopped |= self.progress.plan.execution.on_no_decision in STOPPING
        self.control.nobody_decided(id, AT)
        self._look()

    # -- what must hold -------------------------------------------------------------------------------------

    def _look(self) -> None:
        """The dispatcher looks after every change, as in the workflow."""
        if not self.runs:
            assert not self.started, "something started before it was approved"
            return
        p, before = self.progress, self._states()
        p.drains = p.drains or self.full
        stands = [w for w in ("paused", "stopped", "frozen", "closed", "full") if getattr(self, w)]
        stands += [*(f"asks about {id}" for id in p.asking), *([p.breaker.open] if p.breaker.open else [])]
        for id in self.dispatch._starting():
            assert not stands, f"{id} started although: {stands}"
            assert self.leave.heard, f"{id} started before it was known whether the cloud is frozen"
            assert before[id] == S.PENDING, f"{id} started while {before[id]}"
            assert id not in self.held, f"{id} started although a person holds it"
            assert id not in self.started or id in self.reopened, f"{id} started twice"
            for needed in p.actions[id].needs:
                assert ended_well(p.standing[needed]), f"{id} started although {needed} did not end well"
            if slots(p.actions[id], p.plan):
                assert id in self.leave.held, f"{id} started without its permit"
            self.started[id] = self.started.get(id, 0) + 1
            self.reopened.discard(id)
        self._tell_permits()
        self._limits_hold()
        if p.drains and not p.over and not p.running:  # as the dispatcher answers
            self._go_on()

    def _tell_permits(self) -> None:
        """The permits read what the plan says to them."""
        if not self.leave.has_news:
            return
        said = self.leave.take()
        for want in said.wants:
            self.wanted[want.ticket] = want.action
        for ticket in (*said.withdraws, *said.gives_back):
            self.wanted.pop(ticket, None)

    def _limits_hold(self) -> None:
        p = self.progress
        assert_within_limits(p)
        shares = Counter(name for id in p.running for name in p.actions[id].shares)
        assert all(n <= p.plan.shares[name].limit for name, n in shares.items()), f"over budget: {shares}"

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
                self._end(id, S.FAILED if id in self.failing else S.SUCCEEDED)
            if self.progress.breaker.open:
                self._nothing_is_in_the_way()
            for id in list(self.progress.asking):
                self._nobody_decides(id)
            if self.wanted:
                self._granted(list(self.wanted))
        assert self.progress.over, f"it hangs: {self._states()}, asks for {self.wanted}"
        assert not self.leave.held, f"it keeps the permits of {list(self.leave.held)}"
        self._undo()

    def _nothing_is_in_the_way(self) -> None:
        self.progress.paused, self.progress.closed = False, ""
        self.paused = self.frozen = self.closed = False
        self.progress.breaker.close()
        self.held = set()
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
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much],
)
