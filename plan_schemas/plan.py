"""The plan and its parts: what a strategy proposes, what the planner makes of it, what became of each action.

A plan is a value. It freezes everything that a workflow needs to carry it out (time limits, retries, limits,
policy, expectations), so that nobody has to read the catalogue or a configuration while it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, replace
from typing import Any

from plan_schemas.budget import Share
from plan_schemas.frozen import EMPTY, digest, freeze, thaw
from plan_schemas.states import PLAN_ENDS as PLAN_ENDS
from plan_schemas.states import ActionState as ActionState
from plan_schemas.states import PlanState as PlanState
from plan_schemas.states import SkipCause as SkipCause
from plan_schemas.windows import Window


@dataclass(frozen=True, slots=True)
class Refusal:
    """A typed no: which rule (`code`), about what (`subject`), and one sentence with the numbers.

    `culprits` are the instances whose departure would lift the refusal, where there are such.
    """

    code: str
    subject: str
    text: str
    culprits: tuple[str, ...] = ()


class Refused(Exception):
    """There is no plan, none that is safe, or no way back: one sentence why, and what to do about it."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(f"{reason}; {remedy}" if remedy else reason)
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Change:
    """One thing a strategy wants done, by the name of the action that does it.

    `id`, `needs` and `freed_by` are for changes that a person named and ordered; the planner finds them
    itself for all others.
    """

    type: str
    parameters: Mapping[str, Any]
    reason: str
    numbers: Mapping[str, Any] = EMPTY  # what decided, before and after
    alternatives: tuple[Refusal, ...] = ()  # what else was looked at and why not
    id: str = ""
    needs: tuple[str, ...] = ()
    freed_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bound:
    """How far a plan is from the best that is possible: the provable limit, what was reached, the gap."""

    name: str
    bound: float
    value: float
    better: str  # lower | higher

    @property
    def gap(self) -> float:
        """Relative distance from the bound, 0 when it is met."""
        worse = self.value - self.bound if self.better == "lower" else self.bound - self.value
        return max(0.0, worse) / abs(self.bound) if self.bound else max(0.0, worse)

    @property
    def distance(self) -> str:
        """The gap for people; from a bound of 0 the way cannot be told in parts of it."""
        if self.gap and not self.bound:
            return f"{self.gap:.4g} from 0"
        return f"{self.gap:.2%}"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A strategy's answer: changes in order of preference, refusals, distance from the limit, a sentence."""

    changes: tuple[Change, ...]
    summary: str
    rejected: tuple[Refusal, ...] = ()
    bounds: tuple[Bound, ...] = ()


@dataclass(frozen=True, slots=True)
class Touches:
    """What an action occupies while it runs, and what it changes: slots and order follow from these."""

    instance: str | None = None  # exclusive
    out: str | None = None  # host that it leaves (a slot out, space freed)
    into: str | None = None  # host that it enters (a slot in, space taken)
    service: str | None = None  # host whose service state it sets
    sets: str | None = None  # enabled | disabled, with `service`


@dataclass(frozen=True, slots=True)
class Retry:
    attempts: int
    initial_seconds: float
    backoff: float
    maximum_seconds: float


@dataclass(frozen=True, slots=True)
class ActionType:
    """What the catalogue says of a type of action, frozen into every plan that uses it."""

    name: str
    abortable: bool
    reversible: bool
    heartbeat_seconds: float
    timeout_seconds: float  # base, to which `timeout_factor` times the expected duration is added
    timeout_factor: float
    retry: Retry


