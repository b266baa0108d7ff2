"""All that a review of a plan shows, gathered once for the page and for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from activities.why.case import case
from deploy.review.load import Load, classes, loads
from deploy.review.schedule import Moment, clock, timeline
from plan_schemas.catalog import Catalog
from plan_schemas.frozen import EMPTY
from plan_schemas.model import Cluster
from plan_schemas.plan import Action, Plan
from plan_schemas.usage import NONE, Usage
from plan_schemas.windows import Window

_IN_POINTS = "standard_deviation_"  # indicators that are percentage points of a host's load
DRAWN = 2_000  # actions of a plan whose schedule can be looked at


@dataclass(frozen=True)
class Review:
    """A plan with its schedule, and the loads of its hosts where its picture is known."""

    plan: Plan
    id: str  # of its workflow, to approve it by; empty for a file
    moments: tuple[Moment, ...]
    names: Mapping[str, str] = EMPTY  # of instances, by uuid
    classes: tuple[str, ...] = ()
    loads: tuple[Load, ...] = ()
    does: tuple[tuple[str, str], ...] = ()  # each type of action in the plan, and what it does
    lacking: str = ""  # why there are no loads

    @property
    def seconds(self) -> float:
        """Until all is over, as expected: of what is drawn, or as the plan says that is too large for it."""
        if self.moments:
            return max(m.end for m in self.moments)
        return next((b.value for b in self.plan.bounds if b.name == "makespan_seconds"), 0.0)

    @property
    def forecast(self) -> Iterator[tuple[str, str]]:
        """Each indicator with its number, and the unit where the name does not tell it."""
        for name, value in self.plan.forecast.items():
            yield name, f"{_figure(value)} points" if name.startswith(_IN_POINTS) else _figure(value)

    def takes(self, action: Action) -> str:
        """How long it is expected to take; of a plan by hand, which rests on no picture, nobody said."""
        return clock(action.seconds) if action.seconds or self.plan.model else "not known"

    def starts(self, moment: Moment | None) -> str:
        if moment is None:
            return "never" if self.moments else "not known"
        return clock(moment.start) if self.seconds or self.plan.model else "not known"

    def name(self, action: Action) -> str:
        """What an action is about, as people call it."""
        touches = action.touches
        if touches.instance is not None:
            return self.names.get(touches.instance, touches.instance)
        return touches.service or action.id


def review(
    plan: Plan, cluster: Cluster | None, usage: Usage = NONE, *, id: str = "", known: Catalog
) -> Review:
    """`id`: of the plan's workflow; `known`: tells what each type of action does."""
    types = [name for name in plan.types if name in known.actions]
    does = tuple((name, known.actions[name].summary) for name in types)
    bare = Review(plan, id, timeline(plan) if len(plan.actions) <= DRAWN else (), does=does)
    if cluster is None:
        said = "the picture that the plan rests on was not at hand (--snapshot FILE)"
        return replace(bare, lacking=said)
    seen = replace(bare, names={uuid: one.name for uuid, one in cluster.instances.items()})
    if stranger := elsewhere(plan, cluster):
        said = f"the picture at hand is not what this plan starts from, see {stranger}"
        return replace(seen, lacking=said)
    after = case(plan, cluster).after
    return replace(seen, classes=classes(cluster), loads=loads(cluster, after, usage))


def _figure(value: float) -> str:
    """All digits of a whole number, and four at most of another."""
    return f"{value:.0f}" if value == round(value) or abs(value) >= 1000 else f"{round(value, 3):.4g}"


def elsewhere(plan: Plan, cluster: Cluster) -> str:
    """The first action whose server is not where it leaves from, as in the picture of a plan that is undone;
    empty when all are."""
    where = {uuid: one.host for uuid, one in cluster.instances.items()}
    for action in plan.actions:
        touches = action.touches
        if touches.instance is None or touches.out is None:
            continue
        if where.get(touches.instance) != touches.out:
            return action.id
        where[touches.instance] = touches.into
    return ""


def measured(plan: Plan) -> Iterator[tuple[str, str]]:
    """Of what numbers it was decided, and what was only assumed; nothing of a plan that needed none."""
    usage = plan.model.get("usage")
    if usage:
        yield "measured", f"until {usage['at']}, by {usage.get('source') or 'a source that is not named'}"
        yield from (("assumed", str(sentence)) for sentence in usage.get("assumed", ()))


def rules(plan: Plan) -> Iterator[tuple[str, str]]:
    """What the plan has to keep to, as (word, sentence)."""
    execution, limits = plan.execution, plan.execution.limits
    yield "mode", f"{execution.mode}{'; DRY RUN: nothing is sent' if execution.dry_run else ''}"
    yield "allowed", ", ".join(execution.allow) or "nothing"
    yield (
        "at once",
        f"{limits.parallel} actions; of each host {limits.out_per_host} out and {limits.in_per_host} in",
    )
    if limits.cloud is not None:
        yield "over all plans", f"{limits.cloud} moves of the cloud at once"
    if limits.per_hour is not None:
        yield "per hour", f"{limits.per_hour} moves of the cloud"
    if execution.automation:
        by = f" ({execution.automation_by})" if execution.automation_by else ""
        yield "by itself", f"{execution.automation}{by}"
    if execution.four_eyes:
        yield "four eyes", f"{execution.four_eyes}: only signed approvals count"
    yield "on failure", execution.on_failure
    yield "on drift", execution.on_drift
    yield "on cancel", execution.on_cancel
    if execution.breaker is not None:
        yield "breaker", f"after {execution.breaker.failures} failures of one {execution.breaker.of}"
    for group in execution.windows:
        yield "windows", "; or ".join(_window(w) for w in group)
    for name, share in sorted(plan.shares.items()):
        within = f" in {clock(share.seconds)}" if share.seconds else " at once"
        yield "policy", f"{name}: {share.limit}{within}"
    yield "approve within", clock(execution.approve_within_seconds)


def _window(one: Window) -> str:
    days = f" on {', '.join(one.days)}" if one.days else ""
    return f"{one.start} to {one.end}{days} ({one.zone})"
