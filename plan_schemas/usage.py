"""Measured use of hosts and instances: one number per subject and metric, as a decision takes it in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import ceil
from types import NoneType
from typing import Any

from plan_schemas.complaints import nearest
from plan_schemas.frozen import EMPTY, FrozenDict, freeze, thaw
from plan_schemas.problems import Findings, quoted

Numbers = Mapping[str, Mapping[str, float]]  # metric -> subject -> value
Gaps = Mapping[str, Mapping[str, Mapping[str, str]]]  # metric -> kind of trouble -> subject -> what it is

_BY_METRIC = ("values", "over", "gaps", "courses")


@dataclass(frozen=True, slots=True)
class Course:
    """What one metric was, as means over windows of time that touch each other; the last one ends now."""

    window: float  # seconds
    values: Mapping[str, tuple[float | None, ...]]  # by subject; as many of each, None where there is none

    @staticmethod
    def windows(hold: float, window: float) -> int:
        """How many are looked at so that no spike shorter than `hold` touches all of them: the first and the
        last may be touched by a moment of it, the others lie between."""
        return ceil(hold / window) + 2


@dataclass(frozen=True, slots=True)
class Usage:
    """What was measured, in each metric's declared unit, by host name or instance uuid.

    Whatever a strategy gets passed the gate of quality: what is missing, stale or out of range never gets so
    far. Before the gate it may have gaps, and numbers that nobody should believe.
    """

    values: Numbers = EMPTY
    at: str = ""  # RFC 3339, UTC: until when the numbers tell
    source: str = ""  # of what datasource
    over: Mapping[str, str] = EMPTY  # of each metric over what time, where that is known
    gaps: Gaps = EMPTY  # why there is no number: stale, not_a_number, duplicate
    courses: Mapping[str, Course] = EMPTY  # of each metric that a `hold` asks for
    # By a strategy's fallback, only after the gate:
    assumed: tuple[str, ...] = ()  # a sentence for each metric
    aside: Mapping[str, str] = EMPTY  # hosts that neither give nor take, with what nobody knows there

    def of(self, metric: str) -> Mapping[str, float]:
        """By subject. Raises KeyError for a metric that the strategy does not declare."""
        return self.values[metric]


NONE = Usage()


def from_document(document: Mapping[str, Any] | None) -> Usage:
    """The `usage` of a valid Snapshot document; nothing of one that has none."""
    if document is None:
        return NONE
    row = {key: freeze(value) for key, value in document.items() if key != "courses"}
    courses = {name: Course(**freeze(one)) for name, one in document.get("courses", {}).items()}
    return Usage(**row, courses=FrozenDict(courses))


def check(row: Mapping[str, Any], metrics: Collection[str], found: Findings) -> None:
    """What is wrong with the `usage` of a Snapshot document beyond its form."""
    for key in _BY_METRIC:
        for name in row.get(key, {}):
            if name not in metrics:
                remedy = nearest(name, metrics, "known")
                found.add(("usage", key, name), f"there is no metric {quoted(name)}", remedy)
    for name, course in row.get("courses", {}).items():
        wanted = max(map(len, course["values"].values()), default=0)
        for subject, values in course["values"].items():
            path = ("usage", "courses", name, "values", subject)
            if len(values) != wanted:
                found.add(
                    path, f"has {len(values)} numbers, others have {wanted}", "put null for what is missing"
                )
            elif any(isinstance(v, bool) or not isinstance(v, (int, float, NoneType)) for v in values):
                found.add(path, "has something else than numbers and nulls", "put null for what is missing")


def to_document(usage: Usage) -> dict[str, Any]:
    """What a Snapshot document has under `usage`: subjects in one order, whatever was answered first."""
    row: dict[str, Any] = {
        "at": usage.at,
        "source": usage.source,
        "values": {name: dict(sorted(of.items())) for name, of in sorted(usage.values.items())},
    }
    if usage.over:
        row["over"] = dict(sorted(usage.over.items()))
    if usage.gaps:
        row["gaps"] = {
            name: {kind: dict(sorted(of.items())) for kind, of in sorted(kinds.items())}
            for name, kinds in sorted(thaw(usage.gaps).items())
        }
    if usage.courses:
        row["courses"] = {
            name: {"window": one.window, "values": dict(sorted(one.values.items()))}
            for name, one in sorted(usage.courses.items())
        }
    return row
