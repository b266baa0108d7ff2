"""PURE state machine of a plan: what may start, what a result changes, what to undo, the verdict.

Nothing here knows Temporal, a clock or a type of action. The workflow feeds results in and starts what it is
told; the same object serves the way forward and the way back (an undo is a plan of inverse actions).
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from plan_schemas.plan import Action, ActionState, Plan, PlanState, SkipCause

S = ActionState
Choice = Literal["retry", "skip", "fail"]
ENDED = frozenset(S) - {S.PENDING, S.ONGOING, S.REVERTING}


@dataclass(slots=True)
class Standing:
    """What is known of one action now."""

    state: ActionState = S.PENDING
    why: str = ""
    cause: SkipCause | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    root: str = ""  # in a chain of those that need each other: why its first link cannot run

    @property
    def satisfies(self) -> bool:
        """Whether an action that needs this one may go on."""
        return self.state == S.SUCCEEDED or (self.state == S.SKIPPED and self.cause == SkipCause.ALREADY)


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
        # Pending actions with slots here that wait for a permit, and for what.
        self.queued: dict[str, str] = {}
        self.changes: list[tuple[str, ActionState]] = []  # what changed its state, and from which, until told
        self.back: Progress | None = None  # the way back, once it has begun
        self.held: dict[str, str] = {}  # pending actions that shall not start yet, and who said so and why
        self.asking: dict[str, str] = {}  # failed actions that a person has to decide on, and how they failed
        self.counts: Counter[ActionState] = Counter({S.PENDING: len(self.actions)})
        self._order = {a.id: i for i, a in enumerate(plan.actions)}
        self._needed_by: dict[str, list[str]] = {a.id: [] for a in plan.actions}
        self._waited_by: dict[str, list[str]] = {a.id: [] for a in plan.actions}
        self._missing = {a.id: len(a.waits_for) for a in plan.actions}
        for action in plan.actions:
            for id in action.needs:
                self._needed_by[id].append(action.id)
            for id in action.waits_for:
                self._waited_by[id].append(action.id)
        self._ready: list[tuple[float, int, str]] = []
        for action in plan.actions:
            if not self._missing[action.id]:
                self._make_ready(action.id)
        self._out: Counter[str] = Counter()
        self._into: Counter[str] = Counter()
        self._instances: set[str] = set()
        self._before: dict[str, tuple[ActionState, str]] = {}  # of what is being reverted
        self._reserved: dict[str, str] = {}  # running just-in-time action -> the dependant it runs for

    # -- what may start ---------------------------------------------------------------------------------

    def startable(self) -> list[str]:
        """The actions to start now, best first, within the limits. Call again after every change."""
        if self.paused or self.stopped or self.asking or self.closed:
            for id in list(self.queued):  # others may go first meanwhile
                self.retract(id)
            return []
        if self.frozen:
            return []
        chosen: list[str] = []
        for _, _, id in list(self._ready):
            if self.counts[S.ONGOING] + len(self.queued) >= self.plan.execution.limits.parallel:
                break
            if self._may_start(id):
                self._begin(id)
                chosen.append(id)
        return chosen

    def _may_start(self, id: str) -> bool:
        action = self.actions[id]
        if id in self.held or not self._fits(action):
            return False
        waiting = [w for w in self._waited_by[id] if self.standing[w].state == S.PENDING]
        if not action.just_in_time or not waiting:
            return True
        for dependant in waiting:
            if self._almost_ready(dependant) and self._fits(self.actions[dependant]):
                self._reserved[id] = dependant
                return True
        return False

    def _almost_ready(self, id: str) -> bool:
        """Whether nothing but just-in-time actions that could run now stands before this one."""
        if self.standing[id].state != S.PENDING or id in self.held:
            return False
        waits = (w for w in self.actions[id].waits_for if self.standing[w].state not in ENDED)
        return all(self.actions[w].just_in_time and not self._missing[w] for w in waits)

    def _fits(self, action: Action) -> bool:
        limits, touches = self.plan.execution.limits, action.touches
        return (
            (touches.out is None or self._out[touches.out] < limits.out_per_host)
            and (touches.into is None or self._into[touches.into] < limits.in_per_host)
            and (touches.instance is None or touches.instance not in self._instances)
        )

    def _occupy(self, id: str, sign: int) -> None:
        touches = self.actions[id].touches
        if touches.out is not None:
            self._out[touches.out] += sign
        if touches.into is not None:
            self._into[touches.into] += sign
        if touches.instance is not None:
            (self._instances.add if sign > 0 else self._instances.discard)(touches.instance)

    def _begin(self, id: str) -> None:
        self._drop_ready(id)
        self._set(id, S.ONGOING)
        self._occupy(id, +1)
        if id in self._reserved:
            self._occupy(self._reserved[id], +1)

    def ahead(self, id: str) -> Action | None:
        """Whom a just-in-time action that starts now prepares the way for."""
        return self.actions[self._reserved[id]] if id in self._reserved else None

    def queue(self, id: str, why: str) -> None:
        """An action that was to start needs a permit first; its slots here stay its own."""
        self._set(id, S.PENDING)
        self.queued[id] = why

    def permit(self, id: str) -> None:
        """The permit of a queued action has come: it starts."""
        del self.queued[id]
        self._set(id, S.ONGOING)

    def retract(self, id: str) -> None:
        """A queued action goes back to those that may start, without any slot."""
        self._vacate(id)
        self._make_ready(id)

    def _vacate(self, id: str) -> None:
        """Whatever a queued action has here is free again."""
        if self.queued.pop(id, None) is not None:
            self._release(id)

    def _release(self, id: str) -> None:
        self._occupy(id, -1)
        if id in self._reserved:
            self._occupy(self._reserved.pop(id), -1)

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
        self._release(id)
        if state == S.FAILED and not self.stopped and self.plan.on_failure(self.actions[id]) == "ask":
            self._set(id, state, why)
            self.asking[id] = why
        else:
            self._end(id, state, why, cause, evidence)

    def skip(self, id: str, why: str) -> None:
        """A person wants a pending action left out. Raises ValueError when it is not pending."""
        self._settle(id, S.SKIPPED, why, SkipCause.PERSON)

    def cancel(self, id: str, why: str) -> None:
        """A pending action is cancelled, and with it all that needs it. Raises ValueError as above."""
        self._settle(id, S.CANCELLED, why)

    def hold(self, id: str, why: str) -> None:
        """A pending action shall not start until it is released."""
        self.held[id] = why
        if id in self.queued:
            self.retract(id)

    def release(self, id: str) -> None:
        self.held.pop(id, None)

    def keep_only(self, ids: Iterable[str], why: str) -> list[str]:
        """Leave out all but these and what they wait for; answers what is kept."""
        kept: set[str] = set()
        rest = list(ids)
        while rest:
            id = rest.pop()
            if id not in kept:
                kept.add(id)
                rest.extend(self.actions[id].waits_for)
        for id in self.actions:
            if id not in kept and self.standing[id].state == S.PENDING:
                self.skip(id, why)
        return [id for id in self.actions if id in kept]

    def decide(self, id: str, choice: Choice, why: str) -> None:
        """What becomes of a failed action that was asked about, and of those that wait for it."""
        failed = self.asking.pop(id)
        if choice == "retry":
            self._reopen({id})
            return
        self._set(id, S.PENDING)  # only for a moment: what ends here has not been told to its dependants
        if choice == "skip":
            self._end(id, S.SKIPPED, f"{why}, after it failed: {failed}", SkipCause.PERSON)
        else:
            self._end(id, S.FAILED, failed)

    def retry(self, id: str) -> None:
        """What ended otherwise than wanted, and all that did not run for its sake, is to be done yet."""
        ids, rest = set[str](), [id]
        while rest:
            one = rest.pop()
            if one not in ids:
                ids.add(one)
                rest.extend(d for d in self._needed_by[one] if self._was_left_out(d))
                rest.extend(n for n in self.actions[one].needs if self._was_left_out(n))
        self._reopen(ids)

    def _was_left_out(self, id: str) -> bool:
        """Whether an action ended without a fault or a wish of its own."""
        standing = self.standing[id]
        return bool(standing.root) or standing.cause == SkipCause.DEPENDENCY

    def _reopen(self, ids: set[str]) -> None:
        for id in ids:
            self._set(id, S.PENDING)
            self.standing[id].root = ""
            self.standing[id].evidence = {}
        self._ready = []
        for id, action in self.actions.items():
            self._missing[id] = sum(self._is_open(w) for w in action.waits_for)
            if not self._missing[id] and self.standing[id].state == S.PENDING and id not in self.queued:
                self._make_ready(id)
        for id in self.actions:  # another one that it needs may have failed too
            if id in ids and self.standing[id].state == S.PENDING:
                for before in self.actions[id].needs:
                    if not self._is_open(before) and not self.standing[before].satisfies:
                        self._end(id, *_fate(before, self.standing[before]))
                        break

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
                self._drop_ready(id)
                self._vacate(id)
                self._set(id, S.CANCELLED, f"not started: {why[:200]}")  # told once per action

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
            self._drop_ready(one)
            self._vacate(one)
            self._set(one, its_state, its_why, its_cause)
            todo.extend(self._after(one))
        if evidence:
            self.standing[id].evidence = evidence

    def _after(self, id: str) -> Iterator[tuple[str, ActionState, str, SkipCause | None]]:
        """Those that cannot run any more now that `id` ended; the others come nearer to their start."""
        standing = self.standing[id]
        if not standing.satisfies:
            for dependant in self._needed_by[id]:
                if self.standing[dependant].state == S.PENDING:
                    fate = _fate(id, standing)
                    self.standing[dependant].root = standing.root or fate[1]
                    yield (dependant, *fate)
        for waiter in self._waited_by[id]:
            self._missing[waiter] -= 1
            if not self._missing[waiter] and self.standing[waiter].state == S.PENDING:
                self._make_ready(waiter)
        for before in self.actions[id].needs:
            if self._is_pointless(before):
                yield before, S.SKIPPED, "nothing that needs it is left to do", SkipCause.DEPENDENCY

    def _is_pointless(self, id: str) -> bool:
        return (
            self.actions[id].just_in_time
            and self.standing[id].state == S.PENDING
            and all(self.standing[d].state in ENDED for d in self._needed_by[id])
        )

    def _set(self, id: str, state: ActionState, why: str = "", cause: SkipCause | None = None) -> None:
        standing = self.standing[id]
        if standing.state != state:
            self.changes.append((id, standing.state))
        self.counts[standing.state] -= 1
        self.counts[state] += 1
        standing.state, standing.why, standing.cause = state, why, cause

    def revert(self, id: str) -> None:
        """The way back begins for an action that ran."""
        self._before[id] = (self.standing[id].state, self.standing[id].why)
        self._set(id, S.REVERTING)

    def reverted(self, id: str, undo: Standing) -> None:
        """The way back ended. What failed and left nothing to undo stays FAILED, with its reason."""
        state, why = self._before[id]
        if not undo.satisfies:
            self._set(id, S.REVERT_FAILED, undo.why)
        elif state == S.SUCCEEDED or undo.state == S.SUCCEEDED:
            told = undo.why if state == S.SUCCEEDED else "; ".join(w for w in (why, undo.why) if w)
            self._set(id, S.REVERTED, told)
        else:
            self._set(id, state, why)

    def _make_ready(self, id: str) -> None:
        insort(self._ready, (-self.actions[id].priority, self._order[id], id))

    def _drop_ready(self, id: str) -> None:
        entry = (-self.actions[id].priority, self._order[id], id)
        if entry in self._ready:
            self._ready.remove(entry)

    # -- what is left, what to undo, how it ended -------------------------------------------------------

    @property
    def running(self) -> list[str]:
        return self._in(S.ONGOING)

    @property
    def over(self) -> bool:
        """Whether every action has ended, and nobody is asked about one."""
        return not self.counts[S.PENDING] and not self.counts[S.ONGOING] and not self.asking

    def to_undo(self) -> list[str]:
        """What may have changed the cloud: done, failed on the way, or cancelled while running."""
        return [
            id
            for id, s in self.standing.items()
            if s.state in (S.SUCCEEDED, S.FAILED) or (s.state == S.CANCELLED and s.evidence)
        ]

    def verdict(self) -> tuple[PlanState, str]:
        """How the way forward ended, in one sentence. Skipped counts as success, blocked never."""
        failed = self._in(S.FAILED)
        if failed:
            first = failed[0]
            more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
            return PlanState.FAILED, f"{first}{more} failed: {self.standing[first].why}"
        if self.stopped:
            return PlanState.FAILED, self.stopped
        if self.counts[S.CANCELLED]:
            return PlanState.CANCELLED, f"{self.counts[S.CANCELLED]} actions were cancelled"
        done, skipped = self.counts[S.SUCCEEDED], self.counts[S.SKIPPED]
        said = f"{done} action{'' if done == 1 else 's'} done" + (f", {skipped} skipped" if skipped else "")
        return PlanState.SUCCEEDED, said

    def _in(self, state: ActionState) -> list[str]:
        if not self.counts[state]:
            return []
        return [id for id, s in self.standing.items() if s.state == state]


def _fate(id: str, standing: Standing) -> tuple[ActionState, str, SkipCause | None]:
    """What becomes of an action that needs one which ended so. Of a long chain both its ends are told."""
    why = standing.root or standing.why
    if standing.state == S.SKIPPED:
        return S.SKIPPED, f"needs {id}, skipped ({standing.cause}): {why}", SkipCause.DEPENDENCY
    if standing.state == S.CANCELLED:
        return S.CANCELLED, f"needs {id}, which was cancelled", None
    return S.BLOCKED, f"needs {id}, which {standing.state.lower()}: {why}", None
