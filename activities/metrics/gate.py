"""Whether measured numbers can be believed: what cannot is listed by name, and nothing is decided. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from activities.metrics import aside, course, subjects
from activities.words import count, some
from plan_schemas.catalog import Strategy
from plan_schemas.frozen import EMPTY, FrozenDict
from plan_schemas.metric import Metric
from plan_schemas.model import Cluster
from plan_schemas.needs import Need
from plan_schemas.plan import Refused
from plan_schemas.usage import NONE, Course, Usage

STRANGERS = (
    2.0  # percent of its subjects that a metric may know and the cloud not: booted or deleted just now
)
HOLES = ("missing", "stale", "not_a_number", "interrupted")  # what a declared fallback may fill
_SHOWN = 5  # subjects by name of each trouble
_ROUNDING = 1.0  # below 0: what arithmetic on counters may give for nothing
_COUNTED = {  # what a fallback makes of them
    "set_aside": "left alone, as is the host of each, which neither gives nor takes",
    "allocated": "counted as fully used",
    "nothing": "counted as idle",
}
_WHAT = {  # trouble -> what is said of the subjects, and what to do
    "missing": ("have no number", "see that their exporters are scraped, and that the label names them"),
    "stale": ("have only old samples", "see why their exporters are not scraped any more"),
    "not_a_number": ("have no finite number", "look at the query: it may divide by zero"),
    "interrupted": (
        "have no number for a part of the time that it must have lasted",
        "see that they are scraped without gaps, or ask for a shorter `hold`",
    ),
    "duplicate": ("have more than one series", "aggregate by the label that names them"),
    "out_of_range": ("have numbers out of range", "check the unit that the datasource declares"),
    "unknown": ("are measured, but not in this cloud", "narrow the datasource by `labels`, or its `match`"),
}


@dataclass
class Judged:
    """One metric: the numbers to go on with, and all that is wrong, as trouble -> subject -> what it is."""

    metric: Metric
    numbers: dict[str, float] = field(default_factory=dict)
    troubles: dict[str, dict[str, str]] = field(default_factory=dict)
    expected: int = 0
    assumed: Mapping[str, str] = EMPTY  # subjects that the strategy's fallback speaks for, and why it must
    wrong_unit: str = ""
    so_idle: str = ""  # in its place where too few subjects have a number to tell: what is taken for true
    course: Course | None = None  # where a `hold` asks for it

    def note(self, trouble: str, subject: str, said: str = "") -> None:
        self.troubles.setdefault(trouble, {})[subject] = said

    @property
    def is_sound(self) -> bool:
        return not self.troubles and not self.wrong_unit


def admitted(
    usage: Usage,
    needs: Sequence[Need],
    strategy: Strategy,
    cluster: Cluster,
    metrics: Mapping[str, Metric],
    max_age: float = 0.0,
) -> Usage:
    """The numbers of every subject, for a strategy. Raises Refused with the list of what is wrong."""
    if not needs:
        return NONE
    wanted = [metrics[need.metric] for need in needs]
    if not usage.at:
        names = ", ".join(metric.name for metric in wanted)
        remedy = "configure a datasource (docs/metrics.md), or take the snapshot with `--usage`"
        raise Refused(f"{strategy.name} needs {names}, and nothing was measured", remedy)
    require_one_moment(usage, cluster, wanted, max_age)
    judged = [
        judge(metric, usage, cluster, strategy.metrics_fallback, need.hold)
        for metric, need in zip(wanted, needs)
    ]
    if bad := [sentence for one in judged for sentence in told(one, cluster)]:
        raise Refused(
            f"the metrics of {usage.source or 'the snapshot'} cannot be believed: " + "; ".join(bad)
        )
    values = {one.metric.name: FrozenDict(sorted(one.numbers.items())) for one in judged}
    courses = {one.metric.name: one.course for one in judged if one.course is not None}
    assumed = [_assumption(one, cluster, strategy) for one in judged if one.assumed]
    assumed += [f"{one.metric.name}: {one.so_idle}" for one in judged if one.so_idle]
    assumed += [
        f"{need.metric}: the {usage.over[need.metric]} stands for the {need.over} that the audit asks for"
        for need in needs
        if usage.over.get(need.metric, need.over) != need.over
    ]
    return replace(
        usage,
        values=FrozenDict(values),
        over=EMPTY,
        gaps=EMPTY,
        courses=FrozenDict(courses),
        assumed=tuple(assumed),
        aside=_aside(judged, cluster, strategy),
    )


def judge(
    metric: Metric, usage: Usage, cluster: Cluster, fallback: Mapping[str, Any] = EMPTY, hold: float = 0.0
) -> Judged:
    """What is right and wrong with one metric, each subject of the cloud with a number if there is any, and
    with its course if it must have lasted for a while."""
    out = Judged(metric)
    given, gaps = usage.values.get(metric.name, EMPTY), usage.gaps.get(metric.name, EMPTY)
    expected = subjects.measured(metric, cluster)
    out.expected = len(expected)
    for subject in sorted(expected):
        _take(out, subject, given.get(subject), gaps, metric.most(cluster, subject))
    if hold:
        _follow(out, usage, cluster, hold)
    _fill(out, cluster, fallback)
    _suspect(out, expected, given, cluster)
    for subject, number in subjects.unmeasured(metric, cluster).items():
        out.numbers[subject] = number
    known = cluster.hosts if metric.subject == "host" else cluster.instances
    strangers = [subject for subject in given if subject not in known]
    if 100 * len(strangers) > STRANGERS * len(expected):
        out.troubles["unknown"] = dict.fromkeys(sorted(strangers), "")
    return out


def _take(out: Judged, subject: str, value: float | None, gaps: Mapping[str, Any], most: float) -> None:
    trouble = next((kind for kind, of in gaps.items() if subject in of), "")
    if trouble:
        out.note(trouble, subject, gaps[trouble][subject])
    elif value is None:
        out.note("missing", subject)
    elif not math.isfinite(value):
        out.note("not_a_number", subject, str(value))
    elif not -_ROUNDING <= value <= most + out.metric.slack:
        out.note("out_of_range", subject, f"{value:.6g}, expected 0 to {most:g} {out.metric.unit}")
    else:
        out.numbers[subject] = min(max(value, 0.0), most)


def _follow(out: Judged, usage: Usage, cluster: Cluster, hold: float) -> None:
    """Whoever has a number now must have had one all the time, too."""
    if not out.numbers:
        out.course = Course(hold, EMPTY)
        return
    told, number = course.of(out.metric, usage, hold)
    out.course, bad = course.judged(out.metric, told, number, usage, cluster, list(out.numbers))
    for subject, (trouble, said) in bad.items():
        out.numbers.pop(subject)
        out.note(trouble, subject, said)


def _fill(out: Judged, cluster: Cluster, fallback: Mapping[str, Any]) -> None:
    """Holes in the measure, as the strategy's own declaration says, unless they are too many."""
    found = {subject: kind for kind in HOLES for subject in out.troubles.get(kind, ())}
    holes = dict(sorted(found.items()))
    if not fallback or not holes or 100 * len(holes) > fallback["at_most"] * out.expected:
        return
    if fallback["use"] != aside.SET_ASIDE:
        is_full = fallback["use"] == "allocated"
        out.numbers |= {s: out.metric.most(cluster, s) if is_full else 0.0 for s in holes}
    for kind in HOLES:
        out.troubles.pop(kind, None)
    out.assumed = holes


