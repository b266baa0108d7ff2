"""What an audit needs to know of the load: one query for all metrics, whatever the size of the cloud."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from math import ceil
from typing import Any

from activities.door import Failed, LockedOut
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
    names = ", ".join(need.metric for need in needs)
    heartbeat(names)
    rows = _rows(source, needs, metrics)
    read = {need.metric: read_of(source, metrics[need.metric], rows[need.metric], cluster) for need in needs}
    courses: Mapping[str, Course] = {}
    if held := [need for need in needs if need.hold]:
        heartbeat(f"{names} over {held[0].hold:g} s")
        end = max((one.asked_at for one in read.values() if one.asked_at), default=now.timestamp())
        courses = _courses(source, held, metrics, cluster, end)
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
    return read_of(source, metric, rows_of(source, need, metric), cluster)


def read_of(source: Datasource, metric: Metric, rows: Sequence[Any], cluster: Cluster) -> answer.Read:
    try:
        return answer.read(
            rows, metric, source.metrics[metric.name].unit, source.subjects[metric.subject], cluster
        )
    except answer.Unreadable as error:
        raise _unreadable(source, metric.name, error) from None


def rows_of(source: Datasource, need: Need, metric: Metric) -> Sequence[Any]:
    """What is answered on one metric, as it came."""
    return ask(source, queries.joined(_parts(source, need, metric)))


def _rows(
    source: Datasource, needs: Sequence[Need], metrics: Mapping[str, Metric]
) -> Mapping[str, Sequence[Any]]:
    """The same of all metrics, by one query; where that is refused each is asked alone, so that it is said
    which is wrong."""
    parts = {n.metric: _parts(source, n, metrics[n.metric]) for n in needs}
    whole = {f"{name} {kind}": text for name, of in parts.items() for kind, text in of.items()}
    try:
        rows = ask(source, queries.joined(whole))
    except LockedOut:
        raise
    except Failed:
        if len(needs) == 1:
            raise
        return {name: _alone(source, name, of) for name, of in parts.items()}
    try:
        return answer.apart(rows, list(parts))
    except answer.Unreadable as error:
        raise _unreadable(source, ", ".join(parts), error) from None


def _alone(source: Datasource, name: str, parts: Mapping[str, str]) -> Sequence[Any]:
    try:
        return ask(source, queries.joined(parts))
    except Failed as error:
        raise Failed(f"{name} cannot be measured: {error.reason}", error.remedy) from None


def _parts(source: Datasource, need: Need, metric: Metric) -> Mapping[str, str]:
    """What is asked of one metric: its numbers, and when their newest samples were taken."""
    question = source.metrics[metric.name]
    terms = _terms(source, need.period, metric)
    try:
        return {
            "value": queries.filled(question.query[need.aggregate], terms),
            "newest": queries.filled(question.newest, terms),
        }
    except queries.NotThere as error:
        raise Refused(f"{metric.name} cannot be asked for: {error}") from None


def _courses(
    source: Datasource, held: Sequence[Need], metrics: Mapping[str, Metric], cluster: Cluster, end: float
) -> Mapping[str, Course]:
    """What metrics of all their subjects were up to a moment of the datasource's clock, by one query.

    Windows are as wide as the datasource needs them, or wider: there are never more than so many.
    """
    hold = max(need.hold for need in held)
    window = float(ceil(max(source.resolution, hold / _WINDOWS)))
    moments = [end - window * n for n in reversed(range(Course.windows(hold, window)))]
    found = {}
    try:
        terms = {n.metric: _terms(source, window, metrics[n.metric]) for n in held}
        parts = {name: queries.filled(source.metrics[name].query["mean"], of) for name, of in terms.items()}
        rows = ask_course(source, queries.joined(parts), moments)
        for name, mine in answer.apart(rows, list(parts)).items():
            metric, unit = metrics[name], source.metrics[name].unit
            values = answer.course(mine, metric, unit, _naming(source, metric), cluster, moments)
            found[name] = Course(window, FrozenDict(sorted(values.items())))
    except queries.NotThere as error:
        raise Refused(f"a course cannot be asked for: {error}") from None
    except answer.Unreadable as error:
        raise _unreadable(source, "a course", error) from None
    return found


def _unreadable(source: Datasource, what: str, error: answer.Unreadable) -> Failed:
    return Failed(f"the datasource {source.name} answers on {what}: {error}", "check its url")


def _terms(source: Datasource, period: float, metric: Metric) -> queries.Terms:
    label = _naming(source, metric).label
    return queries.Terms(label, period, metric.stale_after_seconds, source.labels)


def _naming(source: Datasource, metric: Metric) -> Naming:
    if naming := source.subjects.get(metric.subject):
        return naming
    said = f"the datasource {source.name} does not say which label names a {metric.subject}"
    raise Refused(said, f"add subjects.{metric.subject} to its document")
