"""Whether the metrics of strategies are there, fresh and in range: a live look at the datasources."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from activities.door import Failed, Transient
from activities.metrics import answer, gate, units
from activities.metrics.measure import choose, of_one, rows_of
from plan_schemas.dialect import Datasource
from plan_schemas.frozen import freeze
from plan_schemas.metric import Metric
from plan_schemas.model import Cluster
from plan_schemas.needs import Need
from plan_schemas.plan import Refused
from plan_schemas.usage import Usage


@dataclass(frozen=True, slots=True)
class Finding:
    """One metric: whether a strategy could believe it now, and in one sentence why."""

    is_good: bool
    said: str
    source: str = ""
    at: str = ""  # when it was measured, where that was not now


def check(
    sources: Sequence[Datasource], metrics: Sequence[Metric], cloud: str, cluster: Cluster | None
) -> Mapping[str, Finding]:
    """Each metric by one query. With a model of the cloud also whether anybody is missing."""
    return {metric.name: _one(sources, metric, cloud, cluster) for metric in metrics}


def _one(sources: Sequence[Datasource], metric: Metric, cloud: str, cluster: Cluster | None) -> Finding:
    need, source = Need(metric.name), None
    try:
        source = choose(sources, cloud, [need]) if cloud else _any(sources, need)
        told = _with_model(source, need, metric, cluster) if cluster else _alone(source, need, metric)
        said = list(told)  # here, where what goes wrong becomes a sentence
    except (Refused, Failed, Transient) as why:
        return Finding(False, str(why), source.name if source else "")
    except answer.Unreadable as why:
        return Finding(False, f"the answer cannot be read: {why}", source.name if source else "")
    bad = [text for is_good, text in said if not is_good]
    return Finding(not bad, "; ".join(bad or [text for _, text in said]), source.name)


def of_file(metrics: Sequence[Metric], cluster: Cluster, usage: Usage) -> Mapping[str, Finding]:
    """Each metric as a snapshot has it: what `ballast propose` decides by, with no datasource asked."""
    return {metric.name: _recorded(metric, cluster, usage) for metric in metrics}


def _recorded(metric: Metric, cluster: Cluster, usage: Usage) -> Finding:
    whose = usage.source or "the snapshot"
    if metric.name not in usage.values and metric.name not in usage.gaps:
        said = "the snapshot has no number of it; take it with `ballast snapshot --usage`"
        return Finding(False, said, "the snapshot")
    try:
        gate.require_one_moment(usage, cluster, [metric], max_age=0.0)
    except Refused as why:
        return Finding(False, str(why), whose, usage.at)
    judged = gate.judge(metric, usage, cluster)
    bad = [s.removeprefix(f"{metric.name}: ") for s in gate.told(judged, cluster)]
    values = list(usage.values.get(metric.name, {}).values())
    said = "; ".join(bad) or _summary(metric, metric.unit, len(values), None, values) + _beware(judged)
    return Finding(not bad, said, whose, usage.at)


def _any(sources: Sequence[Datasource], need: Need) -> Datasource:
    for source in sources:
        if need.metric in source.metrics:
            return source
    raise Refused(f"no datasource says how to ask for {need.metric}", "add the query to a document")


def _with_model(
    source: Datasource, need: Need, metric: Metric, cluster: Cluster
) -> Iterator[tuple[bool, str]]:
    """As the gate will judge it."""
    read = of_one(source, need, metric, cluster)
    usage = Usage(
        freeze({metric.name: read.values}),
        cluster.collected_at,
        source.name,
        freeze({metric.name: read.gaps}),
    )
    judged = gate.judge(metric, usage, cluster)
    for sentence in gate.told(judged, cluster):
        yield False, sentence.removeprefix(f"{metric.name}: ")
    seen = _summary(metric, metric.unit, len(read.values), read.newest, list(read.values.values()))
    yield True, seen + _beware(judged)


def _alone(source: Datasource, need: Need, metric: Metric) -> Iterator[tuple[bool, str]]:
    """Without a model nobody knows who is missing, nor how many cores an instance has."""
    question = source.metrics[need.metric]
    rows, naming = rows_of(source, need, metric), source.subjects[metric.subject]
    newest, values = answer.glance(rows, naming)
    if not values:
        others = f" whose label {naming.label} names a {metric.subject}" if rows else ""
        yield False, f"there is no series{others}; see that its exporters are scraped"
        return
    if newest is None or newest > metric.stale_after_seconds:
        age = "older than a lookback" if newest is None else f"{newest:,.0f} s old"
        yield (
            False,
            f"stale: the newest sample is {age}, at most {metric.stale_after_seconds:g} s are allowed",
        )
    if broken := sum(not math.isfinite(value) for value in values):
        yield False, f"{broken} of {len(values)} series are no number"
    finite = [value for value in values if math.isfinite(value)]
    times = units.constant(metric, question.unit)
    if times is not None and finite:
        least, most = min(finite) * times, max(finite) * times
        if least < -1 or (metric.maximum is not None and most > metric.maximum + metric.slack):
            yield False, f"out of range: {least:.4g} to {most:.4g} {metric.unit}"
    told = [value * (times or 1.0) for value in finite]
    unit = question.unit if times is None else metric.unit
    yield True, _summary(metric, unit, len(values), newest, told)


def _beware(judged: gate.Judged) -> str:
    """What a strategy would take for true of so few."""
    return f"; {judged.so_idle}" if judged.so_idle else ""


def _summary(metric: Metric, unit: str, count: int, newest: float | None, values: Sequence[float]) -> str:
    age = "" if newest is None else f", newest {newest:.0f} s old"
    span = f", {min(values):.4g} to {max(values):.4g} {unit}" if values else ""
    return f"{count} {metric.subject}s{age}{span}"
