"""What an audit needs to know of the load: one query for each metric, whatever the size of the cloud."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from activities.door import Failed
from activities.metrics import answer
from activities.metrics.prometheus import ask
from plan_schemas import queries
from plan_schemas.dialect import Datasource
from plan_schemas.frozen import freeze
from plan_schemas.metric import Metric
from plan_schemas.model import Cluster
from plan_schemas.needs import Need
from plan_schemas.plan import Refused
from plan_schemas.usage import Usage


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
    for need in needs:
        heartbeat(need.metric)
        read[need.metric] = of_one(source, need, metrics[need.metric], cluster)
    return Usage(
        values=freeze({name: one.values for name, one in read.items()}),
        at=now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        source=source.name,
        over=freeze({need.metric: need.over for need in needs}),
        gaps=freeze({name: one.gaps for name, one in read.items() if one.gaps}),
    )


def of_one(source: Datasource, need: Need, metric: Metric, cluster: Cluster) -> answer.Read:
    """One metric of all its subjects, by one query."""
    unit = source.metrics[metric.name].unit
    rows = rows_of(source, need, metric)
    try:
        return answer.read(rows, metric, unit, source.subjects[metric.subject], cluster)
    except answer.Unreadable as error:
        said = f"the datasource {source.name} answers on {metric.name}: {error}"
        raise Failed(said, "check its url") from None


def rows_of(source: Datasource, need: Need, metric: Metric) -> Sequence[Any]:
    """What is answered to the one query of a metric, as it came."""
    question, naming = source.metrics[metric.name], source.subjects.get(metric.subject)
    if naming is None:
        said = f"the datasource {source.name} does not say which label names a {metric.subject}"
        raise Refused(said, f"add subjects.{metric.subject} to its document")
    terms = queries.Terms(naming.label, need.period, metric.stale_after_seconds, source.labels)
    try:
        return ask(source, queries.query(question.query[need.aggregate], question.newest, terms))
    except queries.NotThere as error:
        raise Refused(f"{metric.name} cannot be asked for: {error}") from None
