"""From what Prometheus answers to numbers by subject, and to what is wrong with the others. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from activities.metrics import units
from plan_schemas.dialect import Naming
from plan_schemas.metric import Metric
from plan_schemas.model import Cluster
from plan_schemas.queries import KIND

_PORT = re.compile(r":\d+$")
_SHOWN = 3  # series that are told when they are one subject's


class Unreadable(ValueError):
    """An answer that is not what Prometheus' documentation says; one sentence."""


@dataclass
class Read:
    """One metric: numbers by subject, in the metric's unit, and why others have none."""

    values: dict[str, float] = field(default_factory=dict)
    gaps: dict[str, dict[str, str]] = field(default_factory=dict)
    series: int = 0
    newest: float | None = None  # age in seconds of the newest sample of all
    asked_at: float | None = None  # when the datasource answered, by its own clock; None without any series

    def gap(self, kind: str, subject: str, said: str) -> None:
        self.values.pop(subject, None)
        self.gaps.setdefault(kind, {})[subject] = said


@dataclass(frozen=True, slots=True)
class Sample:
    name: str  # of the subject, as the model has it
    series: str  # its labels, as people read them
    at: float  # seconds of the datasource's clock: when the query was evaluated
    value: float


def apart(rows: Sequence[Any], names: Sequence[str]) -> dict[str, list[Any]]:
    """The answer to one query for several metrics, by metric, each as if it had been asked for alone."""
    found: dict[str, list[Any]] = {name: [] for name in names}
    for row in rows:
        try:
            labels = dict(row["metric"])
            name, _, kind = str(labels[KIND]).partition(" ")
            found[name].append({**row, "metric": {**labels, KIND: kind}})
        except (KeyError, TypeError, ValueError):
            raise Unreadable(f"a series is not one that was asked for: {str(row)[:120]}") from None
    return found


def read(rows: Sequence[Any], metric: Metric, unit: str, naming: Naming, cluster: Cluster) -> Read:
    """The result of one query for all subjects of a metric."""
    samples = _by_kind(rows, naming, _names(metric, naming, cluster))
    out = Read(series=len(samples["value"]), asked_at=_parts(rows[0])[1] if rows else None)
    newest = {s.name: s for s in sorted(samples["newest"], key=lambda s: s.value)}
    if newest:
        out.newest = min(s.at - s.value for s in newest.values())
    by_subject: dict[str, list[Sample]] = {}
    for sample in samples["value"]:
        by_subject.setdefault(sample.name, []).append(sample)
    known: Mapping[str, Any] = cluster.hosts if metric.subject == "host" else cluster.instances
    for name, found in sorted(by_subject.items()):
        last = newest.get(name)
        age = None if last is None else last.at - last.value
        if age is None or not age <= metric.stale_after_seconds:
            if name in known:  # what the cloud does not know any more has old samples, and nobody misses them
                out.gap("stale", name, _old(age, metric.stale_after_seconds))
        elif len(found) > 1:
            out.gap("duplicate", name, " and ".join(sorted(s.series for s in found)[:_SHOWN]))
        elif not math.isfinite(found[0].value):
            out.gap("not_a_number", name, str(found[0].value))
        else:
            times = units.factor(metric, unit, cluster, name) if name in known else 1.0
            out.values[name] = round(found[0].value * times, 4)
    return out


def course(
    rows: Sequence[Any],
    metric: Metric,
    unit: str,
    naming: Naming,
    cluster: Cluster,
    moments: Sequence[float],
) -> dict[str, tuple[float | None, ...]]:
    """The result of one query at many moments, by subject; None where there is no number.

    Where an instance has moved there are two for a while: the least counts, for that can only say that
    something has not lasted.
    """
    names, step = _names(metric, naming, cluster), moments[1] - moments[0]
    known: Mapping[str, Any] = cluster.hosts if metric.subject == "host" else cluster.instances
    found: dict[str, list[float | None]] = {}
    for row in rows:
        labels, points = _points(row)
        told = _subject(labels.get(naming.label, ""), naming)
        name = names.get(told, told) if told is not None else None
        if name is None or name not in known:
            continue
        times = units.factor(metric, unit, cluster, name)
        mine = found.setdefault(name, [None] * len(moments))
        for at, value in points:
            n = round((at - moments[0]) / step)
            if 0 <= n < len(mine) and math.isfinite(value):
                number, there = round(value * times, 4), mine[n]
                mine[n] = number if there is None else min(there, number)
    return {name: tuple(values) for name, values in found.items()}


def glance(rows: Sequence[Any], naming: Naming) -> tuple[float | None, list[float]]:
    """Without knowing the cloud: the age of the newest sample of all, and every number as it was told."""
    samples = _by_kind(rows, naming, {})
    ages = [s.at - s.value for s in samples["newest"] if math.isfinite(s.value)]
    return min(ages, default=None), [s.value for s in samples["value"]]


def _old(age: float | None, most: float) -> str:
    if age is None or not math.isfinite(age):
        return f"no sample in the last {most:,.0f} s"
    return f"the newest is {age:,.0f} s old, at most {most:,.0f} s are allowed"


def _by_kind(rows: Sequence[Any], naming: Naming, names: Mapping[str, str]) -> dict[str, list[Sample]]:
    """Numbers and times of newest samples; what has no name, or one that is another's, is left out."""
    out: dict[str, list[Sample]] = {"value": [], "newest": []}
    for row in rows:
        labels, at, value = _parts(row)
        kind = labels.get(KIND)
        if kind not in out:
            raise Unreadable(f"a series has the label {KIND}={kind!r}, which no query of ours gives it")
        told = labels.get(naming.label, "")
        name = _subject(told, naming)
        if name is not None:
            series = "{" + ", ".join(f"{k}={v}" for k, v in sorted(labels.items()) if k != KIND) + "}"
            out[kind].append(Sample(names.get(name, name), series, at, value))
    return out


def _parts(row: Any) -> tuple[Mapping[str, str], float, float]:
    try:
        labels, (at, value) = row["metric"], row["value"]
        return {k: _text(v) for k, v in dict(labels).items()}, float(at), float(value)
    except (KeyError, TypeError, ValueError):
        raise Unreadable(f"a sample is not as Prometheus writes it: {str(row)[:120]}") from None


def _points(row: Any) -> tuple[Mapping[str, str], list[tuple[float, float]]]:
    try:
        labels = {k: _text(v) for k, v in dict(row["metric"]).items()}
        return labels, [(float(at), float(value)) for at, value in row["values"]]
    except (KeyError, TypeError, ValueError):
        raise Unreadable(f"a series is not as Prometheus writes it: {str(row)[:120]}") from None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _subject(told: str, naming: Naming) -> str | None:
    """The name in a label; None when it is nobody's of ours."""
    if naming.strip_port:
        told = _PORT.sub("", told)
    if naming.match:
        found = re.search(naming.match, told)
        if found is None:
            return None
        told = found[1] or ""
    return (told.partition(".")[0] if naming.short_names else told) or None


def _names(metric: Metric, naming: Naming, cluster: Cluster) -> Mapping[str, str]:
    """What the model calls whom the datasource knows by a short name."""
    if not naming.short_names or metric.subject != "host":
        return {}
    return {name.partition(".")[0]: name for name in cluster.hosts}