def _suspect(out: Judged, expected: Iterable[str], given: Mapping[str, float], cluster: Cluster) -> None:
    """Fractions told as percent, or GiB as MiB, are all in range, but none is anywhere near the maximum."""
    metric = out.metric
    loaded = {s: given[s] for s in expected if given.get(s, 0) > 0 and s in out.numbers}
    if not metric.suspicious_subjects or not loaded:
        return
    shares = [value / most for s, value in loaded.items() if (most := metric.most(cluster, s))]
    share = max(shares, default=math.inf)
    if share > metric.suspicious_share:
        return
    greatest = f"{max(loaded.values()):.4g} {metric.unit}, {100 * share:.2g} % of what it can be"
    check = "check the unit that the datasource declares"
    if len(loaded) >= metric.suspicious_subjects:
        out.wrong_unit = (
            f"the greatest of {len(loaded)} numbers is {greatest}: that looks like another unit; {check}, "
            "or lower `suspicious` of the metric if they are so idle"
        )
    else:  # a small cloud may well be idle, and must not be refused for ever
        whole = f"the greatest of {count(len(loaded), 'number')}" if len(loaded) > 1 else "the only number"
        out.so_idle = (
            f"all are taken for idle: {whole} above 0 is {greatest}; unless they are, that is another unit: "
            f"{check}"
        )


def told(judged: Judged, cluster: Cluster) -> Iterator[str]:
    """A sentence for each trouble: how many, the first few by name, what to do."""
    metric = judged.metric
    for trouble, of in sorted(judged.troubles.items()):
        said, remedy = _WHAT[trouble]
        names = [_named(metric, cluster, subject, what) for subject, what in of.items()]
        whole = "" if trouble == "unknown" else f" of {judged.expected}"
        what = f"{count(len(of), metric.subject)}{whole} {said} ({trouble})"
        yield f"{metric.name}: {what}: {some(names, _SHOWN)}; {remedy}"
    if judged.wrong_unit:
        yield f"{metric.name}: {judged.wrong_unit} (wrong_unit)"


def _assumption(judged: Judged, cluster: Cluster, strategy: Strategy) -> str:
    metric, use = judged.metric, strategy.metrics_fallback["use"]
    names = [_named(metric, cluster, subject, trouble) for subject, trouble in judged.assumed.items()]
    said = f"{count(len(names), metric.subject)} of {judged.expected} without a number {_COUNTED[use]}"
    return f"{metric.name}: {said}: {some(names, _SHOWN)}"


def _aside(judged: Iterable[Judged], cluster: Cluster, strategy: Strategy) -> FrozenDict:
    """The hosts of whatever has no number, where the strategy leaves those alone."""
    if strategy.metrics_fallback.get("use") != aside.SET_ASIDE:
        return EMPTY
    found: dict[str, str] = {}
    for one in judged:
        found = aside.hosts(one.metric, one.assumed, cluster) | found
    return FrozenDict(sorted(found.items()))


def _named(metric: Metric, cluster: Cluster, subject: str, what: str) -> str:
    instance = cluster.instances.get(subject) if metric.subject == "instance" else None
    facts = ", ".join(one for one in (subject if instance else "", what) if one)
    name = instance.name if instance else subject
    return f"{name} ({facts})" if facts else name


def require_one_moment(usage: Usage, cluster: Cluster, wanted: Iterable[Metric], max_age: float) -> None:
    """Numbers of another time than the snapshot's tell of instances that were elsewhere then."""
    apart = abs((_moment(usage.at) - _moment(cluster.collected_at)).total_seconds())
    most = min(metric.stale_after_seconds for metric in wanted) + max_age
    if apart > most:
        said = f"the usage is of {usage.at}, the snapshot of {cluster.collected_at}"
        raise Refused(
            f"{said}: {timedelta(seconds=round(apart))} apart, at most {most:g} s are allowed",
            "observe and measure again",
        )


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:  # the form of a time, and of no day
        raise Refused(f"{text} is no time", "mend it in the snapshot, or observe and measure again") from None
