"""What an audit needs to know of the load: one query for each metric, whatever the size of the cloud."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from math import ceil
from typing import Any

from activities.door import Failed
from activities.metrics import answer
from activities.metrics.prometheus import ask, ask_course
from plan_schemas import queries
from plan_schemas.dialect import Datasource, Naming
from plan_schemas.frozen import FrozenDict, freeze
from plan_schemas.metric import Metric
from plan_schemas.model import Cluster
from plan_schemas.needs import Need
from plan_schemas.plan import Refused
from plan_schemas.usage import Course, Usage

_WINDOWS = 20  # of a hold: that finely is a course looked at, whatever its length


def choose(sources: Sequence[Datasource], cloud: str, needs: Sequence[Need], name: str = "") -> Datasource:
    """The datasource of that name, or the first that has all of these of the cloud. Raises Refused."""
    here = [s for s in sources if not s.clouds or cloud in s.clouds]
    named = [s for s in here if s.name == name] if name else here
    metrics = ", ".join(need.metric for need in needs) or "metrics"
    if not named:
        called = f"datasource {name}" if name else "datasource"
        known = ", ".join(s.name for s in here) or "none"
        remedy = "configure it (BALLAST_DATASOURCES, docs/metrics.md)"
        raise Refused(f"no {called} of the cloud {cloud} is known for {metrics}; known: {known}", remedy)
    for source in named:
        if all(need.aggregate in _asked(source, need) for need in needs):
            return source
    lacking = {f"{n.metric} ({n.aggregate})" for n in needs if n.aggregate not in _asked(named[0], n)}
    said = f"the datasource {named[0].name} does not say how to ask for {', '.join(sorted(lacking))}"
    raise Refused(said, "add the query to its document")


def _asked(source: Datasource, need: Need) -> Mapping[str, str]:
    question = source.metrics.get(need.metric)
    return question.query if question else {}


def measure(
    source: Datasource,
    needs: Sequence[Need],
    metrics: Mapping[str, Metric],
    cluster: Cluster,
    *,
    now: datetime,
    heartbeat: Callable[[str], None] = lambda _: None,
) -> Usage:
    """Numbers and gaps of every metric; nothing is judged here. Raises Transient, Failed or Refused."""
    read: dict[str, answer.Read] = {}
    courses: dict[str, Course] = {}
    for need in needs:
        heartbeat(need.metric)
        read[need.metric] = of_one(source, need, metrics[need.metric], cluster)
        if need.hold:
            heartbeat(f"{need.metric} over {need.hold:g} s")
            end = read[need.metric].asked_at or now.timestamp()
            courses[need.metric] = course_of(source, need, metrics[need.metric], cluster, end)
    return Usage(
        values=freeze({name: one.values for name, one in read.items()}),
        at=now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        source=source.name,
        over=freeze({need.metric: need.over for need in needs}),
        gaps=freeze({name: one.gaps for name, one in read.items() if one.gaps}),
        courses=FrozenDict(courses),
    )


def of_one(source: Datasource, need: Need, metric: Metric, cluster: Cluster) -> answer.Read:
    """One metric of all its subjects, by one query."""
    unit = source.metrics[metric.name].unit
    rows = rows_of(source, need, metric)
    try:
        return answer.read(rows, metric, unit, source.subjects[metric.subject], cluster)
    except answer.Unreadable as error:
        raise _unreadable(source, metric, error) from None


def course_of(source: Datasource, need: Need, metric: Metric, cluster: Cluster, end: float) -> Course:
    """What one metric of all its subjects was up to a moment of the datasource's clock, by one query.

    Its windows are as wide as the datasource needs them, or wider: there are never more than so many.
    """
    question, naming = source.metrics[metric.name], _naming(source, metric)
    window = float(ceil(max(source.resolution, need.hold / _WINDOWS)))
    number = Course.windows(need.hold, window)
    moments = [end - window * n for n in reversed(range(number))]
    terms = queries.Terms(naming.label, window, metric.stale_after_seconds, source.labels)
    try:
        query = queries.course(question.query["mean"], terms)
        rows = ask_course(source, query, moments)
        values = answer.course(rows, metric, question.unit, naming, cluster, moments)
    except queries.NotThere as error:
        raise Refused(f"the course of {metric.name} cannot be asked for: {error}") from None
    except answer.Unreadable as error:
        raise _unreadable(source, metric, error) from None
    return Course(window, FrozenDict(sorted(values.items())))


def _unreadable(source: Datasource, metric: Metric, error: answer.Unreadable) -> Failed:
    return Failed(f"the datasource {source.name} answers on {metric.name}: {error}", "check its url")


def rows_of(source: Datasource, need: Need, metric: Metric) -> Sequence[Any]:
    """What is answered to the one query of a metric, as it came."""
    question, naming = source.metrics[metric.name], _naming(source, metric)
    terms = queries.Terms(naming.label, need.period, metric.stale_after_seconds, source.labels)
    try:
        return ask(source, queries.query(question.query[need.aggregate], question.newest, terms))
    except queries.NotThere as error:
        raise Refused(f"{metric.name} cannot be asked for: {error}") from None


def _naming(source: Datasource, metric: Metric) -> Naming:
    if naming := source.subjects.get(metric.subject):
        return naming
    said = f"the datasource {source.name} does not say which label names a {metric.subject}"
    raise Refused(said, f"add subjects.{metric.subject} to its document")
