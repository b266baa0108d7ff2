"""PURE state machine of a plan: what may start, and what a result changes.

Nothing here knows Temporal, a clock or a type of action. The workflow feeds results in and starts what it is
told; the same object serves the way forward and the way back (an undo is a plan of inverse actions).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Literal

from plan_schemas.plan import Action, ActionState, Plan, SkipCause
from workflows.plan.breaker import Breaker
from workflows.plan.consent import Consent
from workflows.plan.standing import ENDED, Standing, fate
from workflows.plan.turns import Turns

S = ActionState
Choice = Literal["retry", "skip", "fail"]


class Progress:
    """The life of one plan's actions. Every method is deterministic in the order of calls."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.actions: dict[str, Action] = {a.id: a for a in plan.actions}
        self.standing: dict[str, Standing] = {a.id: Standing() for a in plan.actions}
        self.paused = False
        self.stopped = ""  # why nothing new starts any more; empty while things may start
        self.closed = ""  # until when no window is open; empty while one is
        self.frozen = ""  # why nothing starts on this cloud now, or not known yet
        self.drains = False  # nothing starts until what runs has ended and the next run of the plan goes on
        # Pending actions with slots here that wait for a permit, and for what.
        self.queued: dict[str, str] = {}
        self.changes: list[tuple[str, ActionState]] = []  # what changed its state, and from which, until told
        self.back: Progress | None = None  # the way back, once it has begun
        self.forth: Progress | None = None  # of a way back: the way forward that it undoes
        self.held: dict[str, str] = {}  # pending actions that shall not start yet, and who said so and why
        self.asking: dict[str, str] = {}  # failed actions that a person has to decide on, and how they failed
        self.consent = Consent()
        self.breaker = Breaker(plan.execution.breaker)
        self.counts: Counter[ActionState] = Counter({S.PENDING: len(self.actions)})
        self._turns = Turns(plan.actions, plan.execution.limits, plan.shares)
        self._needed_by: dict[str, list[str]] = {a.id: [] for a in plan.actions}
        self._waited_by: dict[str, list[str]] = {a.id: [] for a in plan.actions}
        self._missing = {a.id: len(a.waits_for) for a in plan.actions}
        for action in plan.actions:
            for id in action.needs:
                self._needed_by[id].append(action.id)
            for id in action.waits_for:
                self._waited_by[id].append(action.id)
        for id in (id for id, missing in self._missing.items() if not missing):
            self._turns.add(id)

    # -- what may start ---------------------------------------------------------------------------------

    def startable(self) -> list[str]:
        """The actions to start now, best first, within the limits. Call again after every change."""
        if self.paused or self.stopped or self.asking or self.closed or self.drains:
            for id in list(self.queued):  # others may go first meanwhile
                self.retract(id)
            return []
        if self.frozen:
            return []
        room = self.plan.execution.limits.parallel - self.counts[S.ONGOING] - len(self.queued)
        return self._turns.choose(room, self._may_start, self._begin)

    def _may_start(self, id: str) -> bool:
        action = self.actions[id]
        if self._is_held(id) or not self._turns.fits(id):
            return False
        waiting = [w for w in self._waited_by[id] if self.standing[w].state == S.PENDING]
        if not action.just_in_time or not waiting:
            return True
        for dependant in waiting:
            if self._almost_ready(dependant) and self._turns.fits(dependant):
                self._turns.reserve(id, dependant)
                return True
        return False

    def _almost_ready(self, id: str) -> bool:
        """Whether nothing but just-in-time actions that could run now stands before this one."""
        if self.standing[id].state != S.PENDING or self._is_held(id):
            return False
        waits = (w for w in self.actions[id].waits_for if self.standing[w].state not in ENDED)
        return all(self.actions[w].just_in_time and not self._missing[w] for w in waits)

    def _is_held(self, id: str) -> bool:
        return id in self.held or id in self.consent.waiting

    def _begin(self, id: str) -> None:
        self._turns.take(id)
        self.set(id, S.ONGOING)

    def lacks(self, id: str) -> str:
        """Of which budget this plan alone uses so much that there is no place for an action, in words."""
        return self._turns.lacks(id)

    def ahead(self, id: str) -> Action | None:
        """Whom a just-in-time action that starts now prepares the way for."""
        return self._turns.ahead(id)

    def queue(self, id: str, why: str) -> None:
        """An action that was to start needs a permit first; its slots here stay its own."""
        self.set(id, S.PENDING)
        self.queued[id] = why

    def permit(self, id: str) -> None:
        """The permit of a queued action has come: it starts."""
        del self.queued[id]
        self.set(id, S.ONGOING)

    def retract(self, id: str) -> None:
        """A queued action goes back to those that may start, without any slot."""
        self._vacate(id)
        self._turns.add(id)

    def _vacate(self, id: str) -> None:
        """Whatever a queued action has here is free again."""
        if self.queued.pop(id, None) is not None:
            self._turns.free(id)

    # -- what a result changes --------------------------------------------------------------------------

    def finish(
        self,
        id: str,
        state: ActionState,
        why: str = "",
        cause: SkipCause | None = None,
        evidence: dict[str, Any] | None = None,
    ) -> None:
        """A running action ended. Raises ValueError when it was not running."""
        if self.standing[id].state != S.ONGOING:
            raise ValueError(f"{id} is {self.standing[id].state}, not ONGOING")
        self._turns.free(id)
        if state == S.FAILED and not self.stopped and self.plan.on_failure(self.actions[id]) == "ask":
            self.set(id, state, why)
            self.standing[id].evidence = evidence or {}
            self.asking[id] = why
        else:
            self._end(id, state, why, cause, evidence)

    def skip(self, id: str, why: str, cause: SkipCause = SkipCause.PERSON) -> None:
        """A pending action is left out, by a person unless told. Raises ValueError when it is not pending."""
        self._settle(id, S.SKIPPED, why, cause)

    def cancel(self, id: str, why: str) -> None:
        """A person cancels a pending action, and with it all that needs it. Raises ValueError as above."""
        self._settle(id, S.CANCELLED, why, SkipCause.PERSON)

    def hold(self, id: str, why: str) -> None:
        """A pending action shall not start until it is released."""
        self.held[id] = why
        if id in self.queued:
            self.retract(id)

    def release(self, id: str) -> None:
        self.held.pop(id, None)

    def with_needs(self, ids: Iterable[str]) -> list[str]:
        """These and all that they wait for, over whatever edges, in the order of the plan."""
        found: set[str] = set()
        rest = list(ids)
        while rest:
            id = rest.pop()
            if id not in found:
                found.add(id)
                rest.extend(self.actions[id].waits_for)
        return [id for id in self.actions if id in found]

    def keep_only(self, ids: Iterable[str], why: str) -> list[str]:
        """Leave out all but these and what they wait for; answers what is kept."""
        kept = dict.fromkeys(self.with_needs(ids))
        for id in self.actions:
            if id not in kept and self.standing[id].state == S.PENDING:
                self.skip(id, why, SkipCause.UNAPPROVED)
        return list(kept)

    @property
    def unapproved(self) -> list[str]:
        """The pending actions that a person has to approve before they may start."""
        return [id for id in self.consent.waiting if self.standing[id].state == S.PENDING]

    def decide(self, id: str, choice: Choice, why: str) -> None:
        """What becomes of a failed action that was asked about, and of those that wait for it."""
        failed = self.asking.pop(id)
        if choice == "retry":
            self._reopen((id,))
            return
        self.set(id, S.PENDING)  # only for a moment: what ends here has not been told to its dependants
        if choice == "skip":
            self._end(id, S.SKIPPED, f"{why}, after it failed: {failed}", SkipCause.PERSON)
        else:
            self._end(id, S.FAILED, failed)

    def retry(self, id: str) -> None:
        """What ended otherwise than wanted, and all that did not run for its sake, is to be done yet."""
        ids, rest = dict[str, None](), [id]  # in an order that a replay finds again
        while rest:
            one = rest.pop()
            if one not in ids:
                ids[one] = None
                rest.extend(d for d in self._needed_by[one] if self._was_left_out(d))
                rest.extend(n for n in self.actions[one].needs if self._was_left_out(n))
        self._reopen(ids)

    def _was_left_out(self, id: str) -> bool:
        """Whether an action ended without a fault or a wish of its own."""
        standing = self.standing[id]
        return bool(standing.root) or standing.cause == SkipCause.DEPENDENCY

    def _reopen(self, ids: Collection[str]) -> None:
        for id in ids:
            self.set(id, S.PENDING)
            self.standing[id].root = ""
            self.standing[id].evidence = {}
        self.line_up()
        for id in self.actions:  # another one that it needs may have failed too
            if id in ids and self.standing[id].state == S.PENDING:
                for before in self.actions[id].needs:
                    if not self._is_open(before) and not self.standing[before].satisfies:
                        self._end(id, *fate(before, self.standing[before]))
                        break

    def line_up(self) -> None:
        """Find anew who is ready, from how every action stands."""
        self._turns.clear()
        for id, action in self.actions.items():
            self._missing[id] = sum(self._is_open(w) for w in action.waits_for)
            if not self._missing[id] and self.standing[id].state == S.PENDING and id not in self.queued:
                self._turns.add(id)

    def _is_open(self, id: str) -> bool:
        return id in self.asking or self.standing[id].state not in ENDED

    def _settle(self, id: str, state: ActionState, why: str, cause: SkipCause | None = None) -> None:
        if self.standing[id].state != S.PENDING:
            raise ValueError(f"{id} is {self.standing[id].state}, not PENDING")
        self._end(id, state, why, cause)

    def stop(self, why: str) -> None:
        """Start nothing more; what runs may end. Pending actions become CANCELLED."""
        self.stopped = self.stopped or why
        for id in list(self.asking):
            self.decide(id, "fail", "")
        for id, standing in self.standing.items():
            if standing.state == S.PENDING:
                self._turns.drop(id)
                self._vacate(id)
                self.set(id, S.CANCELLED, f"not started: {why[:200]}")  # told once per action

    def _end(
        self,
        id: str,
        state: ActionState,
        why: str,
        cause: SkipCause | None = None,
        evidence: dict[str, Any] | None = None,
    ) -> None:
        todo = [(id, state, why, cause)]
        while todo:
            one, its_state, its_why, its_cause = todo.pop()
            if self.standing[one].state in ENDED:
                continue
            self._turns.drop(one)
            self._vacate(one)
            self.set(one, its_state, its_why, its_cause)
            todo.extend(self._after(one))
        if evidence:
            self.standing[id].evidence = evidence

    def _after(self, id: str) -> Iterator[tuple[str, ActionState, str, SkipCause | None]]:
        """Those that cannot run any more now that `id` ended; the others come nearer to their start."""
        standing = self.standing[id]
        if not standing.satisfies:
            for dependant in self._needed_by[id]:
                if self.standing[dependant].state == S.PENDING:
                    its = fate(id, standing)
                    self.standing[dependant].root = standing.root or its[1]
                    yield (dependant, *its)
        for waiter in self._waited_by[id]:
            self._missing[waiter] -= 1
            if not self._missing[waiter] and self.standing[waiter].state == S.PENDING:
                self._turns.add(waiter)
        for before in self.actions[id].needs:
            if self._is_pointless(before):
                yield before, S.SKIPPED, "nothing that needs it is left to do", SkipCause.DEPENDENCY

    def _is_pointless(self, id: str) -> bool:
        return (
            self.actions[id].just_in_time
            and self.standing[id].state == S.PENDING
            and all(self.standing[d].state in ENDED for d in self._needed_by[id])
        )

    def set(self, id: str, state: ActionState, why: str = "", cause: SkipCause | None = None) -> None:
        """An action's state is this now. What follows from it is for the callers."""
        standing = self.standing[id]
        if standing.state != state:
            self.changes.append((id, standing.state))
        self.counts[standing.state] -= 1
        self.counts[state] += 1
        standing.state, standing.why, standing.cause = state, why, cause

    @property
    def running(self) -> list[str]:
        return self.those(S.ONGOING)

    @property
    def over(self) -> bool:
        """Whether every action has ended, and nobody is asked about one."""
        return not self.counts[S.PENDING] and not self.counts[S.ONGOING] and not self.asking

    def those(self, state: ActionState) -> list[str]:
        """The actions in this state."""
        if not self.counts[state]:
            return []
        return [id for id, s in self.standing.items() if s.state == state]