@dataclass(frozen=True, slots=True)
class Action:
    id: str
    type: str
    parameters: Mapping[str, Any]
    reason: str
    expects: Mapping[str, Any] = EMPTY  # facts that must hold before; the undo recipe
    needs: tuple[str, ...] = ()  # a failed or skipped one of these stops this action
    freed_by: tuple[str, ...] = ()  # these free what this action takes (`frees` edges)
    after: tuple[str, ...] = ()  # these must have ended, however they ended
    on_failure: str = ""  # rollback | stop | continue | ask, in place of the plan's
    touches: Touches = field(default_factory=Touches)
    seconds: float = 0.0  # expected duration
    priority: float = 0.0  # greater first among those that may start
    urgency: int = 0  # 1 mandatory .. 5 nice to have; 0 is not said, and counts as 5
    automation: str = ""  # what the metadata of its server says of it; see automation.py
    just_in_time: bool = False  # start only when a dependant could start at once afterwards
    numbers: Mapping[str, Any] = EMPTY
    alternatives: tuple[Refusal, ...] = ()
    shares: tuple[str, ...] = ()  # of the plan's, those that it has a part in while it runs

    @property
    def waits_for(self) -> tuple[str, ...]:
        """The actions that must have ended before this one starts, over whatever edge."""
        return tuple(dict.fromkeys((*self.needs, *self.freed_by, *self.after)))


@dataclass(frozen=True, slots=True)
class Limits:
    parallel: int = 20
    out_per_host: int = 1
    in_per_host: int = 2
    cloud: int | None = None  # moves at once over all plans of the cloud
    per_hour: int | None = None  # moves begun in an hour over all plans of the cloud


@dataclass(frozen=True, slots=True)
class Breaker:
    """After so many failures (of one kind, or of any) nothing starts until a person says resume."""

    failures: int
    of: str = "kind"  # kind | any


