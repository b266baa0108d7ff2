"""Usage for tests: believable numbers of any cloud, and a strategy that needs them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zlib import crc32

from activities.metrics import subjects
from plan_schemas.catalog import Strategy, load
from plan_schemas.frozen import freeze
from plan_schemas.model import Cluster
from plan_schemas.needs import Need
from plan_schemas.usage import Usage

METRICS = load().metrics
NEEDS = tuple(Need(name) for name in sorted(METRICS))


def believable(cluster: Cluster) -> Usage:
    """Numbers of all that is measured: each subject has its own share of what it can have, 20 to 80 %."""
    values = {
        name: {s: _share(s) * metric.most(cluster, s) for s in subjects.measured(metric, cluster)}
        for name, metric in METRICS.items()
    }
    return Usage(freeze(values), at=cluster.collected_at, source="tests")


def _share(subject: str) -> float:
    return 0.2 + 0.6 * (crc32(subject.encode()) % 1000) / 1000


def strategy(**changed: Any) -> Strategy:
    """One that needs all metrics there are."""
    return replace(load().strategies["dummy"], name="hungry", metrics=tuple(sorted(METRICS)), **changed)


def changed(usage: Usage, metric: str, numbers: dict[str, float | None]) -> Usage:
    """The same with other numbers of some subjects; None takes theirs away."""
    of = {**usage.values[metric], **numbers}
    kept = {subject: value for subject, value in of.items() if value is not None}
    return replace(usage, values=freeze({**usage.values, metric: kept}))


def with_gap(usage: Usage, metric: str, kind: str, chosen: list[str]) -> Usage:
    """The same where some have no number, for that reason."""
    holed = changed(usage, metric, dict.fromkeys(chosen))
    return replace(holed, gaps=freeze({metric: {kind: dict.fromkeys(chosen, "said so")}}))
