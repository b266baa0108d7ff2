"""Whether the course of a metric can be believed for as long as an audit asks it to have lasted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from plan_schemas.frozen import FrozenDict
from plan_schemas.metric import Metric
from plan_schemas.model import Cluster
from plan_schemas.plan import Refused
from plan_schemas.usage import Course, Usage

_ROUNDING = 1.0  # below 0: what arithmetic on counters may give for nothing
Numbers = tuple[float | None, ...]


def of(metric: Metric, usage: Usage, hold: float) -> tuple[Course, int]:
    """What was measured, and how many of its windows count. Raises Refused when that is not long enough."""
    course = usage.courses.get(metric.name)
    remedy = f"let the audit measure, or take the snapshot with `--usage --hold {hold:g}`"
    asked = f"whether {metric.name} has lasted for {hold:g} s is asked (`hold`)"
    if course is None or not course.values:
        raise Refused(f"{asked}, and its course was not measured", remedy)
    number = Course.windows(hold, course.window)
    there = min(len(values) for values in course.values.values())
    if there < number:
        told = (
            f"the {there * course.window:g} s that were measured do not tell it: {number * course.window:g} s"
        )
        raise Refused(f"{asked}; {told} are needed", remedy)
    return course, number


def judged(
    metric: Metric, course: Course, number: int, usage: Usage, cluster: Cluster, subjects: Iterable[str]
) -> tuple[Course, Mapping[str, tuple[str, str]]]:
    """The course of the subjects that have one, and the trouble with each of the others."""
    begun = (_moment(usage.at) or 0.0) - number * course.window
    good: dict[str, Numbers] = {}
    bad: dict[str, tuple[str, str]] = {}
    for subject in subjects:
        values = course.values.get(subject, (None,) * number)[-number:]
        values = _before_birth(values, subject, begun, cluster)
        most = metric.most(cluster, subject)
        if holes := values.count(None):
            bad[subject] = "interrupted", f"none in {holes} of {number} times {course.window:g} s"
            continue
        numbers = [value for value in values if value is not None]
        if wrong := [v for v in numbers if not -_ROUNDING <= v <= most + metric.slack]:
            said = f"{wrong[0]:.6g} some time ago, expected 0 to {most:g} {metric.unit}"
            bad[subject] = "out_of_range", said
        else:
            good[subject] = tuple(min(max(value, 0.0), most) for value in numbers)
    return Course(course.window, FrozenDict(good)), bad


def _before_birth(values: Numbers, subject: str, begun: float, cluster: Cluster) -> Numbers:
    """What was not there yet when the first window began used nothing until there is a number of it."""
    instance = cluster.instances.get(subject)
    if values[0] is not None or instance is None or not instance.created:
        return values
    born = _moment(instance.created)
    if born is None or born <= begun:
        return values
    first = next((n for n, value in enumerate(values) if value is not None), len(values))
    return (*[0.0] * first, *values[first:])


def _moment(text: str) -> float | None:
    """Seconds of an epoch; None of what is no time, such as a creation that nobody noted."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