@dataclass(frozen=True, slots=True)
class Execution:
    """How a plan may be carried out; an audit's `execution` block, defaults filled in."""

    mode: str = "advise"  # advise | approve | auto
    on_failure: str = "rollback"  # rollback | stop | continue | ask
    on_no_decision: str = "rollback"  # rollback | stop | continue: when nobody answered in time
    on_drift: str = "skip"  # skip | stop | replan
    replans: int = 3  # how often an audit may plan again after drift
    on_cancel: str = "stop"  # stop | rollback
    on_running: str = "skip"  # skip | wait | allow: an audit while a plan changes the same cloud
    approve_within_seconds: float = 86400.0
    decide_within_seconds: float = 3600.0
    reversible: bool = False  # refuse a plan that could not be undone as a whole
    priority: int = 0  # among the plans of a cloud that wait for the same slots; greater first
    settle_seconds: float = 0.0
    dry_run: bool = False  # the whole workflow, every write recorded, none sent
    rollback_window_seconds: float = (
        30 * 86400.0
    )  # how long after its end a plan can be rolled back by its id
    limits: Limits = field(default_factory=Limits)
    allow: tuple[str, ...] = ("live", "service")
    automation: str = ""  # manual | partial:N | full: what runs by itself; empty is full
    automation_by: str = ""  # whose word that is, when it is not the plan's own
    four_eyes: str = ""  # enforced: only signed approvals count
    breaker: Breaker | None = None
    # Groups of windows: actions start only while each group has one open. Without groups, at any time.
    windows: tuple[tuple[Window, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    name: str
    cloud: str
    created_at: str
    execution: Execution
    types: Mapping[str, ActionType]
    actions: tuple[Action, ...]
    reason: str = ""
    requested_by: str = ""  # as claimed
    audit: str | None = None
    goal: str | None = None
    strategy: str | None = None
    catalogue: str = ""  # digest of the catalogue that it was made with
    model: Mapping[str, Any] = EMPTY  # {fingerprint, collected_at} of the snapshot that it rests on
    forecast: Mapping[str, float] = EMPTY  # efficacy indicators
    bounds: tuple[Bound, ...] = ()
    rejected: tuple[Refusal, ...] = ()
    irreversible: tuple[str, ...] = ()  # what could not be undone, a sentence each
    shares: Mapping[str, Share] = EMPTY  # what the policies let all plans of the cloud do together

    @property
    def digest(self) -> str:
        return digest(_content(self))

    def on_failure(self, action: Action) -> str:
        """What a failure of this action means for the plan."""
        return action.on_failure or self.execution.on_failure


def _prune(value: Any) -> Any:
    """A plain value without what is empty by default: a document says only what is particular."""
    if not hasattr(value, "__dataclass_fields__"):
        return [_prune(v) for v in value] if isinstance(value, tuple) else thaw(value)
    out = {}
    for name, spec in value.__dataclass_fields__.items():
        item = getattr(value, name)
        default = spec.default if spec.default_factory is MISSING else spec.default_factory()
        pruned = _prune(item)
        # An emptiness that is not the default (a bound of 0, an empty `allow`) says something.
        if item != default or pruned not in (None, "", 0, [], {}):
            out[name] = pruned
    return out


def _content(plan: Plan) -> dict[str, Any]:
    out = _prune(replace(plan, types=EMPTY, actions=(), shares=EMPTY))
    if plan.shares:
        out["shares"] = {name: _prune(share) for name, share in sorted(plan.shares.items())}
    out["actions"] = [
        {**_prune(a), "parameters": thaw(a.parameters), "expects": thaw(a.expects)} for a in plan.actions
    ]
    out["types"] = {
        name: {n: thaw(getattr(t, n)) for n in t.__dataclass_fields__ if n not in ("name", "retry")}
        | {"retry": {n: getattr(t.retry, n) for n in t.retry.__dataclass_fields__}}
        for name, t in sorted(plan.types.items())
    }
    return {"ballast": "v1", "kind": "ActionPlan", **out}


def to_document(plan: Plan) -> dict[str, Any]:
    """The effective ActionPlan document (see documents/action_plan.yaml), with its own digest."""
    return {**_content(plan), "digest": plan.digest}


def _refusals(rows: Any) -> tuple[Refusal, ...]:
    return tuple(Refusal(r["code"], r["subject"], r["text"], tuple(r.get("culprits", ()))) for r in rows)


def _action(row: Mapping[str, Any]) -> Action:
    return Action(
        **{
            **row,
            "reason": row.get("reason", ""),
            "parameters": freeze(row.get("parameters", {})),
            "expects": freeze(row.get("expects", {})),
            "numbers": freeze(row.get("numbers", {})),
            "needs": tuple(row.get("needs", ())),
            "freed_by": tuple(row.get("freed_by", ())),
            "after": tuple(row.get("after", ())),
            "shares": tuple(row.get("shares", ())),
            "touches": Touches(**row.get("touches", {})),
            "alternatives": _refusals(row.get("alternatives", ())),
        }
    )


def execution_from(row: Mapping[str, Any]) -> Execution:
    """The effective `execution` block of a plan document."""
    fixed = dict(row)
    if "limits" in row:
        fixed["limits"] = Limits(**row["limits"])
    if "allow" in row:
        fixed["allow"] = tuple(row["allow"])
    if row.get("breaker") is not None:
        fixed["breaker"] = Breaker(**row["breaker"])
    if "windows" in row:
        fixed["windows"] = tuple(tuple(Window.of(w) for w in group) for group in row["windows"])
    return Execution(**fixed)


def from_document(document: Mapping[str, Any]) -> Plan:
    """The plan of an *effective* ActionPlan document (validated, defaults filled in, types frozen)."""
    lists = {"actions", "bounds", "rejected", "irreversible", "shares"}
    skipped = {"ballast", "kind", "digest", "types", "execution", *lists}
    rest = {k: freeze(v) for k, v in document.items() if k not in skipped}
    types = {
        n: ActionType(**{**t, "name": n, "retry": Retry(**t["retry"])}) for n, t in document["types"].items()
    }
    return Plan(
        **rest,
        execution=execution_from(document["execution"]),
        types=freeze(types),
        actions=tuple(_action(row) for row in document["actions"]),
        bounds=tuple(
            Bound(b["name"], b["bound"], b["value"], b["better"]) for b in document.get("bounds", ())
        ),
        rejected=_refusals(document.get("rejected", ())),
        irreversible=tuple(document.get("irreversible", ())),
        shares=freeze({name: Share(**row) for name, row in document.get("shares", {}).items()}),
    )
